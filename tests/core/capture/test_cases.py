"""Models that a capture once refused, or got wrong: each in `cases/`, with what it computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from torchlean_core.capture.configured import example_shape
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import capture
from torchlean_core.capture.target import Target
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.kinds import DIALECTS
from torchlean_core.options.capture import Options

HERE = Path(__file__).parent / "cases"
CASES = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "__init__")

CLOSE = 2e-6
"""Largest difference in float32, relative to the largest value."""

SIZES = (1.0, 1e-3, 30.0)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_the_artifact_computes_what_the_model_computes(name: str, dialect: str) -> None:
    target = Target(HERE / f"{name}.py", "Model")
    shape = example_shape(target)
    loaded = load_model(target)
    found = capture(loaded, shape, HERE / "m.ir.json", Options(dialect=dialect))
    model = loaded.module.eval()
    interpreter = Interpreter(lower(found.graph), found.tensors, torch.float32)
    generator = torch.Generator().manual_seed(8)
    inputs = [size * torch.randn(shape, generator=generator) for size in SIZES]
    inputs += [torch.zeros(shape), torch.arange(-3.0, 4.0)[torch.randint(7, shape, generator=generator)]]
    for x in inputs:
        with torch.no_grad():
            expected = model(x)
        expected = expected[0] if isinstance(expected, tuple) else expected
        (ours,) = interpreter.run_all(x)
        finite = torch.isfinite(expected)
        assert bool(torch.isfinite(ours[finite]).all()), "finite where the model is"
        if bool(finite.any()):
            scale = float(expected[finite].abs().max())
            assert float((ours - expected)[finite].abs().max()) <= CLOSE * max(scale, 1e-30), x
