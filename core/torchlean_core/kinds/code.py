"""Code templates that depend on shapes: source text of the torch expression of one node."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.errors import UserError
from torchlean_core.kinds.call import Call
from torchlean_core.kinds.numbers import show

DEFAULT_EPS = 1e-5
"""Epsilon of `layernorm` and batch norm where the node has no `eps`: PyTorch's default."""


def ints(values: Sequence[int]) -> str:
    """A tuple of integers as source text: `(1, 3)`, `(4,)`, `()`."""
    return f"({values[0]},)" if len(values) == 1 else f"({', '.join(map(str, values))})"


def arguments(values: Sequence[int]) -> str:
    """Integers as arguments of a call that takes any number of them: `1, 3`; `()` for none."""
    return ", ".join(map(str, values)) or "()"


def size(values: Sequence[int]) -> str:
    """One number per spatial axis as torch takes them: `3` where all are equal, else `(3, 5)`."""
    return str(values[0]) if len(set(values)) == 1 else ints(values)


def structure(fields: Mapping[str, Any]) -> tuple[int, tuple[int, ...]]:
    """Groups and dilation of the convolution that a stored dense kernel stands for; 1 and ones for itself.

    Args:
        fields: Those of the operator `conv`; its `marks` say what the artifact says of the kernel.

    Raises:
        UserError: The marks `groups` and `dilation` are not numbers that divide the channels.
    """
    marks = fields.get("marks", {})
    (groups,) = _counts(marks, "groups", 1)
    dilation = _counts(marks, "dilation", len(fields["kernel"]))
    for name in ("output", "input"):
        if (channels := fields[f"{name}s"]) % groups:
            raise UserError(f"groups {groups} does not divide the {channels} {name} channels")
    return groups, dilation


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
        found = show(value) if type(value) is int else str(value)[:40]
        raise UserError(f"eps must be a finite number >= 0, found {found}")
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
    """1 where the keep probability exceeds the uniform number, else 0.

    A float32 number below 1 can be rounded up to it, so that a probability of 1 has to be told before.
    """
    keep = call.args[0]
    drawn = f"{keep} > {_uniform(call, call.shape, keep)}"
    if call.fields.get("clamps"):
        drawn = f"({drawn}) | ({keep} >= 1.0)"
    return f"({drawn}).to({keep}.dtype)"


def layernorm(call: Call) -> str:
    """`F.layer_norm` over the trailing axes from `axis` on."""
    normalized = call.parent_shapes[0][call.fields["axis"] :]
    affine = [call.params.get("gamma", "None"), call.params.get("beta", "None")]
    while affine and affine[-1] == "None":
        affine.pop()
    return f"F.layer_norm({', '.join([call.args[0], ints(normalized), *affine])}{eps_option(call)})"


def mse_loss(call: Call) -> str:
    """`F.mse_loss`, and what a dialect says that it is of nothing, which no gradient changes."""
    if "empty" in call.fields and 0 in call.parent_shapes[0]:
        return f"{call.args[0]}.new_full((), {call.fields['empty']})"
    return f"F.mse_loss({call.args[0]}, {call.args[1]})"


def reshape(call: Call) -> str:
    """Any change of shape that keeps the elements in order."""
    return f"{call.args[0]}.reshape({arguments(call.shape)})"


def permute(call: Call) -> str:
    """Axes in the order of `perm`."""
    return f"{call.args[0]}.permute({arguments(call.fields['perm'])})"


def broadcast_to(call: Call) -> str:
    """A reshape to the target's rank where axes are inserted, then `expand`."""
    aligned = tuple(call.fields["aligned"])
    value = call.args[0]
    if aligned != tuple(call.parent_shapes[0]):
        value = f"{value}.reshape({arguments(aligned)})"
    return f"{value}.expand({arguments(call.shape)})"


def concat(call: Call) -> str:
    """`torch.cat` along `axis`."""
    return f"torch.cat(({', '.join(call.args)}), dim={call.fields['axis']})"


def strides(call: Call, extents: Sequence[int]) -> tuple[int, ...]:
    """The strides, or equal ones that torch can hold: one past the padded extent takes one window.

    Args:
        call: The use.
        extents: The padded extents.
    """
    steps = call.fields["stride"]
    return tuple(
        step if step < 1 << 31 else max(extent, 1) for step, extent in zip(steps, extents, strict=True)
    )


def empty(call: Call) -> str:
    """A result without elements, which torch's functions refuse to give."""
    return f"{call.args[0]}.new_zeros({ints(call.shape)})"


def padded(operand: str, before: Sequence[int], after: Sequence[int], fill: str) -> str:
    """The last axes padded; torch takes them from the last one on."""
    pairs = [number for pair in zip(reversed(before), reversed(after), strict=True) for number in pair]
    return f"F.pad({operand}, {ints(pairs)}, value={fill})"


def merged(operand: str, lead: int) -> str:
    """The text of a value with the one or two axes before those that a pool works on that torch takes."""
    if lead == 0:
        return f"{operand}.unsqueeze(0)"
    return operand if lead <= 2 else f"{operand}.flatten(0, {lead - 1})"


def window(call: Call) -> str:
    """Size and step of a pool's window as torch takes them; a step as large as the window is torch's default."""
    f = call.fields
    kernel = tuple(f["kernel"])
    if tuple(f["stride"]) == kernel:
        return size(kernel)
    extents = call.parent_shapes[0][len(call.parent_shapes[0]) - len(kernel) :]
    total = [x + 2 * p for x, p in zip(extents, f["padding"], strict=True)]
    return f"{size(kernel)}, stride={size(strides(call, total))}"


