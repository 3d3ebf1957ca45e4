"""Samples to train on: read from a file, checked against the artifact, and dealt out in batches."""

from __future__ import annotations

import csv
import hashlib
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from torchlean_core.datasource import SUFFIXES
from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.visible import shortened

if TYPE_CHECKING:
    import numpy.typing as npt

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples, the first axis counting them.

    Attributes:
        x: Inputs, (n, *input shape), float32.
        y: Targets, (n, …); None where the graph's output is its own loss.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    def take(self, index: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The samples of an index: x, or x and y."""
        return tuple(tensor.index_select(0, index) for tensor in self.tensors())

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All samples: x, or x and y."""
        return (self.x,) if self.y is None else (self.x, self.y)

    def sha256(self) -> str:
        """Hash, in hex, of the samples: of shapes, types and values."""
        digest = hashlib.sha256()
        for tensor in self.tensors():
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def split(self, fraction: float, generator: torch.Generator) -> tuple[Dataset, Dataset | None]:
        """Training and validation samples, drawn at random.

        Raises:
            UserError: One of the two would be empty.
        """
        if fraction == 0:
            return self, None
        count = round(len(self) * fraction)
        if not 0 < count < len(self):
            raise UserError(f"--val-split {fraction} of {len(self)} samples leaves one part empty")
        order = torch.randperm(len(self), generator=generator)
        return Dataset(*self.take(order[count:])), Dataset(*self.take(order[:count]))


def load_dataset(path: Path, inputs: Shape, outputs: Shape, loss: str | None) -> Dataset:
    """Read samples and check them.

    Args:
        path: An .npz or .safetensors file with `x` (samples first) and `y`, or a .csv file whose columns
            are the elements of x, then those of y.
        inputs: Shape of one input.
        outputs: Shape of one output.
        loss: Name of the loss; None for a graph that is its own loss, which takes no targets.

    Raises:
        UsageError: The file cannot be read.
        UserError: Its content does not fit.
    """
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            found = _read_csv(path, inputs, outputs, loss)
        elif suffix in readers:
            found = readers[suffix](path)
        else:
            raise UsageError(
                f"{path}: unknown kind of data; expected a file {', '.join(SUFFIXES)}, or module:function"
            )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except MemoryError as error:  # also where a damaged header asks for more than there is
        raise UsageError(f"{path}: {error or 'not enough memory'}") from error
    try:
        return _checked(found, inputs, outputs, loss)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


_BAD_HEADER = (ValueError, TypeError, AttributeError, EOFError, SyntaxError, OverflowError)
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, KeyError)
_UNREADABLE = (*_BAD_HEADER, *_BAD_ARCHIVE)
"""What numpy and zipfile raise for a damaged archive."""


def _read_npz(path: Path) -> dict[str, torch.Tensor]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("x", "y") if name in archive}
    except _UNREADABLE as error:
        raise UsageError(f"{path}: not an .npz file of numbers") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise UserError(f"{path}: {name} is {array.dtype}, expected numbers")
    return {name: torch.from_numpy(_native(array)) for name, array in arrays.items()}


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in a type that torch has: in this machine's byte order, and at most double precision."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path}: not a safetensors file ({error})") from error
    return {name: tensors[name] for name in ("x", "y") if name in tensors}


def _read_csv(path: Path, inputs: Shape, outputs: Shape, loss: str | None) -> dict[str, torch.Tensor]:
    targets = _targets(outputs, loss)
    width = math.prod(inputs)
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line, values in _numbers(file):
                expected = len(rows[0]) if rows else None
                if len(values) - width not in targets or expected not in (None, len(values)):
                    raise UserError(
                        f"line {line} has {len(values)} columns, expected {expected or _sums(width, targets)}: "
                        f"{width} of the input {show_shape(inputs)} and {' or '.join(map(str, targets))} of "
                        "the target"
                    )
                rows.append(values)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    if not rows:
        raise UserError(f"{path}: the dataset is empty")
    table = torch.tensor(rows, dtype=torch.float64)
    x = table[:, :width].reshape(len(rows), *inputs)
    shape = targets[table.shape[1] - width]
    return {"x": x} if shape is None else {"x": x, "y": table[:, width:].reshape(len(rows), *shape)}


def _targets(outputs: Shape, loss: str | None) -> dict[int, Shape | None]:
    """Shapes that a target in a CSV file may have, by their number of columns; None where there is none."""
    if loss is None:
        return {0: None}
    if loss != "cross_entropy":
        return {math.prod(outputs): outputs}
    return {math.prod(outputs): outputs, math.prod(outputs[:-1]): outputs[:-1]}


def _sums(width: int, targets: Iterable[int]) -> str:
    return " or ".join(str(width + count) for count in targets)


def _numbers(file: IO[str]) -> Iterator[tuple[int, list[float]]]:
    """Line and numbers of every row. Empty lines are none, and a first row without any number is a header.

    Raises:
        UserError: A cell is no number.
    """
    rows = csv.reader(file)
    is_first = True
    for row in rows:
        if not row:
            continue
        try:
            numbers = [float(cell) for cell in row]
        except ValueError:
            bad = next(place for place, cell in enumerate(row, start=1) if not _is_number(cell))
            if not is_first or any(map(_is_number, row)):
                cell = row[bad - 1]
                hint = "; commas part the columns" if len(row) == 1 and re.search(r"[;\t ]", cell) else ""
                raise UserError(
                    f"line {rows.line_num}: {shortened(cell)} in column {bad} is no number{hint}"
                ) from None
        else:
            yield rows.line_num, numbers
        is_first = False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _checked(found: dict[str, torch.Tensor], inputs: Shape, outputs: Shape, loss: str | None) -> Dataset:
    if "x" not in found:
        raise UserError("holds no `x`")
    x = _shaped("x", _floats("x", found["x"]), inputs)
    if not len(x):
        raise UserError("the dataset is empty")
    if loss is None:
        return Dataset(x, None)
    if "y" not in found:
        raise UserError(f"holds no `y`, which the loss {loss} needs")
    y = found["y"]
    if y.shape[:1] != x.shape[:1]:
        raise UserError(
            f"x {show_shape(x.shape)} and y {show_shape(y.shape)} differ in the number of samples"
        )
    if loss == "cross_entropy":
        return Dataset(x, _classes(y, outputs))
    y = _shaped("y", _floats("y", y), outputs)
    if loss == "bce_with_logits":
        _require_probabilities(y, loss)
    return Dataset(x, y)


def _classes(y: torch.Tensor, outputs: Shape) -> torch.Tensor:
    """Class numbers, int64, or probabilities of the output's shape."""
    if not outputs:
        raise UserError("cross_entropy needs an output with an axis of classes; this one is a scalar")
    if y.is_floating_point() and _fits(y.shape[1:], outputs) and not _fits(y.shape[1:], outputs[:-1]):
        y = _shaped("y", _floats("y", y), outputs)
        _require_probabilities(y, "cross_entropy")
        return y
    y = _shaped("y", y, outputs[:-1])
    _floats("y", y)
    exact = y.to(torch.float64)  # class numbers of any type: those that int64 does not hold are out of range
    if not bool((exact == exact.round()).all()):
        raise UserError("y must be class numbers (whole numbers) for cross_entropy")
    low, high = (exact.min().item(), exact.max().item()) if y.numel() else (0, 0)
    if low < 0 or high >= outputs[-1]:
        raise UserError(
            f"y holds class {low if low < 0 else high:g}; there are {outputs[-1]} (0 to {outputs[-1] - 1})"
        )
    return y.to(torch.int64)


