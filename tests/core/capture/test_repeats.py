"""Models that no constructor gives a second time: captured from one instance, with a note (TL607)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.repeats import first_difference
from torchlean_core.capture.target import Target
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

HEAD = """\
import os
import random
import secrets

import numpy as np
import torch
from torch import nn


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 4)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.l.bias, generator=generator)

    def forward(self, x):
        return self.l(x)


"""
CLASS_LINE = HEAD.count("\n") + 1


def run(folder: Path, init: str, forward: str) -> tuple[Captured, nn.Module]:
    """Capture a `Net` with this constructor and forward; also gives the instance that was loaded."""
    body = "".join(f"        {line}\n" for line in init.splitlines())
    text = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{body}"
    file = folder / "drawn_model.py"
    file.write_text(f"{HEAD}{text}\n    def forward(self, x):\n        {forward}\n", encoding="utf-8")
    loaded = load_model(Target(file, "Net"))
    return capture(loaded, (2, 4), folder / "out.ir.json"), loaded.module


DRAWN = {
    "w": (
        "self.w = nn.Parameter(torch.from_numpy(np.random.default_rng().normal(size=(4, 4))).float())",
        "return x @ self.w",
    ),
    "b": (
        'self.register_buffer("b", torch.rand(4, generator=None) + secrets.randbelow(1 << 30) / (1 << 30))',
        "return x + self.b",
    ),
    "scale": ("self.scale = random.SystemRandom().random()", "return x * self.scale"),
    "order": (
        "self.order = np.random.default_rng().permutation(4 * [*range(4)]).tolist()",
        "return x[:, self.order]",
    ),
    "parts.0.l.bias": (
        "self.parts = nn.ModuleList([Part() for _ in range(2)])",
        "return self.parts[1](self.parts[0](x))",
    ),
}


@pytest.mark.parametrize("path", DRAWN)
def test_what_nothing_seeds_is_captured_from_one_instance_with_a_note_that_names_it(
    tmp_path: Path, path: str
) -> None:
    result, module = run(tmp_path, *DRAWN[path])
    (note,) = result.notes
    assert (note.code, note.line) == ("TL607", CLASS_LINE)
    assert f"Net() gives another `{path}` each time it is constructed" in note.message
    x = torch.randn(2, 4)
    found = Interpreter(lower(result.graph), result.tensors, torch.float32).run(x)
    torch.testing.assert_close(found, module(x))


def test_what_is_seeded_has_no_note(tmp_path: Path) -> None:
    result, _ = run(
        tmp_path,
        "self.w = nn.Parameter(torch.from_numpy(np.random.normal(size=(4, 4))).float() * random.random())",
        "return x @ self.w",
    )
    assert result.notes == []


def test_what_only_the_first_construction_draws_has_no_note(tmp_path: Path) -> None:
    (tmp_path / "draws_once_on_import.py").write_text("import torch\n\ntorch.rand(3)\n", encoding="utf-8")
    result, _ = run(tmp_path, "import draws_once_on_import\nself.l = nn.Linear(4, 4)", "return self.l(x)")
    assert result.notes == []


def test_one_that_cannot_be_copied_is_refused_at_its_class(tmp_path: Path) -> None:
    init = "self.w = torch.ones(4, requires_grad=True) * np.random.default_rng().normal()"
    with pytest.raises(CaptureError, match=r"gives another `w` each .* cannot be copied .*; seed") as caught:
        run(tmp_path, init, "return x * self.w")
    assert caught.value.findings[0].line == CLASS_LINE


def test_one_that_keeps_state_is_still_refused(tmp_path: Path) -> None:
    init = "self.w, self.n = np.random.default_rng().normal(), 0"
    with pytest.raises(CaptureError, match="`n` of Net changes when it runs"):
        run(tmp_path, init, "self.n += 1; return x * self.w * self.n")


def test_equal_numbers_in_other_objects_make_no_difference() -> None:
    one, another = nn.Linear(2, 2), nn.Linear(2, 2)
    another.load_state_dict(one.state_dict())
    for module in (one, another):
        module.notes = {"nan": float("nan"), "of": [torch.tensor([1.0, float("nan")]), object()]}  # type: ignore[assignment]
        module.lazy = nn.LazyLinear(2)
    assert first_difference(one, another) is None
    another.notes["nan"] = 1.0  # type: ignore[operator,index]
    assert first_difference(one, another) == "notes"
