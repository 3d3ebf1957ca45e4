"""Layer views: how a kind is written as a module of `torch.nn`, for graphs that are a chain of layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torchlean_core.kinds import code
from torchlean_core.kinds.call import Call, LayerView, Modules


def plain(source: str) -> LayerView:
    """A module that depends on nothing."""
    return LayerView(lambda call: (source,))


def _softmax(call: Call) -> Modules | None:
    last = call.fields["axis"] == len(call.shape) - 1
    return ("nn.Softmax(dim=-1)",) if last else None


def _layernorm(call: Call) -> Modules | None:
    shape = call.parent_shapes[0][call.fields["axis"] :]
    normalized = str(shape[0]) if len(shape) == 1 else code.ints(shape)
    affine = [
        call.params.get(role, "None") != "None" and role not in call.absent for role in ("gamma", "beta")
    ]
    if affine == [False, True]:
        return None
    options = "" if affine[0] else ", elementwise_affine=False"
    options += ", bias=False" if affine == [True, False] else ""
    return (f"nn.LayerNorm({normalized}{code.eps_option(call)}{options})",)


def _linear(call: Call) -> Modules:
    bias = ", bias=False" if "b" in call.absent else ""
    return (f"nn.Linear({call.parent_shapes[0][-1]}, {call.shape[-1]}{bias})",)


def _conv(call: Call) -> Modules | None:
    """The original form of a grouped or dilated convolution, also where a dense kernel stands for it."""
    f = call.fields
    rank = len(f["kernel"])
    fits = f["axis"] <= 1 and 1 <= rank <= 3 and tuple(f["before"]) == tuple(f["after"])
    if not fits or 0 in call.shape or 0 in call.parent_shapes[0]:
        return None
    groups, spread = code.structure(f)
    groups = max(groups, f["groups"])
    dilation = tuple(max(pair) for pair in zip(spread, f["dilation"], strict=True))
    if any((k - 1) % d for k, d in zip(f["kernel"], spread, strict=True)):
        return None
    kernel = [(k - 1) // d + 1 for k, d in zip(f["kernel"], spread, strict=True)]
    extents = [x + 2 * p for x, p in zip(call.parent_shapes[0][f["axis"] + 1 :], f["before"], strict=True)]
    stride = code.strides(call, extents)
    options = [str(f["inputs"]), str(f["outputs"]), code.size(kernel)]
    options += [f"stride={code.size(stride)}"] if set(stride) != {1} else []
    options += [f"padding={code.size(f['before'])}"] if any(f["before"]) else []
    options += [f"dilation={code.size(dilation)}"] if set(dilation) != {1} else []
    options += [f"groups={groups}"] if groups != 1 else []
    options += ["bias=False"] if "bias" in call.absent else []
    return (f"nn.Conv{rank}d({', '.join(options)})",)


def _batch_norm(call: Call) -> Modules | None:
    absent = call.absent & {"gamma", "beta"}
    rank = {2: 1, 3: 1, 4: 2, 5: 3}.get(len(call.shape))
    if len(absent) == 1 or call.fields["axis"] != 1 or rank is None or 0 in call.shape:
        return None
    affine = ", affine=False" if absent else ""
    return (f"nn.BatchNorm{rank}d({call.shape[1]}{code.eps_option(call)}{affine})",)


def _pool(name: str, fill: str) -> LayerView:
    """A pool; where it is padded by more than half a window, which torch refuses, the padding goes first."""

    def modules(call: Call) -> Modules | None:
        kernel, padding = tuple(call.fields["kernel"]), tuple(call.fields["padding"])
        rank = len(kernel)
        fits = rank <= 3 and len(call.shape) - rank in (1, 2)
        if not fits or 0 in call.shape or 0 in call.parent_shapes[0]:
            return None
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            sides = code.size([p for p in reversed(padding) for _ in range(2)])
            return f"nn.ConstantPad{rank}d({sides}, {fill})", f"nn.{name}{rank}d({code.window(call)})"
        option = f", padding={code.size(padding)}" if any(padding) else ""
        return (f"nn.{name}{rank}d({code.window(call)}{option})",)

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
LAYERNORM = LayerView(_layernorm, {"weight": "gamma", "bias": "beta"})
RESHAPE = LayerView(_reshape)
LINEAR = LayerView(_linear, {"weight": "W", "bias": "b"})
CONV = LayerView(_conv, {"weight": "kernel", "bias": "bias"})
BATCH_NORM = LayerView(
    _batch_norm, {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
)
MAX_POOL = _pool("MaxPool", 'float("-inf")')
AVG_POOL = _pool("AvgPool", "0.0")
