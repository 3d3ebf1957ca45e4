"""Values of the model's own state, which are the same for every input, and checks that can only raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.core.capture.support import EXACT, Lambda, captured, function
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import capture
from torchlean_core.capture.target import parse_target

STATE: dict[str, Any] = {
    "ready": torch.tensor(1.0),
    "mask": torch.tensor([True, False, True, True]),
    "order": torch.tensor([2, 0, 1]),
    "count": torch.tensor(3),
    "levels": torch.tensor([1.0, 2.0, 3.0]),
}


def _rows(m: Any, x: torch.Tensor) -> torch.Tensor:
    z = torch.zeros(2, 4)
    z.add_(1)
    z[:, 1] = x[:, 0]
    return z * x if z is not None else x


def _loop(m: Any, x: torch.Tensor) -> torch.Tensor:
    for place in m.order:
        x = x + x[:, place : place + 1]
    return x


def _overwritten(m: Any, x: torch.Tensor) -> torch.Tensor:
    sizes = torch.ones(2)
    sizes += 1
    return x * sizes.sum().item()


CASES: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "a branch on a buffer": lambda m, x: x.tanh() if m.ready > 0 else x,
    "the other branch": lambda m, x: x.tanh() if m.ready < 0 else x.exp(),
    "a number of a buffer": lambda m, x: x * m.ready.item(),
    "a float": lambda m, x: x * float(m.levels.max()),
    "a size": lambda m, x: x @ torch.ones(4, int(m.count)),
    "a slice's end": lambda m, x: x[:, : m.count],
    "a loop over a buffer": _loop,
    "a loop by a number": lambda m, x: sum((x**i for i in range(1, int(m.count))), x),
    "a mask of the state": lambda m, x: x[:, m.mask].exp(),
    "a mask that is computed": lambda m, x: x[torch.ones(2, 4, dtype=torch.bool).triu(1)],
    "a mask as a list": lambda m, x: x[:, [True, False, True, False]],
    "a mask of numpy": lambda m, x: x[:, np.array([True, False, True, False])],
    "masked_select": lambda m, x: x.masked_select(m.mask).reshape(2, 3),
    "nonzero": lambda m, x: x[:, m.mask.nonzero().squeeze(1)],
    "unique": lambda m, x: x.sum() * torch.unique(m.levels),
    "repeated": lambda m, x: x.repeat_interleave(torch.tensor([1, 2, 0, 1]), dim=1),
    "repeated by a number of the state": lambda m, x: torch.repeat_interleave(x, m.count, dim=1),
    "a list of the state": lambda m, x: x[:, m.order.tolist()],
    "an array of the state": lambda m, x: x[:, m.order.numpy()],
    "equal": lambda m, x: x if torch.equal(m.order, torch.arange(3)) else -x,
    "the best of the state": lambda m, x: x[:, torch.topk(m.levels, 2).indices],
    "changed in place": _overwritten,
    "written with the input": _rows,
}


@pytest.mark.parametrize("name", CASES)
def test_what_depends_on_the_state_alone_is_known(name: str) -> None:
    found = function(CASES[name], (2, 4), **STATE)
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes


def test_a_parameter_stays_one_beside_a_mask() -> None:
    found = function(
        lambda m, x: x[:, m.mask] @ m.w[m.mask], (2, 4), w=nn.Parameter(torch.randn(4, 2)), **STATE
    )
    assert not found.notes, "gradients are compared"
    assert any(tensor.shape == (4, 2) for tensor in found.tensors.values()), "the parameter as it is"


def test_a_number_of_a_parameter_that_trains_elsewhere_is_told() -> None:
    found = function(lambda m, x: x * m.s * m.s.item(), (2, 4), s=nn.Parameter(torch.tensor(2.0)))
    assert [note.code for note in found.notes] == ["TL407"]
    assert "values of `s` are taken as numbers" in found.notes[0].message
    alone = function(lambda m, x: x * m.s.item(), (2, 4), s=nn.Parameter(torch.tensor(2.0)))
    assert not alone.notes, "nothing trains it there, either"
    assert alone.graph.extra["captured_from"]["state"]["folded"] == ["s"]


CHECKED = """import torch
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        torch._assert((x > -1e9).all(), "small")  # a
        assert x.max() < 1e9, f"large: {x.max()}"  # b
        if torch.isnan(x).any() or not torch.isfinite(x).all():  # c
            message = "not finite"
            raise ValueError(message)
        if torch.isfinite(x).all().item():  # d
            x = x * 2 if self.training else x + 1
        else:
            raise ValueError("not finite")
        return self.fc(x)
