"""Samples to train on: read from a file, checked against the artifact, and dealt out in batches."""

from __future__ import annotations

import csv
import hashlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from torchlean_core.datasource import SUFFIXES
from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds.numbers import show_shape

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
    try:
        if path.suffix == ".csv":
            found = _read_csv(path, inputs, outputs, loss)
        elif path.suffix in readers:
            found = readers[path.suffix](path)
        else:
            raise UsageError(
                f"{path}: unknown kind of data; expected a file {', '.join(SUFFIXES)}, or module:function"
            )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    try:
        return _checked(found, inputs, outputs, loss)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read_npz(path: Path) -> dict[str, torch.Tensor]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("x", "y") if name in archive}
    except (ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not an .npz file of numbers") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise UserError(f"{path}: {name} is {array.dtype}, expected numbers")
    kinds = {"f": np.float32, "i": np.int64, "u": np.int64, "b": np.int64}
    return {name: torch.from_numpy(array.astype(kinds[array.dtype.kind])) for name, array in arrays.items()}


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path}: not a safetensors file ({error})") from error
    return {name: tensors[name] for name in ("x", "y") if name in tensors}


def _read_csv(path: Path, inputs: Shape, outputs: Shape, loss: str | None) -> dict[str, torch.Tensor]:
    per_target = outputs[:-1] if loss == "cross_entropy" else outputs
    width, targets = math.prod(inputs), 0 if loss is None else math.prod(per_target)
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file):
                if row and not _append(rows, row) and rows:
                    raise UserError(f"{path}: row {len(rows) + 1} holds something that is not a number")
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    for number, values in enumerate(rows, start=1):
        if len(values) != width + targets:
            raise UserError(
                f"{path}: row {number} of numbers has {len(values)} columns, expected {width + targets}: "
                f"{width} of the input {show_shape(inputs)} and {targets} of the target"
            )
    table = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), width + targets)
    x = table[:, :width].reshape(len(rows), *inputs).to(torch.float32)
    if not targets:
        return {"x": x}
    y = table[:, width:].reshape(len(rows), *per_target)
    return {"x": x, "y": y if loss == "cross_entropy" else y.to(torch.float32)}


def _append(rows: list[list[float]], row: list[str]) -> bool:
    """Add a row of numbers; False where it is none (a header, if it is the first)."""
    try:
        rows.append([float(cell) for cell in row])
    except ValueError:
        return False
    return True


def _checked(found: dict[str, torch.Tensor], inputs: Shape, outputs: Shape, loss: str | None) -> Dataset:
    if "x" not in found:
        raise UserError("holds no `x`")
    x = _shaped("x", found["x"].to(torch.float32), inputs)
    if not len(x):
        raise UserError("the dataset is empty")
    _require_finite("x", x)
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
    y = _shaped("y", y.to(torch.float32), outputs)
    _require_finite("y", y)
    if loss == "bce_with_logits" and not bool(((y >= 0) & (y <= 1)).all()):
        raise UserError("y must be between 0 and 1 for bce_with_logits")
    return Dataset(x, y)


def _classes(y: torch.Tensor, outputs: Shape) -> torch.Tensor:
    """Class numbers, int64, or probabilities of the output's shape."""
    if not outputs:
        raise UserError("cross_entropy needs an output with an axis of classes; this one is a scalar")
    if y.is_floating_point() and _fits(y.shape[1:], outputs) and not _fits(y.shape[1:], outputs[:-1]):
        _require_finite("y", y)
        return _shaped("y", y.to(torch.float32), outputs)
    y = _shaped("y", y, outputs[:-1])
    if y.is_floating_point():
        _require_finite("y", y)
        if not bool((y == y.round()).all()):
            raise UserError("y must be class numbers (whole numbers) for cross_entropy")
    y = y.to(torch.int64)
    low, high = int(y.min()) if y.numel() else 0, int(y.max()) if y.numel() else 0
    if low < 0 or high >= outputs[-1]:
        raise UserError(
            f"y holds class {low if low < 0 else high}; there are {outputs[-1]} (0 to {outputs[-1] - 1})"
        )
    return y


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


def _require_finite(name: str, tensor: torch.Tensor) -> None:
    bad = ~torch.isfinite(tensor)
    if bool(bad.any()):
        raise UserError(f"{name} holds {int(bad.sum())} values that are not finite")
