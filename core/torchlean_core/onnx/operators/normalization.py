"""Normalizations."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.registry import axis_of, only, operator


@operator("BatchNormalization", learned=(1, 2), fixed=(3, 4))
def batch_norm(
    node: Node,
    x: torch.Tensor,
    scale: torch.Tensor,
    bias: torch.Tensor,
    mean: torch.Tensor,
    var: torch.Tensor,
) -> torch.Tensor:
    """By the running statistics."""
    only(node, "spatial", 1)
    only(node, "training_mode", 0)
    _without_further_outputs(node)
    return F.batch_norm(x, mean, var, scale, bias, False, 0.0, node["epsilon"])


def _without_further_outputs(node: Node) -> None:
    if any(node.wants(place) for place in range(1, len(node.outputs))):
        raise Refused("its statistics are used, which it has in training only")


@operator("InstanceNormalization", learned=(1, 2))
def instance_norm(node: Node, x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Each channel of each entry by its own statistics."""
    return F.group_norm(x, x.shape[1], scale, bias, node["epsilon"])


@operator("LayerNormalization", learned=(1, 2))
def layer_norm(node: Node, x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
    """The axes from one on, by their own statistics."""
    axis = axis_of(node["axis"], x.dim())
    shape = list(x.shape[axis:])
    if list(scale.shape) == shape and (bias is None or list(bias.shape) == shape):
        found = F.layer_norm(x, shape, scale, bias, node["epsilon"])
    else:
        found = F.layer_norm(x, shape, eps=node["epsilon"]) * scale
        found = found if bias is None else found + bias
    if not (node.wants(1) or node.wants(2)):
        return found
    axes = list(range(axis, x.dim()))
    mean = torch.mean(x, axes, keepdim=True)
    var = torch.var(x, axes, correction=0, keepdim=True)
    return found, mean, torch.rsqrt(var + node["epsilon"])


@operator("RMSNormalization", learned=(1,))
def rms_norm(node: Node, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """By the root of the mean square of the axes from one on."""
    axes = list(range(axis_of(node["axis"], x.dim()), x.dim()))
    return x * torch.rsqrt(torch.mean(torch.square(x), axes, keepdim=True) + node["epsilon"]) * scale


@operator("GroupNormalization", learned=(1, 2))
def group_norm(node: Node, x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Groups of channels; before version 21 with a scale for each group, since then for each channel."""
    groups, channels = node["num_groups"], x.shape[1]
    if groups < 1 or channels % groups:
        raise Refused(f"{channels} channels are no {groups} groups")
    if node.version < 21:
        scale, bias = (one[:, None].expand(groups, channels // groups).reshape(-1) for one in (scale, bias))
    return F.group_norm(x, groups, scale, bias, node["epsilon"])


@operator("LRN")
def lrn(node: Node, x: torch.Tensor) -> torch.Tensor:
    """By the squares of neighbouring channels, as many before as behind."""
    size = node["size"]
    if size % 2 == 0:
        raise Refused(f"size {size} is even: evaluators do not agree on which neighbours count")
    return F.local_response_norm(x, size, node["alpha"], node["beta"], node["bias"])


_LEAST = 1e-30
"""In place of a norm of 0, so that the result is 0 there."""


@operator("LpNormalization")
def lp_normalization(node: Node, x: torch.Tensor) -> torch.Tensor:
    """An axis by its norm."""
    only(node, "p", 1, 2)
    return F.normalize(x, float(node["p"]), axis_of(node["axis"], x.dim()), _LEAST)