def _require_probabilities(y: torch.Tensor, loss: str) -> None:
    if not bool(((y >= 0) & (y <= 1)).all()):
        raise UserError(f"y must be between 0 and 1 for {loss}")


def _fits(found: Shape, expected: Shape) -> bool:
    """Whether shapes are equal up to dimensions of 1 in front."""
    return _without_ones(found) == _without_ones(expected)


def _without_ones(shape: Shape) -> Shape:
    shape = tuple(shape)
    while shape[:1] == (1,):
        shape = shape[1:]
    return shape


def _shaped(name: str, tensor: torch.Tensor, sample: Shape) -> torch.Tensor:
    if not tensor.ndim or not _fits(tensor.shape[1:], sample):
        raise UserError(
            f"{name} has shape {show_shape(tensor.shape)}, expected samples first: "
            f"[n{''.join(f', {dim}' for dim in sample)}]"
        )
    return tensor.reshape(tensor.shape[0], *sample).contiguous()


def _floats(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float32.

    Raises:
        UserError: It holds complex numbers, or values that are not finite there.
    """
    if tensor.is_complex():
        raise UserError(f"{name} is {str(tensor.dtype).removeprefix('torch.')}, expected numbers")
    rounded = tensor.to(torch.float32)
    bad = ~torch.isfinite(rounded)
    if bool(bad.any()):
        is_finite = bool(torch.isfinite(tensor[bad].to(torch.float64)).all())
        what = "too large for float32" if is_finite else "not finite"
        raise UserError(f"{name} holds {int(bad.sum())} values that are {what}")
    return rounded
