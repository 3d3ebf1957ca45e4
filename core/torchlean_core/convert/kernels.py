"""Kernels of convolutions: grouped and dilated ones as dense ones, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from torchlean_core.convert.draft import MOST, Payload, Site
from torchlean_core.convert.refusal import refuse
from torchlean_core.errors import UserError
from torchlean_core.graph.views import View, embed, parse_view, view_json
from torchlean_core.kinds.code import structure

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A convolution's kernel as the generalized dialect has it.

    Attributes:
        size: Its spatial extents.
        groups: Groups of channels.
        dilation: Distance of its cells on each axis.
        payload: The node's parameters, with this kernel.
    """

    size: tuple[int, ...]
    groups: int
    dilation: tuple[int, ...]
    payload: Payload


def resolved(payload: Payload, marks: Mapping[str, Any], fields: Mapping[str, Any]) -> Kernel:
    """What a dense kernel with the marks of its operator is, where its values are of exactly that form.

    Args:
        payload: The parameters of the `conv2d`.
        marks: Its marks `groups` and `dilation`, as the artifact has them.
        fields: Its own fields.
    """
    size = (fields["kH"], fields["kW"])
    import numpy as np

    found = Kernel(size, 1, (1, 1), payload)
    array = payload.arrays.get(_KERNEL)
    if array is None:
        return found
    groups, _ = _read(marks, "groups", fields)
    if groups > 1 and not np.where(on_blocks(array.shape, groups), 0, array).any():
        found = replace(found, groups=groups)
    _, dilation = _read(marks, "dilation", fields)
    view = _view(payload)
    named = "name" in payload.said.get(_KERNEL, {})
    spread = _embedding(array.shape, dilation)
    if (
        all((k - 1) % d == 0 for k, d in zip(size, dilation, strict=True))
        and not _off_taps(array, dilation).any()
        and (not named or view[-1:] == (spread,) or dilation == (1, 1))
    ):
        thin = array[:, :, :: dilation[0], :: dilation[1]]
        if named and dilation != (1, 1):
            payload = _with_view(payload, view[:-1], None)
        payload = replace(payload, arrays={**payload.arrays, _KERNEL: thin})
        found = replace(found, size=thin.shape[2:], dilation=dilation, payload=payload)
    return found


def dense(at: Site, groups: int, dilation: Sequence[int], size: Sequence[int]) -> Payload:
    """The parameters of a convolution with its kernel as a dense one: zeros off the blocks and between the taps.

    Args:
        at: The convolution.
        groups: Its groups.
        dilation: Its dilation.
        size: Spatial extents of the dense kernel.

    Raises:
        ConversionRefused: The kernel is too large, or a tensor that is shared would have to be another one here.
    """
    import numpy as np

    payload = at.payload
    said = payload.said.get(_KERNEL, {})
    array = payload.arrays.get(_KERNEL)
    channels = at.fields["out_channels"], at.fields["in_channels"]
    thin = (*channels, *at.fields["kernel"])
    full = (*channels, *size)
    is_spread = any(d != 1 for d in dilation)
    view = _view(payload)
    if array is not None:
        if prod(full) > MOST:
            refuse(at.node, f"the dense kernel would have {prod(full):,} elements")
        masked = (
            np.where(on_blocks(array.shape, groups), array, 0).astype(array.dtype) if groups > 1 else array
        )
        if "name" in said and (masked != array).any():
            if _is_shared(at, said["name"]) or view:
                refuse(
                    at.node,
                    f"its weight has values off its {groups} groups, and is a tensor that other nodes share or see "
                    "in another form",
                )
            payload = replace(payload, changed=payload.changed | {_KERNEL})
        payload = replace(
            payload,
            arrays={**payload.arrays, _KERNEL: _spread(masked, full, dilation) if is_spread else masked},
        )
    if is_spread and "name" in said:
        shape = said.get("shape", None if view else list(thin))
        payload = _with_view(payload, (*view, _embedding(full, dilation)), shape)
    return payload


def on_blocks(shape: Sequence[int], groups: int) -> Array:
    """Where a dense kernel of a shape may be other than zero; broadcasts to it."""
    import numpy as np

    outputs = np.arange(shape[0]) // (shape[0] // groups)
    inputs = np.arange(shape[1]) // (shape[1] // groups)
    found: Array = (outputs[:, None] == inputs).reshape(*shape[:2], *(1 for _ in shape[2:]))
    return found


def _off_taps(array: Array, dilation: Sequence[int]) -> Array:
    found = array.copy()
    found[:, :, :: dilation[0], :: dilation[1]] = 0
    return found


def _spread(array: Array, full: Sequence[int], dilation: Sequence[int]) -> Array:
    import numpy as np

    found = np.zeros(full, array.dtype)
    found[:, :, :: dilation[0], :: dilation[1]] = array
    return found


def _embedding(full: Sequence[int], dilation: Sequence[int]) -> Any:
    return embed(full, (0,) * len(full), (1, 1, *dilation))


def _view(payload: Payload) -> View:
    return parse_view(payload.said.get(_KERNEL, {}).get("view", []))


def _with_view(payload: Payload, view: View, shape: Any) -> Payload:
    told = ("view",) if view else ("view", "shape")  # without a view, the tensor is of the node's own shape
    said = {name: value for name, value in payload.said[_KERNEL].items() if name not in told}
    if view:
        said["view"] = view_json(view)
        if shape is not None:
            said["shape"] = shape
    return replace(payload, said={**payload.said, _KERNEL: said})


def _is_shared(at: Site, name: str) -> bool:
    uses = 0
    for node in at.draft.source.nodes:
        said = node.extra.get("parameters")
        for one in said.values() if isinstance(said, Mapping) else ():
            uses += isinstance(one, Mapping) and one.get("name") == name
    return uses > 1


def _read(marks: Mapping[str, Any], name: str, fields: Mapping[str, Any]) -> tuple[int, tuple[int, ...]]:
    """What one mark says; 1 where it says nothing that fits."""
    sizes = {"kernel": (fields["kH"], fields["kW"]), "inputs": fields["inC"], "outputs": fields["outC"]}
    try:
        return structure({**sizes, "marks": {name: marks[name]} if name in marks else {}})
    except UserError:
        return 1, (1, 1)
