"""Code templates that depend on shapes: source text of the torch expression of one node."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.errors import UserError
from torchlean_core.kinds.shapes import broadcast_axes
from torchlean_core.kinds.spec import Call

DEFAULT_EPS = 1e-5
"""Epsilon of `layernorm` and batch norm where the node has no `eps`: PyTorch's default."""


def ints(values: Sequence[int]) -> str:
    """A tuple of integers as source text: `(1, 3)`, `(4,)`, `()`."""
    return f"({values[0]},)" if len(values) == 1 else f"({', '.join(map(str, values))})"


def arguments(values: Sequence[int]) -> str:
    """Integers as arguments of a call that takes any number of them: `1, 3`; `()` for none."""
    return ", ".join(map(str, values)) or "()"


def square(height: int, width: int) -> str:
    """A window's size as torch takes it: `3` for a square one, else `(3, 5)`."""
    return str(height) if height == width else f"({height}, {width})"


def structure(fields: Mapping[str, Any]) -> tuple[int, tuple[int, int]]:
    """Groups and dilation of the convolution that a dense kernel stands for; 1 and (1, 1) for itself.

    Raises:
        UserError: The extra fields `groups` and `dilation` are not numbers that divide the channels.
    """
    (groups,) = _counts(fields, "groups", 1)
    down, across = _counts(fields, "dilation", 2)
    for name in ("outC", "inC"):
        if fields[name] % groups:
            raise UserError(f"groups {groups} does not divide {name} {fields[name]}")
    return groups, (down, across)


def _counts(fields: Mapping[str, Any], name: str, count: int) -> tuple[int, ...]:
    """A field as `count` numbers > 0: one number stands for all of them, and so does an array of one."""
    value = fields.get(name, 1)
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) == 1:
        values *= count
    if len(values) != count or not all(type(v) is int and 0 < v < 1 << 62 for v in values):
        words = "a number > 0" if count == 1 else f"a number > 0, or {count} of them"
        raise UserError(f"{name} must be {words}, found {str(value)[:40]}")
    return tuple(values)


def eps(call: Call) -> str:
    """The node's epsilon as source text.

    Raises:
        UserError: The node's field `eps` is not a finite number >= 0.
    """
    value = call.fields.get("eps", DEFAULT_EPS)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        raise UserError(f"eps must be a finite number >= 0, found {str(value)[:40]}")
    return repr(float(value))


def eps_option(call: Call) -> str:
    """The epsilon as a last argument; nothing where it is PyTorch's default.

    Raises:
        UserError: As `eps`.
    """
    text = eps(call)
    return "" if text == repr(DEFAULT_EPS) else f", eps={text}"


def _signed64(value: int) -> int:
    """The signed integer with the same low 64 bits."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _uniform(call: Call, shape: Sequence[int], like: str) -> str:
    return f"_unit({_signed64(call.fields['seed'] + call.id)}, {list(shape)}, {like})"


def rand_uniform(call: Call) -> str:
    """Uniform numbers keyed by seed + tensor id, in the dtype of the module's anchor tensor."""
    return _uniform(call, call.shape, call.params["like"])


def bernoulli_mask(call: Call) -> str:
    """1 where the keep probability exceeds the uniform number, else 0."""
    keep = call.args[0]
    return f"({keep} > {_uniform(call, call.shape, keep)}).to({keep}.dtype)"


def layernorm(call: Call) -> str:
    """`F.layer_norm` over the trailing axes from `axis` on, without an affine part."""
    normalized = call.parent_shapes[0][call.fields["axis"] :]
    return f"F.layer_norm({call.args[0]}, {ints(normalized)}{eps_option(call)})"


def reshape(call: Call) -> str:
    """Any change of shape that keeps the elements in order."""
    return f"{call.args[0]}.reshape({arguments(call.shape)})"


def permute(call: Call) -> str:
    """Axes in the order of `perm`."""
    return f"{call.args[0]}.permute({arguments(call.fields['perm'])})"


