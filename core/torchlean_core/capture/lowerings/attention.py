"""Scaled dot-product attention, with masks that are constants."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.matrix import matmul
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value

aten = torch.ops.aten


@lowers(aten.scaled_dot_product_attention.default)
def scaled_dot_product_attention(
    b: GraphBuilder,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Value:
    """softmax(query keyᵀ * scale + mask) value, over the last two axes; scale is 1/sqrt(embedding)."""
    if dropout_p != 0:
        raise Refused("attention with dropout draws random numbers")
    rank = len(key.shape)
    keys = b.permute(b.value(key), [*range(rank - 2), rank - 1, rank - 2])
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    scores = b.times(matmul(b, query, keys), factor)
    if is_causal:
        attn_mask = Known(torch.ones(scores.shape[-2:], dtype=torch.bool).tril())
    if isinstance(attn_mask, Known):
        scores = b.plus(scores, b.const(_additive(attn_mask), mask=True))
    elif attn_mask is not None:
        scores = b.plus(scores, attn_mask)
    return matmul(b, b.add("softmax", scores, axis=len(scores.shape) - 1), value)


def _additive(mask: Known) -> Known:
    """A mask as what is added to the scores: -inf where it is False.

    Raises:
        Refused: A whole row is masked: its softmax has no value.
    """
    tensor = mask.tensor
    if tensor.dtype == torch.bool:
        tensor = torch.zeros(tensor.shape).masked_fill(~tensor, -math.inf)
    if bool((tensor == -math.inf).all(dim=-1).any()):
        raise Refused("an attention mask that masks a whole row")
    return Known(tensor, mask.name, mask.trainable)
