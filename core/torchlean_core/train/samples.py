"""What a user's function gives, as tensors of samples: arrays, mappings, data sets, loaders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from torchlean_core.errors import UserError, type_name
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.train.data import native
from torchlean_core.train.fitting import Wanted, fits

Tensors = dict[str, torch.Tensor]
"""`x`, and `y` where there are targets; samples first."""

EXPECTED = (
    "(x, y), {'x': …, 'y': …}, samples (x, y) one after the other, a torch Dataset or a DataLoader; "
    "or two data sets, to train on and for validation"
)


_SETS = 2  # to train on, and for validation


def samples_of(result: Any, wanted: Wanted) -> list[Tensors]:
    """The samples that a function gave, as one set, or as two: to train on, and for validation.

    Args:
        result: What it gave.
        wanted: What samples must be: the shape of an input tells samples from batches of samples.

    Raises:
        UserError: It is something else.
    """
    is_list = isinstance(result, tuple | list) and len(result) > 0
    if is_list and all(isinstance(part, DataLoader | Dataset) for part in result):
        if len(result) > _SETS:
            raise UserError(f"the function gives {len(result)} data sets; expected {EXPECTED}")
        return [_of_one(part, wanted) for part in result]
    return [_of_one(result, wanted)]


def _of_one(result: Any, wanted: Wanted) -> Tensors:
    if isinstance(result, Mapping):
        return {role: _tensor(role, value) for role, value in _parts(result, wanted).items()}
    if isinstance(result, tuple) and len(result) == 2:
        return {"x": _tensor("x", result[0]), "y": _tensor("y", result[1])}
    if isinstance(result, list) and len(result) == 2 and all(map(_is_array, result)):
        x, y = _tensor("x", result[0]), _tensor("y", result[1])
        if wanted.takes_targets or not fits(x.shape, wanted.inputs):  # else two samples without targets
            return {"x": x, "y": y}
    if isinstance(result, tuple | list) and len(result) > 2 and _is_parts(result, wanted):
        raise UserError(f"the function gives {len(result)} arrays, expected two, x and y: return (x, y)")
    if _is_array(result):
        return {"x": _tensor("x", result)}
    if isinstance(result, DataLoader):
        return _joined(list(result), wanted, batched=result.batch_sampler is not None)
    if isinstance(result, IterableDataset):
        return _joined(list(result), wanted)
    if hasattr(result, "__getitem__") and hasattr(result, "__len__"):
        return _joined([result[position] for position in range(len(result))], wanted)
    if isinstance(result, Iterable):
        return _joined(list(result), wanted)
    raise UserError(f"the function gives a value of type {type_name(result)}; expected {EXPECTED}")


def _is_parts(result: Sequence[Any], wanted: Wanted) -> bool:
    """Whether arrays are x, y and more: the first is a batch of inputs, and the targets are missing else."""
    if not wanted.takes_targets or not all(map(_is_array, result)):
        return False
    shapes = [np.shape(part) for part in result]
    return len(shapes[0]) > 0 and fits(shapes[0][1:], wanted.inputs)


def _is_array(value: Any) -> bool:
    return (
        isinstance(value, torch.Tensor)
        or hasattr(value, "__array__")
        or hasattr(value, "__array_interface__")
    )


def _joined(items: Sequence[Any], wanted: Wanted, batched: bool | None = None) -> Tensors:
    """Samples, or batches of them, one after the other; the first item tells which unless `batched` does."""
    if not items:
        raise UserError("the dataset is empty")
    parts = [{role: _tensor(role, value) for role, value in _parts(item, wanted).items()} for item in items]
    for place, part in enumerate(parts):
        if set(part) != set(parts[0]):
            raise UserError(f"sample {place} has {_listed(part)}, the first one {_listed(parts[0])}")
    first = parts[0]["x"].shape
    if batched is None:
        batched = not fits(first, wanted.inputs) and len(first) > 0 and fits(first[1:], wanted.inputs)
    return {role: _merged(role, [part[role] for part in parts], batched) for role in parts[0]}


def _merged(role: str, tensors: list[torch.Tensor], batched: bool) -> torch.Tensor:
    what, behind = ("batch", 1) if batched else ("sample", 0)
    expected = tensors[0].shape[behind:]
    for place, tensor in enumerate(tensors):
        if tensor.ndim < behind or tensor.shape[behind:] != expected:
            raise UserError(
                f"{what} {place} has {role} of shape {show_shape(tensor.shape)}, "
                f"the first one {show_shape(tensors[0].shape)}; samples must have one shape"
            )
    return torch.cat(tensors) if batched else torch.stack(tensors)


def _parts(item: Any, wanted: Wanted) -> dict[str, Any]:
    """The inputs and targets of a sample, of a batch, or of all samples."""
    if isinstance(item, Mapping):
        try:
            keys = dict(wanted.keys([str(key) for key, value in item.items() if value is not None]))
        except UserError as error:
            raise UserError(f"the mapping {error}") from error
        return {role: item[key] for role, key in keys.items()}
    if isinstance(item, tuple | list) and len(item) == 2:
        return {"x": item[0], "y": item[1]}
    if isinstance(item, tuple | list) and len(item) == 1 and _is_array(item[0]):
        return {"x": item[0]}
    if isinstance(item, tuple | list) and wanted.takes_targets:
        kinds = ", ".join(type_name(part) for part in islice(item, 5))
        raise UserError(f"a sample has {len(item)} parts ({kinds}), expected (x, y) or {{'x': …, 'y': …}}")
    return {"x": item}


def _listed(part: Mapping[str, Any]) -> str:
    return " and ".join(part)


def _tensor(name: str, value: Any) -> torch.Tensor:
    try:
        if not isinstance(value, torch.Tensor) and _is_array(value):
            array = np.asarray(value)
            value = native(array if array.flags.writeable else array.copy())
        tensor = torch.as_tensor(value).detach().cpu()
        return tensor if tensor.layout == torch.strided else tensor.to_dense()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name} is no array of numbers: {error}") from error
