"""Compositions of the error function's family: generated code calls torch's own function, where all of one is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import Lambda, captured
from tests.core.emit.support import generated_class
from torchlean_core.artifact import load_graph
from torchlean_core.capture.write import write_captured
from torchlean_core.emit import emit_file
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

ALLOWED = ["gelu=erf", "erf=composed", "erfc=composed", "ndtr=composed"]
CALLS = {
    "F.gelu(v0)": F.gelu,
    "torch.erf(v0)": torch.erf,
    "torch.special.erfc(v0)": torch.erfc,
    "torch.special.ndtr(v0)": torch.special.ndtr,
}


def emitted(
    folder: Path, function: Any, shape: tuple[int, ...], dialect: str = "classic", **state: Any
) -> Any:
    """The text of the generated module, the module, and the interpreter's."""
    result = captured(Lambda(function, **state), shape, approximate=ALLOWED, dialect=dialect)
    artifact = folder / "m.ir.json"
    write_captured(result, artifact, "test")
    text = emit_file(artifact).output.read_text(encoding="utf-8")
    model = generated_class(folder / "m.py")()
    return text, model, Interpreter(lower(result.graph), result.tensors)


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 5), (4, 4), (2, 3, 4)])
@pytest.mark.parametrize("call", CALLS)
def test_a_composition_is_one_call(tmp_path: Path, call: str, shape: tuple[int, ...], dialect: str) -> None:
    text, model, interpreter = emitted(tmp_path, lambda m, x: CALLS[call](x), shape, dialect)
    assert call in text and "exp(" not in text and "register_buffer" not in text
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpreter.run(x), rtol=1e-5, atol=1e-6)
        assert torch.equal(model(x), CALLS[call](x))


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_several_share_their_constants_and_train_as_the_model_does(tmp_path: Path, dialect: str) -> None:
    torch.manual_seed(0)
    text, model, interpreter = emitted(
        tmp_path,
        lambda m, x: F.gelu(m.two(F.gelu(m.one(x)))),
        (2, 4),
        dialect,
        one=nn.Linear(4, 8),
        two=nn.Linear(8, 3),
    )
    assert text.count("F.gelu(") == 2 and "torch.exp" not in text and "register_buffer" not in text
    assert len(list(model.parameters())) == 4
    x = torch.randn(2, 4)
    torch.testing.assert_close(model(x).detach(), interpreter.run(x), rtol=1e-5, atol=1e-6)


def _changed(folder: Path, change: Any) -> str:
    """The module of a captured GELU whose artifact, and parameters in it, were changed."""
    result = captured(Lambda(lambda m, x: F.gelu(x)), (2, 3), approximate=ALLOWED, dialect="generalized")
    root = json.loads(result.text)
    change(root)
    artifact = folder / "m.ir.json"
    artifact.write_text(json.dumps(root), encoding="utf-8")
    load_graph(artifact)
    return emit_file(artifact).output.read_text(encoding="utf-8")


def test_the_artifact_as_it_is_gives_a_call(tmp_path: Path) -> None:
    assert "F.gelu(v0)" in _changed(tmp_path, lambda root: None)


def test_another_constant_is_another_function(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        const = next(node for node in root["nodes"] if node["kind"] == "const" and node["shape"] == [4, 1])
        values = const["values"]
        values[0] = float(values[0]) * 1.5

    assert "F.gelu" not in _changed(tmp_path, change)


def test_a_constant_that_trains_is_none(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        const = next(node for node in root["nodes"] if node["kind"] == "const")
        del const["trainable"]

    assert "F.gelu" not in _changed(tmp_path, change)


@pytest.mark.parametrize("kind", ["exp", "inv", "reduce_sum", "mul_elem"])
def test_a_value_inside_that_is_used_elsewhere_stays(tmp_path: Path, kind: str) -> None:
    def change(root: Any) -> None:
        inner = next(node["id"] for node in root["nodes"] if node["kind"] == kind)
        root["output_ids"].append(inner)

    assert "F.gelu" not in _changed(tmp_path, change)


def test_another_operator_is_another_function(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        next(node for node in root["nodes"] if node["kind"] == "exp")["kind"] = "tanh"

    assert "F.gelu" not in _changed(tmp_path, change)


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_a_frozen_grouped_kernel_computes(tmp_path: Path, dialect: str) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 4, 2, groups=2, dilation=2).requires_grad_(False)
    _, model, interpreter = emitted(tmp_path, lambda m, x: m.layer(x), (2, 4, 5), dialect, layer=layer)
    x = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(x), interpreter.run(x))
