"""Samples to train on: read from a file, checked against the artifact, and dealt out in batches."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from torchlean_core.basics.reading import MOST_ARTIFACT, open_regular, require_readable
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.interp import Batch
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.options.datasource import SUFFIXES
from torchlean_core.train.fitting import Wanted, csv_targets, fit
from torchlean_core.train.losses import Objective

if TYPE_CHECKING:
    import numpy.typing as npt


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


def folding(batch: Batch) -> Callable[[Dataset], Dataset]:
    """What gives samples the axes that a network takes."""
    return lambda data: Dataset(
        batch.fold_input(data.x), None if data.y is None else batch.fold_output(data.y)
    )


def load_dataset(
    path: Path, wanted: Wanted, tell: Callable[[str], None] = lambda message: None
) -> tuple[Dataset, Objective]:
    """Read samples and make them fit.

    Args:
        path: An .npz or .safetensors file with `x` (samples first) and `y`, or a .csv file whose columns
            are the elements of x, then those of y.
        wanted: What they must be.
        tell: Gets what a user should know of how the samples are read.

    Returns:
        The samples, and the loss with the class axis that the targets say.

    Raises:
        UsageError: The file cannot be read, or an option does not fit.
        UserError: Its content does not fit.
    """
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors, ".csv": _read_csv}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UsageError(
            f"{path}: unknown kind of data; expected a file {', '.join(SUFFIXES)}, or module:function"
        )
    try:
        found = readers[suffix](path, wanted)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except MemoryError as error:  # also where a damaged header asks for more than there is
        raise UsageError(f"{path}: {error or 'not enough memory'}") from error
    with _named(path):
        fitted = fit(found, wanted, tell)
    return Dataset(fitted.x, fitted.y), fitted.objective


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file in front of what is said of its content; what is said of options needs none."""
    try:
        yield
    except UsageError:
        raise
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


_BAD_HEADER = (ValueError, TypeError, AttributeError, EOFError, SyntaxError, OverflowError)
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, KeyError)
_UNREADABLE = (*_BAD_HEADER, *_BAD_ARCHIVE)
"""What numpy and zipfile raise for a damaged archive."""


def _read_npz(path: Path, wanted: Wanted) -> dict[str, torch.Tensor]:
    try:
        require_readable(path, MOST_ARTIFACT)
        with np.load(path, allow_pickle=False) as archive, _named(path):
            arrays = {role: archive[key] for role, key in wanted.keys(list(archive))}
    except _UNREADABLE as error:
        raise UsageError(f"{path}: not an .npz file of numbers") from error
    for role, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise UserError(f"{path}: {getattr(wanted, role) or role} is {array.dtype}, expected numbers")
    return {role: torch.from_numpy(native(array)) for role, array in arrays.items()}


def native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array in a type that torch has: in this machine's byte order, and at most double precision."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_safetensors(path: Path, wanted: Wanted) -> dict[str, torch.Tensor]:
    try:
        require_readable(path)
        tensors = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path}: not a safetensors file ({error})") from error
    with _named(path):
        return {role: tensors[key] for role, key in wanted.keys(list(tensors))}


def _read_csv(path: Path, wanted: Wanted) -> dict[str, torch.Tensor]:
    if wanted.x is not None or wanted.y is not None:
        raise UsageError(f"{path}: --x and --y name arrays; a CSV file has the columns of x, then those of y")
    with _named(path):
        targets = csv_targets(wanted)
    inputs = wanted.inputs
    width = math.prod(inputs)
    rows: list[list[float]] = []
    try:
        with (
            open_regular(path, MOST_ARTIFACT) as opened,
            io.TextIOWrapper(opened, newline="", encoding="utf-8-sig") as file,
            _named(path),
        ):
            for line, values in _numbers(file):
                expected = len(rows[0]) if rows else None
                if len(values) - width not in targets or expected not in (None, len(values)):
                    raise UserError(
                        f"line {line} has {len(values)} columns, expected {expected or _sums(width, targets)}: "
                        f"{width} of the input {show_shape(inputs)} and {' or '.join(map(str, targets))} of "
                        f"the target{_class_column(wanted, len(values) - width)}"
                    )
                rows.append(values)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    if not rows:
        raise UserError(f"{path}: the dataset is empty")
    table = torch.tensor(rows, dtype=torch.float64)
    x = table[:, :width].reshape(len(rows), *inputs)
    shape = targets[table.shape[1] - width]
    return {"x": x} if shape is None else {"x": x, "y": table[:, width:].reshape(len(rows), *shape)}


def _class_column(wanted: Wanted, columns: int) -> str:
    """A hint where one column is left for the target of a loss that takes values of the output's shape."""
    is_class = columns == 1 and wanted.takes_targets and not wanted.objective.has_classes
    return "; for a column of class numbers use --loss cross_entropy" if is_class else ""


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
