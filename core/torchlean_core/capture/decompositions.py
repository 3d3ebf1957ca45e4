"""Into what operators without a lowering are taken apart while a model is traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import LOWERINGS


@cache
def decompositions() -> dict[torch._ops.OpOverload[..., Any], Callable[..., Any]]:
    """Decompositions of every operator that has no lowering: what has one stays whole."""
    table: Mapping[Any, Callable[..., Any]] = torch.export.default_decompositions()
    found = {
        operator: function
        for operator, function in table.items()
        if isinstance(operator, torch._ops.OpOverload)
        and operator not in LOWERINGS
        and operator not in _CHECKING
    }
    return {**found, **_OWN_DECOMPOSITIONS}


_CHECKING = frozenset(
    {
        torch.ops.aten.linalg_cholesky.default,
        torch.ops.aten.linalg_inv.default,
        torch.ops.aten.inverse.default,
        torch.ops.aten.linalg_solve.default,
        torch.ops.aten.linalg_lu_factor.default,
        torch.ops.aten.linalg_ldl_factor.default,
        torch.ops.aten.linalg_tensorinv.default,
    }
)
"""Operators that torch takes apart into what computes and what raises an error, which counts as a side effect."""


def _softshrink(x: torch.Tensor, lambd: float = 0.5) -> torch.Tensor:
    return torch.relu(x - lambd) - torch.relu(-lambd - x)


def _rrelu(
    x: torch.Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None
) -> torch.Tensor:
    if training:
        raise Refused("rrelu in training mode draws random numbers")
    return torch.nn.functional.leaky_relu(x, (lower + upper) / 2)


def _var_mean(
    x: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.var(x, dim, correction=correction, keepdim=keepdim), torch.mean(x, dim, keepdim=keepdim)


def _std_mean(
    x: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.std(x, dim, correction=correction, keepdim=keepdim), torch.mean(x, dim, keepdim=keepdim)


def _aminmax(
    x: torch.Tensor, *, dim: int | None = None, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    dims = () if dim is None else dim
    return torch.amin(x, dims, keepdim), torch.amax(x, dims, keepdim)


def _copysign(x: torch.Tensor, other: Any) -> torch.Tensor:
    return torch.abs(x) * torch.sign(torch.as_tensor(other))


_OWN_DECOMPOSITIONS: dict[torch._ops.OpOverload[..., Any], Callable[..., Any]] = {
    torch.ops.aten.softshrink.default: _softshrink,
    torch.ops.aten.rrelu.default: _rrelu,
    torch.ops.aten.var_mean.correction: _var_mean,
    torch.ops.aten.std_mean.correction: _std_mean,
    torch.ops.aten.aminmax.default: _aminmax,
    torch.ops.aten.copysign.Tensor: _copysign,
}
"""Decompositions in place of torch's own, which take a step or a random draw on the way to no such thing, or
are missing."""


def without_steps(exported: torch.export.ExportedProgram) -> None:
    """Rewrite softshrink in an exported graph: export takes torch's own decomposition whatever the table says."""
    for node in list(exported.graph.nodes):
        if node.target is torch.ops.aten.softshrink.default:
            x, lambd = (*node.args, 0.5)[:2]
            sides = [(torch.ops.aten.sub.Tensor, (x, lambd)), (torch.ops.aten.rsub.Scalar, (x, -lambd))]
            with exported.graph.inserting_before(node):
                distances = [exported.graph.call_function(*side) for side in sides]
                beyond = [
                    exported.graph.call_function(torch.ops.aten.relu.default, (one,)) for one in distances
                ]
            for new in (*distances, *beyond):
                new.meta = dict(node.meta)
            node.target, node.args, node.kwargs = torch.ops.aten.sub.Tensor, tuple(beyond), {}
