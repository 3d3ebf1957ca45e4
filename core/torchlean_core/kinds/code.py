"""Code templates that depend on shapes: source text of the torch expression of one node."""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.kinds.shapes import broadcast_axes
from torchlean_core.kinds.spec import Call

DEFAULT_EPS = 1e-5
"""Epsilon of `layernorm` and batch norm where the node has no `eps`: PyTorch's default."""


def ints(values: Sequence[int]) -> str:
    """A tuple of integers as source text: `(1, 3)`, `(4,)`, `()`."""
    return f"({values[0]},)" if len(values) == 1 else f"({', '.join(map(str, values))})"


def eps(call: Call) -> str:
    """The node's epsilon as source text."""
    return repr(float(call.fields.get("eps", DEFAULT_EPS)))


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
    return f"F.layer_norm({call.args[0]}, {ints(normalized)}, eps={eps(call)})"


def reshape(call: Call) -> str:
    """Any change of shape that keeps the elements in order."""
    return f"{call.args[0]}.reshape({ints(call.shape)})"


def permute(call: Call) -> str:
    """Axes in the order of `perm`."""
    return f"{call.args[0]}.permute({ints(call.fields['perm'])})"


def broadcast_to(call: Call) -> str:
    """The broadcast witness: a reshape to the target's rank where axes are inserted, then `expand`."""
    source = list(call.parent_shapes[0])
    aligned = broadcast_axes(source, call.shape)
    if aligned is None:
        raise ValueError(f"no broadcast from {source} to {list(call.shape)}")
    value = call.args[0] if aligned == source else f"{call.args[0]}.reshape({ints(aligned)})"
    return f"{value}.expand({ints(call.shape)})"


def concat(call: Call) -> str:
    """`torch.cat` along `axis`."""
    return f"torch.cat(({', '.join(call.args)}), dim={call.fields['axis']})"


def _window(call: Call) -> str:
    f = call.fields
    return f"({f['kH']}, {f['kW']}), stride={f['stride']}"


def _padding(call: Call, fill: str) -> tuple[str, str]:
    """Operand and padding argument; torch pads pools by half a window at most, so larger ones go first."""
    f = call.fields
    padding = f.get("padding", 0)
    if 2 * padding <= min(f["kH"], f["kW"]):
        return call.args[0], f", padding={padding}" if padding else ""
    return f"F.pad({call.args[0]}, ({padding}, {padding}, {padding}, {padding}), value={fill})", ""


def max_pool_pad(call: Call) -> str:
    """Padded cells never win: they count as -inf."""
    operand, padding = _padding(call, 'float("-inf")')
    return f"F.max_pool2d({operand}, {_window(call)}{padding})"


def avg_pool_pad(call: Call) -> str:
    """Padded cells count as zeros (`count_include_pad=True`, torch's default)."""
    operand, padding = _padding(call, "0.0")
    return f"F.avg_pool2d({operand}, {_window(call)}{padding})"


def batch_norm(call: Call) -> str:
    """`F.batch_norm` in eval mode, on a variance that is not negative."""
    p = call.params
    return (
        f"F.batch_norm({call.args[0]}, {p['mean']}, {p['var']}.clamp(min=0.0), {p['gamma']}, {p['beta']}, "
        f"eps={eps(call)})"
    )
