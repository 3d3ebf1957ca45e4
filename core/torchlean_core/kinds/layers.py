"""Layer views: how a kind is written as a module of `torch.nn`, for graphs that are a chain of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from torchlean_core.kinds import code
from torchlean_core.kinds.spec import Call

Modules = tuple[str, ...]
"""Source texts of the modules that one node becomes, in order; the last one has the parameters."""


@dataclass(frozen=True, slots=True)
class LayerView:
    """A kind as layers.

    Attributes:
        modules: The modules of one use; None where torch has no such module.
        state: Names in the last module's `state_dict`, each with the role of the parameter that it holds.
    """

    modules: Callable[[Call], Modules | None]
    state: Mapping[str, str] = field(default_factory=dict)


def plain(source: str) -> LayerView:
    """A module that depends on nothing."""
    return LayerView(lambda call: (source,))


def _softmax(call: Call) -> Modules | None:
    last = call.fields["axis"] == len(call.shape) - 1
    return ("nn.Softmax(dim=-1)",) if last else None


def _layernorm(call: Call) -> Modules:
    shape = call.parent_shapes[0][call.fields["axis"] :]
    normalized = str(shape[0]) if len(shape) == 1 else code.ints(shape)
    return (f"nn.LayerNorm({normalized}{code.eps_option(call)}, elementwise_affine=False)",)


def _linear(call: Call) -> Modules:
    bias = ", bias=False" if "b" in call.absent else ""
    return (f"nn.Linear({call.parent_shapes[0][-1]}, {call.shape[-1]}{bias})",)


def _conv2d(call: Call) -> Modules | None:
    """The original form of a grouped or dilated convolution, which the dense kernel stands for."""
    f = call.fields
    if 0 in call.shape or 0 in call.parent_shapes[0]:
        return None
    groups, dilation = code.structure(call.fields)
    size = [(k - 1) // d + 1 for k, d in zip((f["kH"], f["kW"]), dilation, strict=True)]
    if any((k - 1) % d for k, d in zip((f["kH"], f["kW"]), dilation, strict=True)):
        return None
    options = [str(f["inC"]), str(f["outC"]), code.square(*size)]
    options += [f"stride={code.stride(call)}"] if f["stride"] != 1 else []
    options += [f"padding={f['padding']}"] if f["padding"] else []
    options += [f"dilation={code.square(*dilation)}"] if dilation != (1, 1) else []
    options += [f"groups={groups}"] if groups != 1 else []
    options += ["bias=False"] if "bias" in call.absent else []
    return (f"nn.Conv2d({', '.join(options)})",)


def _batch_norm(call: Call) -> Modules | None:
    absent = call.absent & {"gamma", "beta"}
    if len(absent) == 1:
        return None
    affine = ", affine=False" if absent else ""
    return (f"nn.BatchNorm2d({call.fields['channels']}{code.eps_option(call)}{affine})",)


def _pool(name: str, fill: str | None = None) -> LayerView:
    """A pool; where it is padded by more than half a window, which torch refuses, the padding goes first."""

    def modules(call: Call) -> Modules | None:
        if 0 in call.shape or 0 in call.parent_shapes[0]:
            return None
        padding = call.fields["padding"] if fill is not None else 0
        if 2 * padding > min(call.fields["kH"], call.fields["kW"]):
            return f"nn.ConstantPad2d({padding}, {fill})", f"nn.{name}({code.window(call)})"
        return (f"nn.{name}({code.window(call)}{f', padding={padding}' if padding else ''})",)

    return LayerView(modules)


def _reshape(call: Call) -> Modules:
    """`nn.Flatten` or `nn.Unflatten` where only neighbouring axes are joined, or one axis is split."""
    before, after = tuple(call.parent_shapes[0]), tuple(call.shape)
    if before != after and 0 not in before:
        if (span := _joined(before, after)) is not None:
            return (f"nn.Flatten({span[0]}, {span[1]})",)
        if (span := _joined(after, before)) is not None:
            return (f"nn.Unflatten({span[0]}, {code.ints(after[span[0] : span[1] + 1])})",)
    return (f"Reshape({', '.join(map(str, after))})",)


def _joined(long: Sequence[int], short: Sequence[int]) -> tuple[int, int] | None:
    """First and last axis of `long` that become one of `short`, all others staying; None where that is not so."""
    extra = len(long) - len(short)
    if extra < 1:
        return None
    for first in range(len(short)):
        last = first + extra
        others = tuple(long[:first]) + tuple(long[last + 1 :])
        same = others == tuple(short[:first]) + tuple(short[first + 1 :])
        if same and prod(long[first : last + 1]) == short[first]:
            return first, last
    return None


SOFTMAX = LayerView(_softmax)
LAYERNORM = LayerView(_layernorm)
RESHAPE = LayerView(_reshape)
LINEAR = LayerView(_linear, {"weight": "W", "bias": "b"})
CONV2D = LayerView(_conv2d, {"weight": "kernel", "bias": "bias"})
BATCH_NORM = LayerView(
    _batch_norm, {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
)
MAX_POOL = _pool("MaxPool2d")
AVG_POOL = _pool("AvgPool2d")
MAX_POOL_PAD = _pool("MaxPool2d", 'float("-inf")')
AVG_POOL_PAD = _pool("AvgPool2d", "0.0")
