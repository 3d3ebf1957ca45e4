"""Captures of GELU, erf, erfc and the normal distribution function, composed to the last digit on request."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import Lambda, captured
from torchlean_core import approximations
from torchlean_core.capture import pipeline
from torchlean_core.capture.errors import CaptureError
from torchlean_core.erf import forms
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

DIALECTS = ["classic", "generalized"]


def _spelled(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "gelu": (F.gelu, "gelu=erf"),
    "gelu written with erf": (_spelled, "gelu=erf"),
    "gelu written with erf, allowed as such": (_spelled, "erf=composed"),
    "erf": (torch.erf, "erf=composed"),
    "special.erf": (torch.special.erf, "erf=composed"),
    "erfc": (torch.erfc, "erfc=composed"),
    "special.erfc": (torch.special.erfc, "erfc=composed"),
    "ndtr": (torch.special.ndtr, "ndtr=composed"),
}
NODES = {"gelu": 60, "erf": 65, "erfc": 90, "ndtr": 90}
"""Most nodes beside the input."""


def _captured(function: Any, shape: tuple[int, ...], allow: str, **options: Any) -> Any:
    return captured(Lambda(lambda m, x: function(x)), shape, approximate=[allow], **options)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(), (4,), (1, 6), (2, 3, 4)])
def test_a_function_is_captured_and_verified_as_an_exact_one(
    name: str, shape: tuple[int, ...], dialect: str
) -> None:
    function, allow = FUNCTIONS[name]
    result = _captured(function, shape, allow, dialect=dialect)
    assert result.verification is not None and result.verification.dtype == torch.float64
    assert result.verification.max_relative_error < (1e-7 if function is _spelled else 1e-12)
    assert [note.code for note in result.notes] == ["TL405"]  # and no TL407: gradients agree
    if name in NODES:
        assert len(result.graph.nodes) - 1 <= NODES[name]
    x = 4 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = Interpreter(lower(result.graph), result.tensors).run(x)
    torch.testing.assert_close(found, function(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_is_captured_with_its_gradients(dialect: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3))
    result = captured(model, (2, 6), approximate=["gelu=erf"], dialect=dialect)
    assert {note.code for note in result.notes} == {"TL405"}
    mark = json.loads(result.text)["approximations"]
    assert [(one["operator"], one["form"], one["bound"]) for one in mark] == [("gelu", "erf", 1e-6)]
    assert mark[0]["max_relative_error"] < 1e-7
    consts = [node for node in result.graph.nodes if node.kind == "const"]
    assert all(node.extra["trainable"] is False for node in consts)
    alone = captured(nn.Sequential(nn.GELU()), (2, 8), approximate=["gelu=erf"], dialect=dialect)
    own = [node for node in alone.graph.nodes if node.kind == "const"]
    assert len(consts) == len(own)  # both share them


@pytest.mark.parametrize("allow", ["gelu=tanh", "erfc=composed", "ndtr=composed"])
def test_erf_is_refused_where_something_else_was_allowed(allow: str) -> None:
    with pytest.raises(CaptureError) as caught:
        _captured(_spelled, (2, 4), allow)
    (finding,) = caught.value.findings
    assert (finding.allow, finding.alternatives) == ("erf=composed", ("gelu=erf",))
    assert "--approximate erf=composed or gelu=erf" in str(caught.value)


@pytest.mark.parametrize(("name", "allow"), [("erfc", "erfc=composed"), ("ndtr", "ndtr=composed")])
def test_a_refusal_names_the_form(name: str, allow: str) -> None:
    with pytest.raises(CaptureError) as caught:
        captured(Lambda(lambda m, x: FUNCTIONS[name][0](x)), (2, 4))
    assert caught.value.findings[0].allow == allow


def test_a_composition_that_is_off_fails_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong in the sixth digit, which the bound of the tanh form would let pass."""
    right = forms.gelu
    monkeypatch.setattr(forms, "gelu", lambda m, x: m.binary("mul_elem", right(m, x), 1.0 + 2.0**-18))
    with pytest.raises(CaptureError, match=r"a relative error of 3[.]81e-06"):
        _captured(F.gelu, (3, 5), "gelu=erf")


def test_a_composition_with_another_gradient_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = forms.gelu
    monkeypatch.setattr(forms, "gelu", lambda m, x: m.unary("detach", right(m, x)))
    assert "TL407" in [note.code for note in _captured(F.gelu, (3, 5), "gelu=erf").notes]


def test_another_function_is_measured_and_its_gradients_are_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    compare = pipeline.differences
    monkeypatch.setattr(
        pipeline, "differences", lambda *args, verify: asked.append(verify) or compare(*args, verify=verify)
    )
    _captured(F.gelu, (3, 5), "gelu=tanh")
    _captured(F.gelu, (3, 5), "gelu=erf")
    assert asked == [False, True]


def test_each_substitution_has_a_bound_and_says_what_it_is() -> None:
    for one in approximations.TABLE:
        assert approximations.approximation(one.operator, one.form) is one
        assert 0 < one.bound <= 1e-2 and one.meaning and one.serves[0] == one.operator
        assert one.below_rounding == (one.bound == approximations.ROUNDING)
    assert [one.text for one in approximations.for_operator("gelu")] == ["gelu=erf", "gelu=tanh"]
    with pytest.raises(KeyError):
        approximations.approximation("gelu", "relu")
