"""Scaled dot-product attention, with masks that are constants."""

from __future__ import annotations

import math

import torch

import torchlean_core.capture.attention_operator  # noqa: F401 -- registers the operator
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.masks import has_minus_infinity, masked_sum, safe_softmax
from torchlean_core.capture.lowerings.matrix import matmul
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value, absent
from torchlean_core.graph.views import narrow

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
    enable_gqa: bool = False,
) -> Value:
    """softmax(query keyᵀ * scale + mask) value, over the last two axes; scale is 1/sqrt(embedding)."""
    if dropout_p != 0:
        raise Refused("attention with dropout draws random numbers")
    if enable_gqa:
        heads = query.shape[-3]
        key, value = _shared_by_heads(b, b.value(key), heads), _shared_by_heads(b, b.value(value), heads)
    rank = len(key.shape)
    keys = b.permute(b.value(key), [*range(rank - 2), rank - 1, rank - 2])
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    scores = b.times(matmul(b, query, keys), factor)
    if is_causal:
        attn_mask = Known(torch.ones(scores.shape[-2:], dtype=torch.bool).tril())
    if isinstance(attn_mask, Known):
        attn_mask = _additive(attn_mask)
    if attn_mask is not None and has_minus_infinity(attn_mask):
        return matmul(b, safe_softmax(b, masked_sum(b, scores, attn_mask), -1), value)
    if attn_mask is not None:
        scores = b.plus(scores, attn_mask)
    return matmul(b, b.add("softmax", scores, axis=len(scores.shape) - 1), value)


def _shared_by_heads(b: GraphBuilder, x: Value, heads: int) -> Value:
    """Grouped-query attention: each head of keys or values (…, groups, L, E) serves several of queries."""
    *lead, groups, length, size = x.shape
    spread = b.reshape(x, (*lead, groups, 1, length, size))
    copied = b.broadcast(spread, (*lead, groups, heads // groups, length, size))
    return b.reshape(copied, (*lead, heads, length, size))


def _additive(mask: Known) -> Known:
    """A mask as what is added to the scores: -inf where it is False."""
    if mask.tensor.dtype != torch.bool:
        return mask
    tensor = torch.zeros(mask.shape).masked_fill(~mask.tensor, -math.inf)
    return Known(tensor, mask.name, mask.trainable)


@lowers(torch.ops.torchlean.self_attention.default)
def self_attention(
    b: GraphBuilder,
    x: Value,
    in_weight: Known,
    in_bias: Known | None,
    out_weight: Known,
    out_bias: Known | None,
) -> Value:
    """The tuple form `multihead_attention`, of which the first component is used."""
    batch, length, size = x.shape
    attention = b.dialect.attention
    says_bias = any(field.name == "bias" for field in attention.fields)
    payload = {}
    for place, role in enumerate("qkv"):
        rows = narrow((0, place * size, (place + 1) * size))
        payload[f"{role}_W"] = in_weight.moved(rows)
        if in_bias is not None:
            payload[f"{role}_b"] = in_bias.moved(rows)
        elif not says_bias:
            payload[f"{role}_b"] = absent(torch.zeros(size))
    payload["out_W"] = out_weight
    if out_bias is not None:
        payload["out_b"] = out_bias
    elif not says_bias:
        payload["out_b"] = absent(torch.zeros(size))
    scores = (batch, length, length)
    payload["scale"] = Known(torch.full(scores, 1.0 / math.sqrt(size), dtype=torch.float64))
    own = {"bias": in_bias is not None} if says_bias else {}
    return b.add_tuple(
        attention.name,
        x,
        x,
        x,
        shapes=[x.shape, scores],
        params=payload,
        embed_dim=size,
        num_heads=1,
        batch_first=True,
        dropout_zero=True,
        **own,
    )
