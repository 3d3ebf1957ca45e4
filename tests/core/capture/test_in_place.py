"""Operators in place are renamed only where nobody else sees the value that they change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture.support import exact, function
from torchlean_core.capture.in_place import rename_in_place


def renamed(forward: Any, *shape: int) -> list[str]:
    """Names of the operators of an exported function, after renaming."""

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return forward(x)

    exported = torch.export.export(Model().eval(), (torch.zeros(shape),), strict=False)
    rename_in_place(exported.graph)
    return [
        node.target._schema.name.removeprefix("aten::")
        for node in exported.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload)
    ]


def _own(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    y.relu_()
    y += x
    return y.mul_(2.0)


def test_a_value_of_its_own_is_changed_in_place_under_another_name() -> None:
    assert renamed(_own, 2, 3) == ["tanh", "relu", "add", "mul"]
    assert exact(function(lambda m, x: _own(x), (2, 3)))


def _view_before(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    row = y[0]
    y.mul_(2.0)
    return y + row


def _of_a_view(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    y[0].mul_(2.0)
    return y


def _of_the_input(x: torch.Tensor) -> torch.Tensor:
    x.mul_(2.0)
    return x + 1


def _through_dropout(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    z = nn.functional.dropout(y, 0.5, training=False)  # the same tensor, in eval mode
    z.mul_(2.0)
    return y + z


def _through_reshape(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    z = y.reshape(-1)
    z.mul_(2.0)
    return y.sum() + z.sum()


@pytest.mark.parametrize(
    "forward", [_view_before, _of_a_view, _of_the_input, _through_dropout, _through_reshape]
)
def test_a_value_that_others_see_is_left_to_torch(forward: Any) -> None:
    assert any(name.endswith("_") for name in renamed(forward, 2, 3))
    assert exact(function(lambda m, x: forward(x), (2, 3)))