def pool(call: Call, largest: bool, lead: int, shape: str) -> str:
    """A pool over the last axes.

    Torch pads pools by half a window at most, and nothing empty: such padding goes first.

    Args:
        call: The use.
        largest: Whether the largest element of a window is taken, or the mean.
        lead: Axes before those that are pooled, with those of a batch.
        shape: Text of the result's shape, for where axes were joined.
    """
    f, operand = call.fields, call.args[0]
    kernel, padding = tuple(f["kernel"]), tuple(f["padding"])
    rank = len(kernel)
    if 0 in call.shape:
        return empty(call)
    fill = 'float("-inf")' if largest else "0.0"
    if rank > 3:
        return f"pool({operand}, {ints(kernel)}, {ints(f['stride'])}, {ints(padding)}, {largest})"
    value = merged(operand, lead)
    option = f", padding={size(padding)}" if any(padding) else ""
    extents = call.parent_shapes[0][len(call.parent_shapes[0]) - rank :]
    # In three dimensions, torch wants a window to fit into what is not padded yet.
    small = rank == 3 and any(x < k for x, k in zip(extents, kernel, strict=True))
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)) or 0 in call.parent_shapes[0] or small:
        value, option = padded(value, padding, padding, fill), ""
    text = f"F.{'max' if largest else 'avg'}_pool{rank}d({value}, {window(call)}{option})"
    return _unmerged(text, lead, 2, shape)


def _unmerged(text: str, lead: int, keep: int, shape: str) -> str:
    """The text of a result with its axes as they were: `keep` of them, or fewer, were left alone."""
    if lead == 0:
        return f"{text}.squeeze(0)"
    return text if lead <= keep else f"{text}.reshape({shape})"


def max_pool(call: Call) -> str:
    """The largest element of every window; padded cells never win: they count as -inf."""
    return pool(call, True, len(call.parent_shapes[0]) - len(call.fields["kernel"]), arguments(call.shape))


def avg_pool(call: Call) -> str:
    """The mean of every window; padded cells count as zeros (`count_include_pad=True`, torch's default)."""
    return pool(call, False, len(call.parent_shapes[0]) - len(call.fields["kernel"]), arguments(call.shape))


def linear(call: Call) -> str:
    """`F.linear`, without a bias where the model has none."""
    bias = "" if "b" in call.absent else f", {call.params['b']}"
    return f"F.linear({call.args[0]}, {call.params['W']}{bias})"


def conv(call: Call) -> str:
    """`F.conv1d`, `2d` or `3d`, and what a convolution means where torch refuses it."""
    return convolution(call, call.fields["axis"], arguments(call.shape))


def convolution(call: Call, lead: int, shape: str) -> str:
    """A convolution.

    Args:
        call: The use.
        lead: Axes before the channels, with those of a batch.
        shape: Text of the result's shape, for where axes were joined.
    """
    f, p = call.fields, call.params
    if 0 in call.shape:
        return empty(call)
    kernel = p["kernel"]
    if f["groups"] != 1 and not call.compact:
        kernel = f"diagonal_blocks({kernel}, {f['groups']})"
    bias = "" if "bias" in call.absent else f", {p['bias']}"
    before, after, rank = tuple(f["before"]), tuple(f["after"]), len(f["kernel"])
    operand = call.args[0] if lead <= 1 else f"{call.args[0]}.flatten(0, {lead - 1})"
    extents = call.parent_shapes[0][f["axis"] + 1 :]
    steps = strides(call, [x + a + b for x, a, b in zip(extents, before, after, strict=True)])
    dilation = [d if k > 1 else 1 for d, k in zip(f["dilation"], f["kernel"], strict=True)]
    if not 1 <= rank <= 3:
        operand = f"{operand}.unsqueeze(0)" if lead == 0 else operand
        geometry = ", ".join(map(ints, (steps, before, after, dilation)))
        text = f"convolution({operand}, {kernel}{bias or ', None'}, {geometry}, {f['groups']})"
        return _unmerged(text, lead, 1, shape)
    options = f", stride={size(steps)}" if set(steps) != {1} else ""
    if before != after or 0 in call.parent_shapes[0]:
        operand = padded(operand, before, after, "0.0")
    elif any(before):
        options += f", padding={size(before)}"
    options += f", dilation={size(dilation)}" if set(dilation) != {1} else ""
    options += f", groups={f['groups']}" if f["groups"] != 1 else ""
    text = f"F.conv{rank}d({operand}, {kernel}{bias}{options})"
    return text if lead <= 1 else f"{text}.reshape({shape})"


def batch_norm(call: Call) -> str:
    """`F.batch_norm` in eval mode, on a variance that is not negative."""
    return normalized(call, call.fields["axis"], arguments(call.shape))


def normalized(call: Call, lead: int, shape: str) -> str:
    """A batch normalization; arguments as for `convolution`."""
    p, operand = call.params, call.args[0]
    if 0 in call.shape:
        return f"{operand}.clone()"
    operand = f"{operand}.unsqueeze(0)" if lead == 0 else operand
    operand = operand if lead <= 1 else f"{operand}.flatten(0, {lead - 1})"
    text = (
        f"F.batch_norm({operand}, {p['mean']}, {p['var']}.clamp(min=0.0), {p['gamma']}, {p['beta']}"
        f"{eps_option(call)})"
    )
    return _unmerged(text, lead, 1, shape)
