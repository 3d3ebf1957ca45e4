"""Normalization layers in eval mode."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.reduction import vector_norm
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value, absent
from torchlean_core.kinds.operators import BATCH_NORM

aten = torch.ops.aten


def _normalized(b: GraphBuilder, x: Value, axis: int, eps: float) -> Value:
    return b.layer_norm(x, axis, None, None, eps)


@lowers(aten.layer_norm.default, ignores=["cudnn_enable"])
def layer_norm(
    b: GraphBuilder,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Value:
    """One node with gamma and beta; where it takes none a product and a sum, with constants that are broadcast."""
    return b.layer_norm(input, len(input.shape) - len(normalized_shape), weight, bias, eps)


@lowers(aten.native_layer_norm.default)
def native_layer_norm(
    b: GraphBuilder,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Value, None, None]:
    """As `layer_norm`; the other results serve the gradient only."""
    return layer_norm(b, input, normalized_shape, weight, bias, eps), None, None


@lowers(aten.group_norm.default, ignores=["cudnn_enabled"])
def group_norm(
    b: GraphBuilder,
    input: Value,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Value:
    """The groups become an axis, all after it is normalized; then a scale and a shift per channel."""
    batch = input.shape[0]
    size = math.prod(input.shape[1:]) // num_groups
    grouped = b.reshape(input, (batch, num_groups, size))
    result = b.reshape(_normalized(b, grouped, 2, eps), input.shape)
    return _per_channel(b, result, weight, bias)


@lowers(aten.native_group_norm.default, ignores=["N", "C", "HxW"])
def native_group_norm(
    b: GraphBuilder,
    input: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    group: int,
    eps: float,
) -> tuple[Value, None, None]:
    """As `group_norm`; the other results serve the gradient only."""
    return group_norm(b, input, group, weight, bias, eps), None, None


@lowers(aten.instance_norm.default, ignores=["momentum", "cudnn_enabled"])
def instance_norm(
    b: GraphBuilder,
    input: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    eps: float,
) -> Value:
    """Statistics of the input: a group norm with one channel a group; fixed ones: a batch norm."""
    if use_input_stats:
        return group_norm(b, input, input.shape[1], weight, bias, eps)
    return _fixed_statistics(b, input, weight, bias, running_mean, running_var, eps)


@lowers(aten.batch_norm.default, ignores=["momentum", "cudnn_enabled"])
def batch_norm(
    b: GraphBuilder,
    input: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    eps: float,
) -> Value:
    """One node; where that takes images only, what has another rank is brought to one."""
    if training and running_mean is None and running_var is None:
        return _own_statistics(b, input, weight, bias, eps)
    if training:
        raise Refused("batch norm in training mode")
    return _fixed_statistics(b, input, weight, bias, running_mean, running_var, eps)


@lowers(aten._native_batch_norm_legit_no_training.default, ignores=["momentum"])
def batch_norm_no_training(
    b: GraphBuilder,
    input: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    eps: float,
) -> tuple[Value, None, None]:
    """As `batch_norm`; the other results serve the gradient only."""
    result = _fixed_statistics(b, input, weight, bias, running_mean, running_var, eps)
    return result, None, None


@lowers(aten.native_batch_norm.default, ignores=["momentum"])
def native_batch_norm(
    b: GraphBuilder,
    input: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    eps: float,
) -> tuple[Value, None, None]:
    """As `batch_norm`; the other results serve the gradient only."""
    return batch_norm(b, input, weight, bias, running_mean, running_var, training, eps), None, None


@lowers(aten._native_batch_norm_legit.no_stats, ignores=["momentum"])
def batch_norm_own_statistics(
    b: GraphBuilder, input: Value, weight: Tensor | None, bias: Tensor | None, training: bool, eps: float
) -> tuple[Value, None, None]:
    """Statistics of the input itself."""
    return _own_statistics(b, input, weight, bias, eps), None, None


def _own_statistics(
    b: GraphBuilder, x: Value, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Value:
    """Each channel's values in a row, normalized."""
    order = [1, 0, *range(2, len(x.shape))]
    channels = b.permute(x, order)
    rows = b.reshape(channels, (x.shape[1], math.prod(x.shape) // x.shape[1]))
    result = b.permute(b.reshape(_normalized(b, rows, 1, eps), channels.shape), order)
    return _per_channel(b, result, weight, bias)


def _fixed_statistics(
    b: GraphBuilder,
    x: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    eps: float,
) -> Value:
    channels = x.shape[1]
    if not isinstance(mean, Known) or not isinstance(var, Known):
        raise Refused("batch norm whose statistics depend on the input")
    if bool((var.tensor < 0).any()):
        raise Refused("batch norm with a negative variance")
    ones, zeros = absent(torch.ones(channels)), absent(torch.zeros(channels))
    computed = isinstance(weight, Value) or isinstance(bias, Value)
    gamma = ones if weight is None or computed else weight
    beta = zeros if bias is None or computed else bias
    assert isinstance(gamma, Known) and isinstance(beta, Known)
    rows = (*x.shape[:3], math.prod(x.shape[3:])) if len(x.shape) > 2 else (*x.shape, 1, 1)
    if 0 in x.shape:
        scale = Known(gamma.tensor.detach().double() / torch.sqrt(var.tensor.detach().double() + eps))
        return _per_channel(b, x, scale, None)  # nothing is there to be shifted
    payload = {"gamma": gamma, "beta": beta, "mean": mean, "var": var}
    result = b.say(BATCH_NORM, x, params=payload, extra={"eps": eps}, axis=1)
    if result is None:  # the node takes images: what has another rank is brought to one, and back
        image = b.said(BATCH_NORM, b.reshape(x, rows), params=payload, extra={"eps": eps}, axis=1)
        result = b.reshape(image, x.shape)
    return _per_channel(b, result, weight, bias) if computed else result


def _per_channel(b: GraphBuilder, x: Value, scale: Tensor | None, shift: Tensor | None) -> Value:
    """A scale and a shift, each with one number for each entry of axis 1."""
    shape = (x.shape[1], *(1,) * (len(x.shape) - 2))
    if scale is not None:
        x = b.times(x, b.reshape(b.value(scale), shape))
    return x if shift is None else b.plus(x, b.reshape(b.value(shift), shape))


@lowers(aten._weight_norm_interface.default)
def weight_norm_and_norms(b: GraphBuilder, v: Tensor, g: Tensor, dim: int = 0) -> tuple[Value, None]:
    """As `weight_norm`; the other result serves the gradient only."""
    return weight_norm(b, v, g, dim), None


@lowers(aten._weight_norm.default)
def weight_norm(b: GraphBuilder, v: Tensor, g: Tensor, dim: int = 0) -> Value:
    """V * (g / the 2-norm of v over all axes but one)."""
    value = b.value(v)
    axes = [axis for axis in range(len(value.shape)) if axis != dim % len(value.shape)]
    norm = vector_norm(b, value, 2.0, axes, keepdim=True)
    return b.times(value, b.times(b.value(g), b.unary("inv", norm)))
