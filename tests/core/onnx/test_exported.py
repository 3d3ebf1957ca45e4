"""Models of the zoo by way of `torch.onnx.export`, of either kind: the artifact computes what the module does."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from tests.core.capture.zoo.survey import Entry
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Target
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.options.capture import Options

from .support import captured

LIMIT = 1e-6
MODELS = [
    Entry("multilayer", "Perceptron"),
    Entry("multilayer", "NormalizedPerceptron"),
    Entry("plain", "LeNet"),
    Entry("residual", "PreActResNet"),
    Entry("generative", "Generator"),
    Entry("transformers", "VisionTransformer"),
    Entry("recurrent", "LSTM"),
    Entry("verification", "CollisionAvoidance"),
]
"""Some of each family: all of them take many minutes to be exported."""


def results(found: Captured, x: torch.Tensor) -> torch.Tensor:
    return Interpreter(lower(found.graph), found.tensors, torch.float64).run_all(x)[0]


@pytest.mark.thorough
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("entry", MODELS, ids=str)
def test_an_exported_model_is_captured_as_what_the_model_is(
    entry: Entry, dynamo: bool, tmp_path: Path
) -> None:
    file = tmp_path / "m.onnx"
    loaded = load_model(Target(entry.file, entry.name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {} if dynamo else {"do_constant_folding": True}
        torch.onnx.export(loaded.module, (torch.randn(entry.shape),), file, dynamo=dynamo, **options)
    own = capture(load_model(Target(entry.file, entry.name)), entry.shape, tmp_path / "own.ir.json", DIRECT)
    found = captured(file)
    x = torch.randn(entry.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    expected = results(own, x)
    assert float((results(found, x) - expected).abs().max()) <= LIMIT * float(expected.abs().max())


DIRECT = Options(dialect="generalized", verify=False)
