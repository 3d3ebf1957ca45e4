"""`torch.autocast` in a model: refused at the operators that it shortens, of no effect where it shortens none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.support import captured, exact
from torchlean_core.capture.errors import CaptureError


class Shortened(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.fd = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = self.fc(x)  # first
            return self.fd(torch.relu(h)).float()  # second


class Decorated(Shortened):
    @torch.autocast("cpu", dtype=torch.bfloat16)
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x).float()  # decorated


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.again = Decorated(), Decorated()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(self.inner(x))


class Off(Shortened):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            y, z = torch.relu(self.fc(x)), x + 1  # off
            with torch.autocast("cpu", enabled=False):
                y = torch.tanh(y)
        return self.fd(y) + z


class OfElements(Shortened):
    """Autocast shortens products of matrices, and no functions of elements."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.autocast("cpu", enabled=False):
                h = self.fc(x)
            return torch.tanh(h)


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))


@pytest.mark.parametrize(
    ("model", "places"),
    [
        (Shortened, [("first", ("fc",)), ("second", ()), ("second", ("fd",))]),
        (Decorated, [("decorated", ("fc",))]),
        (Outer, [("decorated", ("inner.fc", "again.fc"))]),
    ],
)
def test_each_operator_that_is_shortened_is_refused_at_its_line(
    model: type[nn.Module], places: list[tuple[str, tuple[str, ...]]]
) -> None:
    with pytest.raises(CaptureError, match="gives bfloat16 under torch") as caught:
        captured(model(), (2, 6), __file__)
    found = {(finding.line, finding.modules) for finding in caught.value.findings}
    assert found == {(line_of(mark), modules) for mark, modules in places}
    assert {finding.code for finding in caught.value.findings} == {"TL601"}


def test_what_autocast_leaves_alone_is_captured_and_knows_its_lines() -> None:
    result = captured(Off(), (2, 6), __file__)
    assert exact(result)
    (relu,) = [node for node in result.graph.nodes if node.kind == "relu"]
    assert relu.extra["source"]["line"] == line_of("off")


def test_a_region_without_products_of_matrices_is_captured() -> None:
    assert exact(captured(OfElements(), (2, 6), __file__))


def test_fx_which_does_not_see_autocast_refuses_it() -> None:
    with pytest.raises(CaptureError, match=r"turns on torch.autocast \(bfloat16\), which FX does not trace"):
        captured(OfElements(), (2, 6), __file__, prefer_torch_export=False)
    assert exact(captured(Off(), (2, 6), __file__, prefer_torch_export=False))
