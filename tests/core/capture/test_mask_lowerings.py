"""Masks that are constants, known indices, parts replaced, and -inf on its way to a softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import EXACT, captured, exact, function, kinds
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.pipeline import Captured

CAUSAL = torch.ones(4, 4).tril()
INFINITE = torch.full((4, 4), -math.inf).triu(1)

MASKED: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "masked_fill": lambda m, x: (x @ x.mT).masked_fill(m.causal == 0, -math.inf).softmax(-1) @ x,
    "an added mask": lambda m, x: (x @ x.mT + m.infinite).softmax(-1),
    "a scaled sum": lambda m, x: ((m.infinite + x @ x.mT) / 2.0 * 3.0).softmax(-1),
    "two summands more": lambda m, x: ((x @ x.mT + m.infinite) + 1.0 + m.causal).softmax(-1),
    "where": lambda m, x: torch.where(m.causal.bool(), x @ x.mT, -math.inf).softmax(-1),
    "a shape in between": lambda m, x: (x @ x.mT + m.infinite).view(1, 2, 4, 4).softmax(-1).sum(1),
    "another axis": lambda m, x: (x @ x.mT + m.infinite.mT).transpose(1, 2).softmax(2),
    "baddbmm": lambda m, x: torch.baddbmm(m.infinite.expand(2, 4, 4), x, x.mT).softmax(-1),
    "with finite values": lambda m, x: (x @ x.mT + (m.infinite + m.causal)).softmax(-1),
    "dropout in between": lambda m, x: F.dropout(x @ x.mT + m.infinite, 0.1, False).softmax(-1),
    "is_causal": lambda m, x: F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3),
    "a boolean mask": lambda m, x: F.scaled_dot_product_attention(x, x, x, m.causal.bool()),
    "a large negative number": lambda m, x: (x @ x.mT).masked_fill(m.causal == 0, -1e9).softmax(-1),
    "a finite filling": lambda m, x: (x @ x.mT).masked_fill(m.causal == 0, 0.5),
    "where of two values": lambda m, x: torch.where(m.causal.bool(), x @ x.mT, x.exp() @ x.mT),
    "where of a constant": lambda m, x: torch.where(m.causal.bool(), m.causal * 3, x @ x.mT),
    "tril and triu": lambda m, x: x.tril() + x.triu(-1),
}


@pytest.mark.parametrize("prefer_torch_export", [True, False], ids=["export", "fx"])
@pytest.mark.parametrize("name", MASKED)
def test_a_constant_mask_is_exact(name: str, prefer_torch_export: bool) -> None:
    result = _captured(MASKED[name], (2, 4, 4), prefer_torch_export)
    check = result.verification
    assert check is not None and check.max_relative_error <= EXACT


def _captured(forward: Any, shape: tuple[int, ...], prefer_torch_export: bool = True) -> Captured:
    from tests.core.capture.support import Lambda

    module = Lambda(forward, causal=CAUSAL, infinite=INFINITE)
    return captured(module, shape, prefer_torch_export=prefer_torch_export)


def test_minus_infinity_is_added_directly_before_the_softmax() -> None:
    result = _captured(MASKED["a shape in between"], (2, 4, 4))
    by_id = {node.id: node for node in result.graph.nodes}
    for node in by_id.values():
        if node.kind == "const" and not bool(torch.isfinite(result.tensors[f"const_{node.id}"]).all()):
            children = [child for child in by_id.values() if node.id in child.parents]
            while children[0].kind in ("reshape", "broadcast_to"):
                children = [child for child in by_id.values() if children[0].id in child.parents]
            assert [child.kind for child in children] == ["add"]
            assert [c.kind for c in by_id.values() if children[0].id in c.parents] == ["softmax"]


REFUSED: dict[str, tuple[Any, str]] = {
    "a whole row": (
        lambda m, x: (x @ x.mT).masked_fill(m.causal < 2, -math.inf).softmax(-1),
        "masks a whole row",
    ),
    "no softmax": (lambda m, x: (x @ x.mT + m.infinite).relu(), "only where a softmax follows"),
    "as the result": (lambda m, x: x + m.infinite, "only where a softmax follows"),
    "a negative factor": (
        lambda m, x: ((x + m.infinite) * -1.0).softmax(-1),
        "multiplies a sum that holds -inf",
    ),
    "plus infinity": (lambda m, x: (x - m.infinite).softmax(-1), "not finite"),
    "a mask as index": (lambda m, x: x[x > 0].exp(), "aten.gt.Scalar"),
    "a condition of the input": (lambda m, x: torch.where(x > 0, x, x - 1), "aten.gt.Scalar"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name: str) -> None:
    forward, message = REFUSED[name]
    with pytest.raises(CaptureError) as caught:
        _captured(forward, (2, 4, 4))
    assert message in str(caught.value)
    assert {finding.code for finding in caught.value.findings} == {"TL601"}


INDEXED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a list": lambda x: x[:, [2, 0]],
    "two lists": lambda x: x[:, [0, 2], [3, 1]],
    "two lists apart": lambda x: x[[0, 1], :, [3, 1]],
    "rows and columns": lambda x: x[:, torch.tensor([[0], [2]]), torch.tensor([1, 3])],
    "negative": lambda x: x[:, [-1, 0]],
    "a matrix of indices": lambda x: x[:, torch.tensor([[0, 1], [2, 2]])],
    "gather": lambda x: x.gather(2, torch.tensor([[[3, 0], [1, 1], [2, 0]]])),
    "diagonal": lambda x: x.diagonal(1, 1, 2) + x[:, :3, :3].diagonal(dim1=-2, dim2=-1)[:, :, None].sum(),
    "cumsum": lambda x: x.cumsum(1) + x.cumsum(-1),
    "roll of all": lambda x: x.roll(5),
    "prod": lambda x: x.prod(2, keepdim=True) + x.prod(),
    "glu": lambda x: F.glu(x * 2, 2),
    "bilinear products": lambda x: torch.cdist(x, x.exp()) + torch.cdist(x, x * 2, p=1.0),
    "inf-norm": lambda x: x.norm(p=math.inf, dim=-1),
    "of zeros": lambda x: torch.zeros_like(x) + x.new_full((4,), 2.0) + torch.full_like(x, 0.5) * x,
}


@pytest.mark.parametrize("name", INDEXED)
def test_known_indices_are_exact(name: str) -> None:
    assert exact(function(lambda m, x: INDEXED[name](x), (2, 3, 4)))


def _written(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 0] = 1.0
    y[:, 1:3, ::2] *= 2
    y[..., -1].copy_(x[..., 0])
    zeros = torch.zeros(2, 3, 4)
    zeros[:, :, :2] = x[:, :, 2:]
    view = y.view(6, 4)
    view.add_(1)
    return y + zeros


def test_parts_that_are_written_are_exact() -> None:
    result = function(_written, (2, 3, 4))
    assert result.verification is not None and result.verification.max_relative_error <= EXACT


def test_a_split_of_a_linear_layer_splits_its_weight() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        q, k, v = m.qkv(x).reshape(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        return torch.softmax(q @ k.mT, -1) @ v

    result = function(forward, (1, 5, 8), qkv=nn.Linear(8, 24))
    assert kinds(result).count("linear") == 3
    assert (
        sum(tensor.numel() for name, tensor in result.tensors.items() if name.startswith("linear")) == 24 * 9
    )
    assert all(node.kind != "const" for node in result.graph.nodes)
    assert result.graph.nodes[1].extra["debug_target"] == "aten.linear.default (rows 0 to 7)"
    assert exact(result)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.layer(x)[:, :4].exp() * m.layer(x)[:, 4:],
        lambda m, x: (lambda y: y[:, ::2] - y[:, 1::2])(m.layer(x)),
        lambda m, x: (lambda y: y.view(2, 2, 4)[:, 1] + y.view(2, 2, 4)[:, 0])(m.layer(x)),
        lambda m, x: (lambda y: y.view(2, 4, 2)[:, :, 0] * y.view(2, 4, 2)[:, :, 1])(m.layer(x)),
    ],
)
def test_parts_of_a_linear_layer_are_exact(forward: Any) -> None:
    result = function(forward, (2, 6), layer=nn.Linear(6, 8))
    assert "matmul" not in kinds(result)
    assert exact(result)


def test_a_weight_is_not_written_twice() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.layer(x)
        return y[:, :4] * y[:, 2:6]  # rows 2 and 3 are in both

    result = function(forward, (2, 6), layer=nn.Linear(6, 8))
    assert kinds(result).count("linear") == 1 and kinds(result).count("matmul") == 2
    assert exact(result)


def test_permutations_around_an_axis_of_size_one_become_one() -> None:
    result = function(lambda m, x: x.permute(1, 0, 2)[:, None].squeeze(1).transpose(0, 1) + 1, (2, 3, 4))
    assert "permute" not in kinds(result)
    result = function(lambda m, x: x.permute(2, 0, 1).unsqueeze(1).permute(3, 1, 2, 0).exp(), (2, 3, 4))
    assert kinds(result).count("permute") == 1
    assert exact(result)


def test_a_selection_of_a_selection_is_one() -> None:
    result = function(lambda m, x: x[:, 1:].narrow(1, 0, 2) * 2, (2, 4))
    assert kinds(result).count("matmul") == 1
    assert exact(result)