def broadcast_to(call: Call) -> str:
    """The broadcast witness: a reshape to the target's rank where axes are inserted, then `expand`."""
    source = list(call.parent_shapes[0])
    aligned = broadcast_axes(source, call.shape)
    if aligned is None:
        raise ValueError(f"no broadcast from {source} to {list(call.shape)}")
    value = call.args[0] if aligned == source else f"{call.args[0]}.reshape({arguments(aligned)})"
    return f"{value}.expand({arguments(call.shape)})"


def concat(call: Call) -> str:
    """`torch.cat` along `axis`."""
    return f"torch.cat(({', '.join(call.args)}), dim={call.fields['axis']})"


def stride(call: Call) -> int:
    """The stride, or an equal one that torch can hold: a stride past the padded extent takes one window."""
    f, (_, height, width) = call.fields, call.parent_shapes[0]
    step: int = f["stride"]
    return step if step < 1 << 31 else max(height, width) + 2 * f.get("padding", 0)


def window(call: Call) -> str:
    """Size and step of a pool's window as torch takes them; a step as large as the window is torch's default."""
    f = call.fields
    size = square(f["kH"], f["kW"])
    return size if f["stride"] == f["kH"] == f["kW"] else f"{size}, stride={stride(call)}"


def _pad(call: Call, fill: str) -> str:
    padding = call.fields["padding"]
    return f"F.pad({call.args[0]}, ({padding}, {padding}, {padding}, {padding}), value={fill})"


def _pool(function: str, call: Call, operand: str, padding: str = "") -> str:
    if 0 in call.shape:  # no channels: torch refuses the operand, the result has no elements
        return f"{call.args[0]}.new_zeros({ints(call.shape)})"
    return f"F.{function}({operand}, {window(call)}{padding})"


def _padded_pool(function: str, call: Call, fill: str) -> str:
    """Torch pads pools by half a window at most, and nothing empty: such padding goes first."""
    f = call.fields
    if 2 * f["padding"] > min(f["kH"], f["kW"]) or 0 in call.parent_shapes[0]:
        return _pool(function, call, _pad(call, fill))
    return _pool(function, call, call.args[0], f", padding={f['padding']}" if f["padding"] else "")


def max_pool(call: Call) -> str:
    """The largest element of every window; a `padding` field does not count."""
    return _pool("max_pool2d", call, call.args[0])


def avg_pool(call: Call) -> str:
    """The mean of every window; a `padding` field does not count."""
    return _pool("avg_pool2d", call, call.args[0])


def max_pool_pad(call: Call) -> str:
    """Padded cells never win: they count as -inf."""
    return _padded_pool("max_pool2d", call, 'float("-inf")')


def avg_pool_pad(call: Call) -> str:
    """Padded cells count as zeros (`count_include_pad=True`, torch's default)."""
    return _padded_pool("avg_pool2d", call, "0.0")


def linear(call: Call) -> str:
    """`F.linear`, without a bias where the model has none."""
    bias = "" if "b" in call.absent else f", {call.params['b']}"
    return f"F.linear({call.args[0]}, {call.params['W']}{bias})"


def conv2d(call: Call) -> str:
    """`F.conv2d`, and what it means where torch refuses an empty operand or no output channels."""
    f, p = call.fields, call.params
    if 0 in call.shape:
        return f"{call.args[0]}.new_zeros({ints(call.shape)})"
    operand, padding = call.args[0], f["padding"]
    if 0 in call.parent_shapes[0]:
        operand, padding = _pad(call, "0.0"), 0
    options = f", stride={stride(call)}" if f["stride"] != 1 else ""
    options += f", padding={padding}" if padding else ""
    if call.sparse is not None:
        groups, dilation = call.sparse
        options += f", dilation={square(*dilation)}" if dilation != (1, 1) else ""
        options += f", groups={groups}" if groups != 1 else ""
    bias = "" if "bias" in call.absent else f", {p['bias']}"
    return f"F.conv2d({operand}, {p['kernel']}{bias}{options})"


def batch_norm(call: Call) -> str:
    """`F.batch_norm` in eval mode, on a variance that is not negative."""
    p = call.params
    return (
        f"F.batch_norm({call.args[0]}, {p['mean']}, {p['var']}.clamp(min=0.0), {p['gamma']}, {p['beta']}"
        f"{eps_option(call)})"
    )
