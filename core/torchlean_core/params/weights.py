"""TorchLean's JSON weights: nested lists of numbers by parameter name, with or without their shapes and types.

`{"params": {name: nested list}, "meta": {name: {"shape": [...], "dtype": "torch.float32"}}}`, or the plain
`{name: nested list}`. Numbers are written as the shortest text that gives the same double back, so that every
reader gets the very same float32; what is written is the same bytes for the same content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import replacing
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.params.header import MAX_RANK

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_DTYPES = {"torch.float32": "float32", "torch.float64": "float64"}
_MAX_DIGITS = 400


def read_weights(path: Path) -> dict[str, Array]:
    """The tensors of a file of JSON weights by name; float32 where no `meta` says otherwise.

    Raises:
        UsageError: The file cannot be read.
        UserError: It is no such file; the message names the tensor, what was expected and what was found.
    """
    try:
        content = read_regular(path, MOST_ARTIFACT)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    try:
        root = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_integer,
        )
        values, meta = _layout(root)
        return {name: _tensor(name, nested, meta.get(name)) for name, nested in values.items()}
    except RecursionError as error:
        raise UserError(f"{path}: lists are nested too deep for a tensor") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}:{error.colno}: not valid JSON ({error.msg})") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def write_weights(path: Path, tensors: Mapping[str, Array], *, plain: bool = False) -> None:
    """Write tensors as JSON weights, whole or not at all; equal content gives equal bytes.

    Args:
        path: The file.
        tensors: float32 or float64 arrays by name.
        plain: Whether to leave out `params` and `meta`.

    Raises:
        UserError: A tensor holds a value that JSON has no number for.
        OSError: The file cannot be written.
    """
    import numpy as np

    for name, array in tensors.items():
        if not np.isfinite(array).all():
            at = np.argwhere(~np.isfinite(array))[0].tolist()
            raise UserError(
                f"{shortened(name)} holds {array[tuple(at)]} at {show_shape(at)}, which JSON has no number for; "
                "write a .safetensors file"
            )
    names = sorted(tensors)
    indent = "  " if plain else "    "
    lists = ",\n".join(f"{indent}{json.dumps(name)}: {json.dumps(tensors[name].tolist())}" for name in names)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        if plain:
            file.write(f"{{\n{lists}\n}}\n" if names else "{}\n")
            return
        meta = ",\n".join(f"    {json.dumps(name)}: {json.dumps(_meta(tensors[name]))}" for name in names)
        file.write(f'{{\n  "params": {{\n{lists}\n  }},\n  "meta": {{\n{meta}\n  }}\n}}\n')


def _meta(array: Array) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": f"torch.{array.dtype.name}"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise UserError(f"the key {shortened(name)} is there twice")
            names.add(name)
    return found


def _no_number(text: str) -> Any:
    raise UserError(f"{text} is no JSON number")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise UserError(f"a number of {len(text):,} digits is too large")
    return int(text)


def _layout(root: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Nested lists and meta by name, from either layout."""
    if not isinstance(root, dict):
        raise UserError("not TorchLean's JSON weights: expected an object of nested lists by name")
    if isinstance(root.get("nodes"), list):
        raise UserError("an artifact, not its weights")
    values: Any = root
    meta: Any = {}
    if isinstance(root.get("params"), dict):
        values, meta = root["params"], root.get("meta", {})
        if unknown := sorted(set(root) - {"params", "meta"}):
            raise UserError(f"expected `params` and `meta`, found {shortened(unknown[0])} too")
        if not isinstance(meta, dict):
            raise UserError("`meta` must be an object of shape and dtype by name")
        if strange := sorted(set(meta) - set(values)):
            raise UserError(f"`meta` has {shortened(strange[0])}, which `params` has not")
    return values, meta


def _tensor(name: str, nested: Any, meta: Any) -> Array:
    import numpy as np

    shown = shortened(name)
    dtype, declared = "float32", None
    if meta is not None:
        dtype, declared = _declared(shown, meta)
    shape, flat = _flattened(shown, nested)
    if declared is not None and declared != shape:
        # An empty list does not say what is inside: [0, 3] is written as [].
        if flat or 0 not in declared or shape != declared[: declared.index(0) + 1]:
            raise UserError(
                f"{shown} has shape {show_shape(shape)}, but its meta says {show_shape(declared)}"
            )
        shape = declared
    with np.errstate(over="ignore"):
        array = np.array(flat, dtype=dtype).reshape(shape)
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        raise UserError(f"{shown} holds a number at {show_shape(at)} that is too large for {dtype}")
    return array


def _declared(shown: str, meta: Any) -> tuple[str, tuple[int, ...]]:
    if not isinstance(meta, dict) or not {"shape", "dtype"} <= set(meta):
        raise UserError(f"the meta of {shown} needs shape and dtype")
    shape, dtype = meta["shape"], meta["dtype"]
    if not isinstance(shape, list) or not all(type(dim) is int and dim >= 0 for dim in shape):
        raise UserError(f"the shape in the meta of {shown} is no array of natural numbers")
    if dtype not in list(_DTYPES):
        raise UserError(f"{shown} is {shortened(str(dtype))}, expected torch.float32 or torch.float64")
    return _DTYPES[dtype], tuple(shape)


def _flattened(shown: str, nested: Any) -> tuple[tuple[int, ...], list[int | float]]:
    """Shape and row-major elements of nested lists, level by level.

    Raises:
        UserError: The lists are ragged, or hold something else than numbers.
    """
    shape: list[int] = []
    level = [nested]
    while level and any(type(item) is list for item in level):
        nests = type(level[0]) is list
        expected = len(level[0]) if nests else None
        for place, item in enumerate(level):
            if (type(item) is list) is not nests or (nests and len(item) != expected):
                found = f"a list of {len(item)}" if type(item) is list else _described(item)
                wanted = f"a list of {expected}" if nests else "a number"
                where = _place(place, shape)
                raise UserError(f"{shown} is ragged: at {where} expected {wanted}, found {found}")
        shape.append(len(level[0]))
        if len(shape) > MAX_RANK:
            raise UserError(f"{shown}: lists are nested too deep for a tensor")
        level = list(chain.from_iterable(level))
    for place, item in enumerate(level):
        if type(item) is not float and type(item) is not int:
            raise UserError(f"{shown} holds {_described(item)} at {_place(place, shape)}, expected a number")
        if type(item) is int and item.bit_length() > 1023:
            raise UserError(f"{shown} holds a number at {_place(place, shape)} that is too large")
    return tuple(shape), level


def _place(flat: int, shape: list[int]) -> str:
    index: list[int] = []
    for dim in reversed(shape):
        flat, at = divmod(flat, max(dim, 1))
        index.insert(0, at)
    return show_shape(index)


def _described(item: Any) -> str:
    if item is None or isinstance(item, bool):
        return json.dumps(item)
    if isinstance(item, int | float):
        return "a number"
    return "an object" if isinstance(item, dict) else f"the text {shortened(str(item))}"
