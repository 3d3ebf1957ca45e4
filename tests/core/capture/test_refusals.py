"""What cannot be captured exactly is refused: all of it at once, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import Lambda, captured, exact, function, loaded
from torchlean_core.capture import verify as verification
from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.instances import Instances
from torchlean_core.errors import UserError


class Several(nn.Module):
    """Four operators without a form, of which one is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 4), nn.GELU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.net(x)  # line of the GELU
        x = torch.erf(x) + x
        x = x + torch.randn(4)
        return x.sign()


def lines_of(*texts: str) -> list[int]:
    """Lines of this file that hold the texts."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return [next(i for i, line in enumerate(lines, 1) if text in line) for text in texts]


def test_all_unsupported_operators_are_in_one_error() -> None:
    with pytest.raises(CaptureError) as caught:
        captured(Several(), (2, 4), file=__file__)
    findings = caught.value.findings
    assert [finding.operator for finding in findings] == [
        "aten.gelu.default",
        "aten.erf.default",
        "aten.randn.default",
        "aten.sign.default",
    ]
    places = lines_of("# line of the GELU", "torch.erf(x) + x", "torch.randn(4)", "return x.sign()")
    assert [finding.line for finding in findings] == places
    assert findings[0].module == "`net.1` (GELU)"
    assert {finding.code for finding in findings} == {"TL601"}
    message = str(caught.value).splitlines()
    assert message[0] == "test_refusals.py: 4 operators cannot be captured exactly"
    assert message[1] == (
        f"  test_refusals.py:{places[0]}: TL601 aten.gelu.default in `net.1` (GELU): exact-erf GELU has no exact "
        "form in torchlean.ir.v1; allow one that is right to the last digit in its place, or use the tanh form, "
        'nn.GELU(approximate="tanh"), which is another function by up to 1e-3: --approximate gelu=erf or gelu=tanh'
    )
    text = Path(__file__).read_text(encoding="utf-8").splitlines()[places[1] - 1]
    column = text.index("torch.erf(x)")
    assert caught.value.data["findings"][1] == {
        "code": "TL601",
        "message": "erf has no exact form in torchlean.ir.v1; allow one that is right to the last digit in its place, "
        "as for a GELU that is written with erf",
        "line": places[1],
        "operator": "aten.erf.default",
        "module": None,
        "file": None,
        "span": {
            "line": places[1],
            "column": column,
            "end_line": places[1],
            "end_column": column + len("torch.erf(x)"),
        },
        "calls": (),
        "modules": (),
        "allow": "erf=composed",
        "dialect": None,
        "uses": 1,
        "alternatives": ("gelu=erf",),
    }


REFUSED: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "negative base": (Lambda(lambda m, x: torch.pow(-2.0, x)), (2,), "positive bases"),
    "division by zero": (Lambda(lambda m, x: x / 0), (2,), "division by zero"),
    "rounding division": (Lambda(lambda m, x: torch.div(x, 2, rounding_mode="floor")), (2,), "Tensor_mode"),
    "softplus with a low threshold": (nn.Softplus(threshold=5), (2,), "threshold=5"),
    "infinite constant": (
        Lambda(lambda m, x: x + m.w, w=torch.tensor([0.0, -torch.inf])),
        (2,),
        "only where a softmax follows directly",
    ),
    "other dtype": (Lambda(lambda m, x: (x.bfloat16() * 2).float()), (2,), "gives bfloat16"),
    "comparison": (Lambda(lambda m, x: (x > 0) * (x + 1)), (2,), "aten.gt.Scalar"),
    "argmax": (Lambda(lambda m, x: x.argmax() + x), (2,), "aten.argmax.default"),
    "indices of a pool": (
        Lambda(lambda m, x: F.max_pool2d(x, 2, return_indices=True)[1] * x[:, :1, :1]),
        (1, 4, 4),
        "a further result (such as indices) of aten.max_pool2d_with_indices.default",
    ),
    "dropout in training mode": (Lambda(lambda m, x: F.dropout(x, 0.5, True)), (2,), "random"),
    "random numbers": (Lambda(lambda m, x: x + torch.rand_like(x)), (2,), "draws random numbers"),
    "constant of infinite scale": (Lambda(lambda m, x: x * float("inf")), (2,), "not finite"),
    "fully masked softmax": (
        Lambda(lambda m, x: (x + torch.full((3, 4), -torch.inf)).softmax(-1)),
        (1, 3, 4),
        "masks a whole row",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    module, shape, message = REFUSED[name]
    with pytest.raises(CaptureError) as caught:
        captured(module, shape)
    assert message in str(caught.value)
    assert all(finding.code == "TL601" for finding in caught.value.findings)


NAMED: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "nan_to_num": (lambda m, x: torch.nan_to_num(x.log()), (2,), "(part of `aten.nan_to_num.default`)"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_refusal_names_what_the_user_wrote(name: str) -> None:
    forward, shape, message = NAMED[name]
    with pytest.raises(CaptureError) as caught:
        function(forward, shape, w=torch.tensor([0.2, 0.7]))
    assert message in str(caught.value)


class Counting(nn.Module):
    """Changes a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x * 2


