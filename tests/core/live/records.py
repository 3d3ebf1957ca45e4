"""Records made by hand."""

from __future__ import annotations

from typing import Any

from torchlean_core.capture.errors import CaptureFinding, Span
from torchlean_core.capture.record import Bound, Expression, File, Line, Record, Seen
from torchlean_core.live import LiveModel, View, split_lines

PATH = "/work/model.py"
SOURCE = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        h = self.hidden(x)
        return torch.nn.functional.gelu(h)
"""


def bound(name: str, *shapes: tuple[int, ...], **more: Any) -> Bound:
    return Bound(name, tuple(Seen(shape, **more) for shape in shapes))


def line(
    number: int, *names: Bound, end: int | None = None, function: str = "Net.forward", file: int = 0
) -> Line:
    return Line(file, number, end or number, function, tuple(names))


LINES = (
    line(10, bound("x", (1, 4))),
    line(11, bound("h", (1, 8))),
    line(12, bound("return", (1, 8))),
)
GELU = CaptureFinding(
    "TL601", "no exact form", 12, "aten.gelu.default", "act (GELU)", PATH, Span(12, 15, 12, 42)
)
EXPRESSIONS = (
    Expression(0, Span(11, 12, 11, 26), "Net.forward", (Seen((1, 8)),), ("aten.linear.default",), (1,)),
    Expression(0, Span(12, 15, 12, 42), "Net.forward", (Seen((1, 8)),), ("aten.gelu.default",), (2,)),
)


def record(**fields: Any) -> Record:
    given = {"files": (File(PATH, "0" * 64),), "lines": LINES, "expressions": EXPRESSIONS, **fields}
    return Record(name=given.pop("name", "Net"), example_shape=(1, 4), **given)


def view(now: str = SOURCE, source: str = SOURCE, **fields: Any) -> View:
    """A record's view of its file in a text of now."""
    found = LiveModel(record(**fields), {PATH: source}).view(PATH, split_lines(now))
    assert found is not None
    return found
