"""Trainings as an editor shows them: the points of the curve as they come, and how an artifact's last run stands."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.options.datasource import is_function
from torchlean_core.runs import MAX_ENTRIES, Entry, Kept, kept_run, paths_of, read_metrics, thinned
from torchlean_ls.uris import file_uri, plain_uri

if TYPE_CHECKING:
    from torchlean_ls.host import Host

NOTIFICATION = "torchlean/training"
"""Notification of a client that sent `"training": true` in its `initializationOptions`."""

_SECONDS = 0.1
"""How long points are gathered before they are sent."""

_AT_ONCE = 200
"""Points that are sent at once, at most; of more a part, spread evenly."""

_NUMBERS = ("steps", "percentage", "steps_per_second", "seconds_left", "device")
"""What an event says of the run beside its point."""

_NO_POINTS = frozenset({"kind", "message", *_NUMBERS})


class Run:
    """One training.

    Attributes:
        uri: The artifact.
        path: Its file.
        id: Names the run among those of this session.
        asked: What the command was given.
        is_running: Whether it goes on.
    """

    def __init__(self, server: Host, uri: str, path: Path, request: Mapping[str, Any]) -> None:
        self._server = server
        self.uri, self.path, self.id = uri, path, uuid.uuid4().hex
        out = request.get("out")
        self._files = paths_of(path, None if out is None else Path(out))
        self.asked = {name: value for name, value in request.items() if name not in ("artifact", "out")}
        before = read_metrics(self._files.metrics)
        kept = kept_run(path, self._files.checkpoint) if request.get("resume") else None
        last = 0 if kept is None else kept.step
        self.points: list[Entry] = [entry for entry in before if entry["step"] <= last]
        self.previous: list[Entry] = [] if request.get("resume") else before
        self.is_running, self._has_begun = True, False
        self._facts: dict[str, Any] = {} if kept is None else {"steps": kept.steps}
        self._unsent: list[Entry] = []
        self._sent = 0.0
        self._began = time.time()
        self._end: dict[str, Any] = {}

    def event(self, event: Mapping[str, Any]) -> None:
        """Take an event of the job."""
        kind = event.get("kind")
        if kind in ("progress", "pulse"):
            self._facts |= {name: event[name] for name in _NUMBERS if name in event}
            point = {name: value for name, value in event.items() if name not in _NO_POINTS}
            self._unsent.append(point)
            self.points.append(point)
            if len(self.points) > 2 * MAX_ENTRIES:
                self.points = thinned(self.points, MAX_ENTRIES)
            if not self._has_begun:
                self._has_begun = True
                self._send("begin", **self._told())
                self._unsent.clear()
            elif time.monotonic() - self._sent >= _SECONDS:
                self._flush()
        elif kind == "checkpoint" and self._has_begun:
            self._facts["checkpoint"] = self._checkpoint(event["step"])
            self._send("checkpoint", checkpoint=self._facts["checkpoint"])

    def end(self, how: str, message: str) -> None:
        """The run ended: `done`, `stopped` or `failed`."""
        self.is_running = False
        if self._has_begun:
            self._flush()
        self._end = {"how": how, "message": message}
        if self._has_begun:
            self._send("end", **self._told())

    def told(self) -> dict[str, Any]:
        """How it stands, and what is known of it."""
        return {"uri": self.uri, "run": self.id, **self._told()}

    def _told(self) -> dict[str, Any]:
        """Everything that a view shows."""
        return {
            "name": self.path.name,
            "running": self.is_running,
            "asked": self.asked,
            "points": thinned(self.points, MAX_ENTRIES),
            "previous": self.previous,
            **self._facts,
            **self._end,
            **({} if self.is_running else self._left()),
        }

    def _left(self) -> dict[str, Any]:
        return left_behind(kept_run(self.path, self._files.checkpoint), self._files.params, since=self._began)

    def _checkpoint(self, step: int) -> dict[str, Any]:
        path = self._files.checkpoint
        return {"step": step, "name": path.name, "uri": file_uri(path)}

    def _flush(self) -> None:
        if self._unsent:
            points = thinned(self._unsent, _AT_ONCE)
            self._send("points", points=points, **self._facts)
            self._unsent = []

    def _send(self, kind: str, **more: Any) -> None:
        self._sent = time.monotonic()
        if self._server.shows_training:
            about = {"uri": self.uri, "run": self.id, "kind": kind}
            self._server.protocol.notify(NOTIFICATION, {**about, **more})


class Trainings:
    """The last training of each artifact in this session."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._runs: dict[str, Run] = {}

    def begin(self, uri: str, path: Path, request: Mapping[str, Any]) -> Run:
        """A training is about to begin."""
        run = self._runs[_key(path)] = Run(self._server, uri, path, request)
        return run

    def state(self, uri: str, path: Path) -> dict[str, Any]:
        """How the last training of an artifact stands: of this session, else as its files tell."""
        run = self._runs.get(_key(path))
        if run is not None:
            return run.told()
        files = paths_of(path)
        kept = kept_run(path, files.checkpoint)
        return {
            "uri": uri,
            "run": None,
            "name": path.name,
            "running": False,
            "asked": {} if kept is None else kept.options,
            "points": read_metrics(files.metrics),
            "previous": [],
            **({} if kept is None else {"steps": kept.steps, "how": "stopped"}),
            **left_behind(kept, files.params),
        }


def left_behind(kept: Kept | None, params: Path, *, since: float = 0.0) -> dict[str, Any]:
    """What there is after a run: `resume` (how to go on with it, or null) and `trained` (its parameters, or null).

    A run that was stopped has written no parameters: those that are there are of an earlier one, and not spoken of.

    Args:
        kept: The checkpoint that a run can go on from.
        params: Where trained parameters are.
        since: When the run began, in seconds since the epoch, where that is known.
    """
    written = _written(params)
    # A run that comes to its end leaves no checkpoint, so one that is there is of a later run than the parameters.
    is_its_own = written >= since and (kept is None or written > _written(kept.path))
    return {
        "resume": None if kept is None else _resume(kept),
        "trained": {"name": params.name, "uri": file_uri(params)} if is_its_own else None,
    }


def _written(path: Path) -> float:
    """When a file was written, in seconds since the epoch; before all time where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return -math.inf


def resuming(kept: Kept) -> dict[str, Any]:
    """What the argument of `torchlean.train` gets besides to go on with a run."""
    data = kept.options.get("data")
    again = {"data": data} if isinstance(data, str) and is_function(data) else {}
    return {"resume": True, **again}


def _resume(kept: Kept) -> dict[str, Any]:
    where = {"step": kept.step, "steps": kept.steps, "name": kept.path.name, "uri": file_uri(kept.path)}
    return {**where, "argument": resuming(kept)}


def _key(path: Path) -> str:
    return plain_uri(path.absolute())
