"""Going on with a run: which options it takes over, and when it cannot be continued."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchlean_core.errors import UsageError, UserError
from torchlean_core.train.checkpoint import Progress
from torchlean_core.train.options import COURSE, option


def resumed_request(request: Mapping[str, Any], progress: Progress, path: Path) -> dict[str, Any]:
    """A request with the options that the run keeps to its end.

    Raises:
        UsageError: The request gives one of them another value.
    """
    for name in COURSE:
        if request.get(name) is not None and request[name] != progress.options[name]:
            raise UsageError(
                f"{path} was made with {option(name)} {_shown(progress.options[name])}, "
                f"not {_shown(request[name])}; a resumed run keeps it"
            )
    kept = {name: value for name, value in progress.options.items() if value is not None}
    steps = {} if {"steps", "epochs"} & set(request) else {"steps": progress.steps}
    return {**request, **kept, **steps}


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
    if steps != progress.steps and progress.schedule is not None:
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
