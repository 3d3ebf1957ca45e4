"""Code templates for a batch: one torch expression that computes a node for many samples at once.

The operands that depend on the input carry the batch as an axis of its own in front of the artifact's axes
(`call.lead` is 1), or in the place of a first axis of size 1 (`call.lead` is 0): a graph captured from one
image [1, 3, 32, 32] then runs on (n, 3, 32, 32), as its model did. Either way the artifact's axis k is axis
`k + call.lead` of the value. Operands that do not depend on the input come as they are, without a batch.

A function returns None where it has no form for that `lead`; with neither, `torch.func.vmap` serves.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.kinds import code
from torchlean_core.kinds.call import Call
from torchlean_core.kinds.code import ints


def _own(call: Call, *texts: str) -> str:
    """The size of the batch and dimensions, as the text of a shape."""
    first = call.args[call.batched.index(True)]
    return f"({', '.join([f'{first}.shape[0]', *texts])},)"


def _dims(values: Sequence[int]) -> list[str]:
    return [str(value) for value in values]


def _axis(call: Call) -> int | None:
    """The axis of the value that the node's `axis` is, unless that is the batch."""
    axis: int = call.fields["axis"] + call.lead
    return axis or None


def _along(function: str, call: Call) -> str | None:
    axis = _axis(call)
    return None if axis is None else f"{function}({call.args[0]}, dim={axis})"


def reduce_sum(call: Call) -> str | None:
    """`torch.sum` over the axis."""
    return _along("torch.sum", call)


def reduce_mean(call: Call) -> str | None:
    """`torch.mean` over the axis."""
    return _along("torch.mean", call)


def softmax(call: Call) -> str | None:
    """`torch.softmax` over the axis."""
    return _along("torch.softmax", call)


def layernorm(call: Call) -> str | None:
    """Over trailing axes, so the same text; but not over the batch."""
    return None if _axis(call) is None else code.layernorm(call)


def safe_log(call: Call) -> str | None:
    """The scalar must be one for all samples: one per sample would be matched with the last axis."""
    return None if call.batched[1] else f"torch.log({call.args[1]} - F.logsigmoid(-{call.args[0]}))"


def total(call: Call) -> str | None:
    """The sum of every sample; the result has no axis that the batch could take the place of."""
    if call.lead == 0:
        return None
    rank = len(call.parent_shapes[0])
    return f"torch.sum({call.args[0]}, dim={ints(range(1, rank + 1))})" if rank else call.args[0]


def mse_loss(call: Call) -> str | None:
    """The mean of every sample."""
    if call.lead == 0:
        return None
    if "empty" in call.fields and 0 in call.parent_shapes[0]:
        return None
    squares = f'F.mse_loss({_expanded(call, 0)}, {_expanded(call, 1)}, reduction="none")'
    rank = len(call.parent_shapes[0])
    return f"torch.mean({squares}, dim={ints(range(1, rank + 1))})" if rank else squares


def concat(call: Call) -> str | None:
    """`torch.cat`, operands without a batch repeated for it."""
    axis = _axis(call)
    if axis is None:
        return None
    values = [_expanded(call, position) for position in range(len(call.args))]
    return f"torch.cat(({', '.join(values)},), dim={axis})"


def _expanded(call: Call, position: int) -> str:
    """An operand with the batch."""
    text = call.args[position]
    if call.batched[position]:
        return text
    return f"{text}.expand({_own(call, *_dims(call.parent_shapes[position][1 - call.lead :]))})"


def matmul(call: Call) -> str | None:
    """`a @ b`: torch multiplies the last two axes, and matches the others from the right.

    With the batch in the place of the first of two axes, it is the rows of `a`; `b` must not carry it. A batch in
    front of operands of different ranks, or of a vector, would be matched with something else.
    """
    ranks = [len(shape) for shape in call.parent_shapes]
    if min(ranks) < 2:
        return None
    if call.lead == 0 and 2 in ranks and (ranks[0] != 2 or list(call.batched) != [True, False]):
        return None
    carried = [rank for rank, is_batched in zip(ranks, call.batched, strict=True) if is_batched]
    if min(carried) != max(ranks):
        return None
    return f"{call.args[0]} @ {call.args[1]}"


def permute(call: Call) -> str | None:
    """The batch stays in front."""
    perm = call.fields["perm"]
    if call.lead == 0:
        return code.permute(call) if perm[0] == 0 else None
    return f"{call.args[0]}.permute({ints([0, *(axis + 1 for axis in perm)])})"


def transpose(call: Call) -> str | None:
    """The axes behind the batch."""
    axes = call.fields["axis1"], call.fields["axis2"]
    if call.lead == 0 and axes[0] != axes[1] and 0 in axes:
        return None
    return f"{call.args[0]}.transpose({axes[0] + call.lead}, {axes[1] + call.lead})"


def reshape(call: Call) -> str | None:
    """Every sample's elements in order; nothing at all where only axes of 1 in front come or go."""
    if call.lead == 0 and call.shape[:1] != (1,):
        return None
    return f"{call.args[0]}.reshape({_own(call, *_dims(call.shape[1 - call.lead :]))})"


def broadcast_to(call: Call) -> str | None:
    """As `code.broadcast_to`, behind the batch."""
    source, aligned = tuple(call.parent_shapes[0]), tuple(call.fields["aligned"])
    if call.lead == 0 and not (aligned[0] == call.shape[0] == 1):
        return None
    start = 1 - call.lead
    value = call.args[0]
    if aligned != source:
        value = f"{value}.reshape({_own(call, *_dims(aligned[start:]))})"
    return f"{value}.expand({ints([-1, *call.shape[start:]])})"


def _shape(call: Call) -> str:
    """The text of the result's shape with the batch."""
    return _own(call, *_dims(call.shape[1 - call.lead :]))


def conv(call: Call) -> str | None:
    """The batch is one more axis before the channels, or one of those."""
    lead = call.fields["axis"] + call.lead
    if lead == 0 or 0 in (*call.shape, *call.parent_shapes[0]):
        return None
    return code.convolution(call, lead, _shape(call))


def _pool(call: Call, largest: bool) -> str | None:
    lead = len(call.parent_shapes[0]) - len(call.fields["kernel"]) + call.lead
    if lead == 0 or (call.lead == 0 and lead == 1) or 0 in (*call.shape, *call.parent_shapes[0]):
        return None
    return code.pool(call, largest, lead, _shape(call))


def max_pool(call: Call) -> str | None:
    """The batch is one more axis before those that are pooled, or one of those."""
    return _pool(call, True)


def avg_pool(call: Call) -> str | None:
    """As `max_pool`."""
    return _pool(call, False)


def batch_norm(call: Call) -> str | None:
    """The batch is one more axis before the channels, or one of those."""
    lead = call.fields["axis"] + call.lead
    return None if lead == 0 or 0 in call.shape else code.normalized(call, lead, _shape(call))
