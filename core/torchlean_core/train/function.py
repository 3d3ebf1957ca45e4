"""Data from a user's function, `module:function`: run in a worker process, handed over as a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from safetensors.torch import save_file

from torchlean_core.basics.paths import real
from torchlean_core.errors import UsageError, UserError, told
from torchlean_core.jobs import run_job
from torchlean_core.options.datasource import NAMED_FUNCTION
from torchlean_core.train.data import Dataset, load_dataset
from torchlean_core.train.fitting import Wanted
from torchlean_core.train.losses import Objective
from torchlean_core.train.samples import samples_of


def call_for_data(
    data: str, wanted: Wanted, report: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
) -> list[tuple[Dataset, Objective]]:
    """The samples that a function gives, checked as those of a file are.

    Args:
        data: `module:function`, the module by its dotted name (from the current folder on) or as a .py file.
        wanted: What samples must be.
        report: Gets `{"event": "output", "text": …}` for what the function prints.
        tell: As for `load_dataset`.

    Returns:
        As `load_dataset`: one set of samples, or two where the function gives a set for validation, too.

    Raises:
        UserError: The function raises, or what it gives does not fit.
        UsageError: There is no such module or function.
    """
    with tempfile.TemporaryDirectory(prefix="torchlean-") as folder:
        request = {
            "data": data,
            "folder": folder,
            "inputs": list(wanted.inputs),
            "loss": wanted.objective.name,
            "x": wanted.x,
            "y": wanted.y,
        }
        run_job("data", request, on_event=report)
        files = sorted(Path(folder).iterdir())
        found = replace(wanted, x=None, y=None)  # the worker found them under their names
        try:
            return [load_dataset(file, found, tell) for file in files]
        except UserError as error:
            raise type(error)(_renamed(str(error), files, data)) from error


def _renamed(message: str, files: list[Path], data: str) -> str:
    for file, what in zip(files, ("", " (validation)"), strict=False):
        message = message.replace(str(file), f"{data}{what}")
    return message


def run(request: Mapping[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The worker's side: call the function, and write its samples as safetensors.

    Args:
        request: `data` (`module:function`), `folder` (for the files), and of what is wanted `inputs`, `loss`,
            `x` and `y`.
        report: Not used.

    Returns:
        `samples`, their number in each set.

    Raises:
        UserError: The function raises, or gives something else than samples.
        UsageError: There is no such module or function.
    """
    match = NAMED_FUNCTION.fullmatch(request["data"])
    assert match is not None, "`is_function` said that it is one"
    folder = Path(request["folder"]).absolute()  # before the user's code, which may change the folder
    wanted = Wanted(tuple(request["inputs"]), (), Objective(request["loss"]), request["x"], request["y"])
    name = match["function"]
    module = _call(f"importing {match['module']}", lambda: _imported(match["module"]))
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"{match['module']} has no function {name}")
    sets = _call(f"{request['data']}()", lambda: samples_of(function(), wanted))
    for place, tensors in enumerate(sets):
        contiguous = {key: tensor.contiguous().clone() for key, tensor in tensors.items()}
        save_file(contiguous, folder / f"{place}.safetensors")
    return {"samples": [len(tensors["x"]) for tensors in sets]}


def _imported(name: str) -> ModuleType:
    if not name.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(name)
    path = real(Path(name))
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
        raise UserError(f"{what} raised {told(error)}{where}") from error


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return filename.startswith("<") or path.parent == Path(__file__).parent or "importlib" in path.parts
