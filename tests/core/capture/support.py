"""What the capture tests share: capturing a module of the test file itself, in this process."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from torchlean_core.artifact import parse_graph
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.options.capture import Options

EXACT = 1e-7
"""Largest relative error in float64 of a capture whose parameters are rounded to float32."""


class Lambda(nn.Module):
    """A module whose forward is a function of (module, x), with parameters by name."""

    def __init__(self, function: Any, **state: Any) -> None:
        super().__init__()
        self._function = [function]  # not a submodule, nor an attribute that export would inspect
        for name, value in state.items():
            if isinstance(value, nn.Module | nn.Parameter):
                setattr(self, name, value)
            elif isinstance(value, torch.Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, x: torch.Tensor) -> Any:
        return self._function[0](self, x)


def loaded(module: nn.Module, file: str | Path = __file__, name: str = "Model") -> Loaded:
    """A module as if it came from a file."""
    path = Path(file).resolve()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Loaded(module.eval(), path, path.name, name, None, sha256)


def captured(
    module: nn.Module, shape: tuple[int, ...], file: str | Path = __file__, **options: Any
) -> Captured:
    """Capture a module, verified."""
    result = capture(loaded(module, file), shape, Path("model.ir.json"), Options(**options))
    parse_graph(result.text)  # the checker finds no errors
    return result


def function(function: Any, shape: tuple[int, ...], **state: Any) -> Captured:
    """Capture a function of (module, x)."""
    torch.manual_seed(0)
    return captured(Lambda(function, **state), shape)


def kinds(result: Captured) -> list[str]:
    """Kinds of the nodes after the input, in order."""
    return [node.kind for node in result.graph.nodes[1:]]


def exact(result: Captured) -> bool:
    """Whether artifact and module agreed to rounding of the parameters, in float64."""
    check = result.verification
    assert check is not None and check.dtype == torch.float64
    return check.max_relative_error <= EXACT
