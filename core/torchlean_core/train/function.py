"""Data from a user's function, `module:function`: run in a worker process, handed over as a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file

from torchlean_core.datasource import NAMED_FUNCTION
from torchlean_core.errors import UsageError, UserError
from torchlean_core.jobs import run_job
from torchlean_core.train.data import Dataset, Shape, load_dataset

_EXPECTED = "(x, y), {'x': …, 'y': …}, or samples (x, y) one after the other"


def call_for_data(
    data: str, inputs: Shape, outputs: Shape, loss: str | None, report: Callable[[dict[str, Any]], None]
) -> Dataset:
    """The samples that a function gives, checked as those of a file are.

    Args:
        data: `module:function`, the module by its dotted name (from the current folder on) or as a .py file.
        inputs: As for `load_dataset`.
        outputs: As for `load_dataset`.
        loss: As for `load_dataset`.
        report: Gets `{"event": "output", "text": …}` for what the function prints.

    Raises:
        UserError: The function raises, or what it gives does not fit.
        UsageError: There is no such module or function.
    """
    with tempfile.TemporaryDirectory(prefix="torchlean-") as folder:
        out = Path(folder) / "data.safetensors"
        run_job("data", {"data": data, "out": str(out)}, on_event=report)
        try:
            return load_dataset(out, inputs, outputs, loss)
        except UserError as error:
            raise type(error)(str(error).replace(str(out), data)) from error


def run(request: Mapping[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The worker's side: call the function, and write its samples as safetensors.

    Args:
        request: `data` (`module:function`) and `out` (path).
        report: Not used.

    Returns:
        `samples`, their number.

    Raises:
        UserError: The function raises, or gives something else than samples.
        UsageError: There is no such module or function.
    """
    match = NAMED_FUNCTION.fullmatch(request["data"])
    assert match is not None, "`is_function` said that it is one"
    out = Path(request["out"]).absolute()  # before the user's code, which may change the folder
    name = match["function"]
    module = _call(f"importing {match['module']}", lambda: _imported(match["module"]))
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"{match['module']} has no function {name}")
    tensors = _call(f"{request['data']}()", lambda: _tensors(function()))
    save_file({key: tensor.contiguous().clone() for key, tensor in tensors.items()}, out)
    return {"samples": len(tensors["x"])}


def _imported(name: str) -> ModuleType:
    if not name.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(name)
    path = Path(name).resolve()
    if not path.is_file():
        raise UsageError(f"{name}: no such file")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _call(what: str, action: Callable[[], Any]) -> Any:
    """Do something of the user's; an exception becomes a message with the line of the user's code."""
    try:
        return action()
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise UsageError(f"{what}: no module named {error.name}") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not _is_ours(frame.filename)]
        where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
        raise UserError(f"{what} raised {type(error).__name__}: {error}{where}") from error


def _is_ours(filename: str) -> bool:
    return filename.startswith("<") or filename == __file__ or "importlib" in Path(filename).parts


def _tensors(result: Any) -> dict[str, torch.Tensor]:
    if isinstance(result, Mapping):
        if "x" not in result:
            raise UserError(f"the function's mapping has no `x`; expected {_EXPECTED}")
        return {key: _tensor(key, result[key]) for key in ("x", "y") if result.get(key) is not None}
    if isinstance(result, tuple) and len(result) == 2:
        return {"x": _tensor("x", result[0]), "y": _tensor("y", result[1])}
    if hasattr(result, "__array__") or isinstance(result, torch.Tensor):
        return {"x": _tensor("x", result)}
    if hasattr(result, "__getitem__") and hasattr(result, "__len__"):
        return _stacked([result[position] for position in range(len(result))])
    if isinstance(result, Iterable):
        return _stacked(list(result))
    raise UserError(f"the function gives a value of type {type(result).__name__}; expected {_EXPECTED}")


def _stacked(samples: list[Any]) -> dict[str, torch.Tensor]:
    if not samples:
        raise UserError("the dataset is empty")
    if not all(isinstance(sample, tuple | list) and len(sample) == 2 for sample in samples):
        return {"x": torch.stack([_tensor("x", sample) for sample in samples])}
    xs, ys = zip(*samples, strict=True)
    return {
        "x": torch.stack([_tensor("x", x) for x in xs]),
        "y": torch.stack([_tensor("y", y) for y in ys]),
    }


def _tensor(name: str, value: Any) -> torch.Tensor:
    try:
        return torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name} is no array of numbers: {error}") from error
