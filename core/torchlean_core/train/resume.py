"""Going on with a run: which options it takes over, and when it cannot be continued."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchlean_core.basics.reading import names_host
from torchlean_core.errors import UsageError, UserError
from torchlean_core.options.datasource import is_function
from torchlean_core.train.checkpoint import Option, Progress
from torchlean_core.train.course import is_laid_out
from torchlean_core.train.options import COURSE, HABITS, TrainRequest, option


def habits(options: TrainRequest, checkpoint: Path) -> dict[str, Option]:
    """The options that a resumed run goes on with unless told otherwise (`options.HABITS`)."""
    found = {name: getattr(options, name) for name in HABITS}
    if options.data is not None and not is_function(options.data):
        # From the checkpoint's folder: the run can be resumed from another one, or moved with its data.
        data = Path(options.data).absolute()
        folder = checkpoint.absolute().parent
        is_near = data.anchor == folder.anchor
        found["data"] = Path(os.path.relpath(data, folder) if is_near else data).as_posix()
    return found


def resumed_request(request: Mapping[str, Any], progress: Progress, path: Path) -> dict[str, Any]:
    """A request with the options that the run keeps to its end, and its habits where it gives no others.

    Raises:
        UsageError: The request gives an option that is kept another value, or parameters to start from; or the
            data came from a function, which the request does not name.
    """
    if request.get("params") is not None:
        raise UsageError("--params has no meaning with --resume: the checkpoint has the parameters")
    for name in COURSE:
        if request.get(name) is not None and request[name] != progress.options[name]:
            raise UsageError(
                f"{path} was made with {option(name)} {_shown(progress.options[name])}, "
                f"not {_shown(request[name])}; a resumed run keeps it"
            )
    kept = {name: value for name, value in progress.options.items() if value is not None}
    steps = {} if {"steps", "epochs"} & set(request) else {"steps": progress.steps}
    before = {name: value for name, value in progress.habits.items() if value is not None}
    data = before.get("data")
    if isinstance(data, str) and request.get("data") is None:
        if is_function(data):  # code runs because somebody says so, not because a file does
            raise UsageError(f"{path}: the run's data came from a function; name it again: --data {data}")
        if names_host(data):
            raise UsageError(f"{path}: the run's data is on another computer; name it again: --data {data}")
        before["data"] = os.path.normpath(path.parent / data)
    return {**before, **request, **kept, **steps}


def require_continuable(progress: Progress, steps: int, data: str, processes: int, path: Path) -> None:
    """Check that a run of so many steps, on this data, is the checkpoint's.

    Raises:
        UserError: The data is other data.
        UsageError: It has come to its end, its schedule was laid out for another one, or there were other
            processes.
    """
    if data != progress.data:
        raise UserError(f"{path}: the run was on other data; a resumed run goes on with the same samples")
    if processes != progress.processes:
        raise UsageError(
            f"{path}: the run was one of {progress.processes} processes, and this has {processes}; "
            "the batches would be others"
        )
    if steps != progress.steps and is_laid_out(str(progress.options["schedule"])):
        raise UsageError(
            f"{path}: the schedule {progress.options['schedule']} was laid out for {progress.steps} steps, "
            f"not for {steps}"
        )
    if progress.step >= steps:
        raise UsageError(
            f"{path} is of step {progress.step} of {steps}: nothing is left to do; --steps asks for more"
        )


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
