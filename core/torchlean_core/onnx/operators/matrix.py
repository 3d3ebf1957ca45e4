"""Products of matrices."""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.registry import EVERY, broadcast, operator


@operator("MatMul", learned=(0, 1))
def matmul(node: Node, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """As NumPy's matmul."""
    return torch.matmul(a, b)


@operator("Gemm", learned=(0, 1, 2))
def gemm(node: Node, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor | None = None) -> torch.Tensor:
    """Alpha A B + beta C, A and B transposed where it says so."""
    if a.dim() != 2 or b.dim() != 2:
        raise Refused(f"takes matrices, not tensors of shapes {list(a.shape)} and {list(b.shape)}")
    alpha, beta = node["alpha"], node["beta"]
    left = a.t() if node["transA"] else a
    weight = b if node["transB"] else b.t()
    if left.shape[1] != weight.shape[1]:
        raise Refused(f"matrices of {list(left.shape)} and {list(weight.t().shape)} cannot be multiplied")
    if c is None or beta == 0:
        found = F.linear(left, weight)
        return found if alpha == 1 else alpha * found
    row = c.dim() < 3 and c.numel() == weight.shape[0] and c.shape[-1:] == weight.shape[:1]
    if alpha == 1 and beta == 1 and row:
        return F.linear(left, weight, c.reshape(-1))
    found = F.linear(left, weight)
    found = found if alpha == 1 else alpha * found
    if broadcast(found.shape, c.shape) != list(found.shape):
        raise Refused(f"C of shape {list(c.shape)} does not fit {list(found.shape)}")
    return found + (c if beta == 1 else beta * c)


@operator("Einsum", learned=EVERY)
def einsum(node: Node, *operands: torch.Tensor) -> torch.Tensor:
    """Sums of products, as the equation says."""
    equation = re.sub(r"\s", "", node["equation"])
    if not re.fullmatch(r"[A-Za-z.,]*(->[A-Za-z.]*)?", equation):
        raise Refused("its equation has other signs than letters, commas, dots and an arrow")
    return torch.einsum(equation, *operands)