class Branching(nn.Module):
    """Control flow that depends on values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:  # the branch
            return x
        return -x


@pytest.mark.parametrize("prefer_torch_export", [True, False])
def test_state_is_refused(prefer_torch_export: bool) -> None:
    with pytest.raises(CaptureError, match="changes the module's own state"):
        captured(Counting(), (2,), prefer_torch_export=prefer_torch_export)


@pytest.mark.parametrize("prefer_torch_export", [True, False])
def test_control_flow_on_values_is_refused_at_its_line(prefer_torch_export: bool) -> None:
    with pytest.raises(CaptureError, match="control flow depends on") as caught:
        captured(Branching(), (2,), file=__file__, prefer_torch_export=prefer_torch_export)
    assert [finding.line for finding in caught.value.findings] == lines_of("# the branch")
    assert caught.value.findings[0].code == "TL603"


def test_fx_does_not_freeze_random_numbers() -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn(3)

    with pytest.raises(CaptureError, match="draws random numbers"):
        captured(Noisy(), (3,), prefer_torch_export=False, verify=False)


OUTPUTS: dict[str, tuple[Callable[[Any, torch.Tensor], Any], str]] = {
    "two tensors": (lambda m, x: (x, x), "forward returns 2 values; an artifact has one output tensor"),
    "a dict": (lambda m, x: {"y": x, "z": x}, "forward returns 2 values; an artifact has one output tensor"),
    "a set": (lambda m, x: {x}, "forward returns a value of type set; outputs of an artifact are tensors"),
    "no tensor": (lambda m, x: 3.0, "forward returns a value of type float"),
    "integers": (lambda m, x: x.long(), "forward returns int64, expected float32"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_is_not_one_float_tensor_is_refused(name: str) -> None:
    forward, message = OUTPUTS[name]
    with pytest.raises(CaptureError) as caught:
        function(forward, (2,))
    assert message in str(caught.value)


def test_several_inputs_are_refused() -> None:
    with pytest.raises(CaptureError, match=r"forward takes 2 inputs \(input1, input2\); an artifact has one"):
        captured(nn.Bilinear(2, 2, 2), (2,))


def test_an_example_that_does_not_fit_is_shown_as_the_model_sees_it() -> None:
    with pytest.raises(CaptureError, match=r"cannot be multiplied .* \(with an input of shape \[1, 5\]\)"):
        captured(nn.Sequential(nn.Linear(4, 2)), (1, 5))


def test_more_parameters_than_the_limit_are_refused() -> None:
    with pytest.raises(CaptureError, match=r"28 scalars, more than the limit of 20 \(--max-parameters\)"):
        captured(nn.Linear(6, 4), (6,), max_parameters=20)
    with pytest.raises(CaptureError, match=r"parameters of [\d,]+ scalars, more than the limit of 155"):
        captured(nn.Conv2d(16, 16, 3, groups=16), (16, 5, 5), max_parameters=155)
    with pytest.raises(CaptureError, match=r"parameters of 28 scalars, more than the limit of 25"):
        captured(nn.Linear(6, 4), (6,), max_parameters=25)


def test_a_wrong_lowering_is_found_by_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(3, 2)
    wrong = {"linear_1_W": torch.zeros(2, 3), "linear_1_b": torch.zeros(2)}
    graph = captured(model, (3,)).graph
    with pytest.raises(UserError, match="differs from the model by a relative error of 1 "):
        verification.verify(Instances(loaded(model), (3,)), Finished(graph, wrong, {}))


def test_a_model_that_remembers_is_found_by_the_verification() -> None:
    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x * self.calls

    with pytest.raises(UserError, match="forward keeps state: `calls` of Remembering changes"):
        captured(Remembering(), (3,))


def test_a_model_that_needs_float32_is_verified_in_float32() -> None:
    result = function(lambda m, x: x.to(torch.float32) + torch.ones(2, dtype=torch.float32), (2,))
    assert result.verification is not None and result.verification.dtype == torch.float32


PREFIXES = {
    "log1p": torch.log1p,
    "log_softmax": lambda x: x.log_softmax(0),
    "expm1": torch.expm1,
    "expand": lambda x: x.expand(2, 4).clone(),
    "sinh": torch.sinh,
    "cosh": torch.cosh,
}


@pytest.mark.parametrize("prefer_torch_export", [True, False])
@pytest.mark.parametrize("name", PREFIXES)
def test_an_operator_is_not_taken_for_another_with_a_name_that_begins_alike(
    name: str, prefer_torch_export: bool
) -> None:
    module = Lambda(lambda m, x: PREFIXES[name](x))
    assert exact(captured(module, (4,), prefer_torch_export=prefer_torch_export))


def test_equal_operators_are_told_in_one_line() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        for _ in range(20):
            x = torch.floor(x) + 1
        x = torch.lgamma(x)
        return torch.floor(x)

    with pytest.raises(CaptureError) as caught:
        function(forward, (2, 4))
    lines = str(caught.value).splitlines()
    assert lines[0] == "support.py: 2 operators cannot be captured exactly"
    assert "aten.floor.default (21 uses; also " in lines[1]
    assert "aten.lgamma.default: has" in lines[2]
    assert [finding.uses for finding in caught.value.findings] == [20, 1, 1]
