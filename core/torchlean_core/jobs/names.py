"""The jobs a worker can do: name to `module:function`, imported in the worker only."""

from __future__ import annotations

JOBS: dict[str, str] = {
    "capture": "torchlean_core.capture.job:run",
    "convert": "torchlean_core.convert.job:run",
    "data": "torchlean_core.train.function:run",
    "emit": "torchlean_core.emit.job:run",
    "init": "torchlean_core.init.job:run",
    "train": "torchlean_core.train.job:run",
    "use": "torchlean_core.params.use:run",
}
"""Each function is `run(request, report) -> result`: JSON-able mappings, `report` sends an event."""
