"""FX symbolic tracing traces the model as it is called: optional arguments, aliases, hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture.support import captured, exact
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.pipeline import Captured
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.register_buffer("b", torch.ones(6))


def fx(module: nn.Module, **options: Any) -> Captured:
    return captured(module, (2, 6), __file__, prefer_torch_export=False, **options)


class Alias(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        y += 1
        return x * 2


class OfViews(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x)
        left, flat = y[:, :3], y.view(-1)
        left *= 2
        left -= 1
        y[0] = 5.0
        y[:, 1] += 3
        flat /= 2
        return y


class Sizes(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[1]
        n *= 2
        n -= 6
        return self.fc(x).reshape(-1, n) / n


class Optional(Net):
    def forward(self, x: torch.Tensor, mask: Any = None, *rest: Any, scale: float = 2.0, **named: Any) -> Any:
        x = self.fc(x)
        if mask is not None or rest or named:
            x = x * mask
        return x * scale


class OptionalInside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = Optional(), Optional()

    def forward(self, x: torch.Tensor) -> Any:
        return self.other(self.one(x), scale=3.0)


class Hooked(Net):
    def __init__(self) -> None:
        super().__init__()
        self.register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,))
        self.register_forward_hook(lambda module, inputs, output: output * 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fc(x)


@pytest.mark.parametrize("model", [Alias, OfViews, Sizes, Optional, OptionalInside, Hooked])
def test_fx_gives_what_the_model_gives_also_unverified(model: type[nn.Module]) -> None:
    module = model().eval()
    assert exact(fx(module))
    result = fx(module, verify=False)
    x = torch.randn(2, 6)
    found = Interpreter(lower(result.graph), result.tensors, torch.float32).run(x.clone())
    with torch.no_grad():
        torch.testing.assert_close(found, module(x))


class ChangesBuffer(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b = self.b
        b += 1  # here
        return x * self.b


def test_a_buffer_that_is_changed_through_another_name_is_refused() -> None:
    with pytest.raises(CaptureError, match="changes a tensor in place"):
        fx(ChangesBuffer(), verify=False)