"""


def test_checks_that_can_only_raise_are_left_out_and_told(tmp_path: Path) -> None:
    file = tmp_path / "checked_model.py"  # not this one, whose asserts pytest rewrites
    file.write_text(CHECKED, encoding="utf-8")
    loaded = load_model(parse_target(f"{file}:Model"))
    found = capture(loaded, (2, 4), tmp_path / "m.ir.json")
    places = [n for n, line in enumerate(CHECKED.splitlines(), 1) if "  # " in line]
    assert sorted({note.line for note in found.notes if note.line}) == places
    assert {note.code for note in found.notes} == {"TL608"}
    assert {node.kind for node in found.graph.nodes} >= {"linear", "add"}


def test_checks_of_distributions_are_left_out() -> None:
    found = captured(
        Lambda(lambda m, x: torch.distributions.Normal(m.fc(x), torch.ones(2)).mean, fc=nn.Linear(4, 2)),
        (2, 4),
    )
    assert [note.code for note in found.notes] == ["TL608"]


REFUSED: dict[str, tuple[Callable[[Any, torch.Tensor], Any], str]] = {
    "a branch on the input": (lambda m, x: x if x.sum() > 0 else -x, "control flow depends on the values"),
    "a branch on both": (
        lambda m, x: x if (x * m.ready).sum() > 0 else -x,
        "control flow depends on the values",
    ),
    "a size of the input": (lambda m, x: x[:, : x.argmax().item()], "aten.argmax.default"),
    "a mask of the input": (lambda m, x: torch.nn.functional.leaky_relu(x[x > 0]), "aten.gt.Scalar"),
}


def _becomes_unknown(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(2, 4)
    view = y[0]
    y += x
    return x if view.sum() > 0 else -x


REFUSED["a view of what was overwritten"] = (_becomes_unknown, "")


def _drawn(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(2)
    nn.init.normal_(y)
    return x if y.sum() > 0 else -x


def _of_data(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.ones(2, 4)
    y.data = x.detach()
    return x if y.sum() > 0 else -x


def _tried(m: Any, x: torch.Tensor) -> torch.Tensor:
    try:
        if x.std() < 1e-8:
            raise RuntimeError("constant")
        return x / x.std()
    except RuntimeError:
        return x * 0


REFUSED["a check whose error is caught"] = (_tried, "")
REFUSED["what was drawn in place"] = (_drawn, "draws random numbers")
REFUSED["other data"] = (_of_data, "control flow depends on the values")


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_input_is_refused(name: str) -> None:
    forward, message = REFUSED[name]
    with pytest.raises(CaptureError) as caught:
        function(forward, (2, 4), **STATE)
    assert message in str(caught.value)
    adds = "draws random numbers" in str(caught.value)
    assert adds or "FX" not in str(caught.value), "a second way that got no further adds nothing"


def test_checks_of_a_decomposition_have_no_side_effects() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = torch.distributions.MultivariateNormal(m.fc(x), torch.eye(2)).mean
        return mean

    found = captured(Lambda(forward, fc=nn.Linear(4, 2)), (2, 4))
    assert {note.code for note in found.notes} == {"TL608"}


def test_dead_masks_count_for_nothing() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        (x < 0).to(torch.float32).sum()
        return torch.tanh(x)

    assert [node.kind for node in function(forward, (2, 4)).graph.nodes] == ["input", "tanh"]


def test_a_parameter_that_forward_changes_is_not_changed_by_the_capture() -> None:
    weight = nn.Parameter(torch.full((3, 2), 5.0))
    module = Lambda(
        lambda m, x: x * nn.functional.embedding(m.rows, m.w, max_norm=1.0).sum() * m.ready.item(),
        w=weight,
        rows=torch.tensor([0, 2]),
        ready=STATE["ready"],
    )
    with pytest.raises(CaptureError):
        captured(module, (2, 4))


@pytest.mark.parametrize("name", ["lu_factor", "ldl_factor", "cholesky", "inv", "tensorinv"])
def test_linear_algebra_that_nothing_uses_is_left_out(name: str) -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        getattr(torch.linalg, name)(m.w, *(1,) * (name == "tensorinv"))
        result: torch.Tensor = torch.special.xlog1py(x.abs(), m.w.abs())
        return result

    assert not function(forward, (4, 4), w=nn.Parameter(torch.eye(4) + 0.1)).notes


def test_sparse_buffers_are_known() -> None:
    sparse = torch.tensor([[0.0, 2.0], [1.0, 0.0]]).to_sparse()
    found = function(lambda m, x: torch.sparse.mm(m.a, x), (2, 3), a=sparse)
    assert found.verification is not None and found.verification.max_relative_error <= EXACT


def test_gradients_are_compared_in_float32_where_float64_has_none() -> None:
    found = function(lambda m, x: torch.nn.functional.huber_loss(x, torch.ones(2, 3)), (2, 3))
    assert not found.notes
