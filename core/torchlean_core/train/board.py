"""TensorBoard's event files, through the package `tensorboard`."""

from __future__ import annotations

import io
import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

from torchlean_core.environment.extras import TENSORBOARD
from torchlean_core.errors import UsageError
from torchlean_core.train.measure import METRICS
from torchlean_core.train.metrics import Entry

_TAGS = {"lr": "lr"}
for _name in ("loss", *METRICS):
    _TAGS |= {_name: f"{_name}/train", f"val_{_name}": f"{_name}/validation"}
_VERSION = "brain.Event:2"
_numbers = itertools.count()


class Board:
    """Writes the metrics of a run into a folder that TensorBoard shows.

    Torch's SummaryWriter does this from a thread, which ends with a traceback on stderr where the disk is full.

    Attributes:
        path: The event file.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin an event file; what an earlier run wrote for `first_step` and later ones is not shown any more.

        Raises:
            UsageError: The package is missing, or the folder cannot be written.
        """
        require_tensorboard()
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self._record = Event, Summary, RecordWriter
        name = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / f"{name}.{next(_numbers)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb", buffering=0)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror or error}") from error
        self._write(Event(wall_time=time.time(), file_version=_VERSION))
        if first_step > 1:
            log = SessionLog(status=SessionLog.START)
            self._write(Event(wall_time=time.time(), step=first_step, session_log=log))

    def add(self, entry: Entry) -> None:
        """Write an entry of the metrics: there for TensorBoard at once.

        Raises:
            UsageError: It cannot be written; the file is as it was before.
        """
        values = [
            self._summary.Value(tag=tag, simple_value=entry[key])
            for key, tag in _TAGS.items()
            if key in entry
        ]
        summary = self._summary(value=values)
        self._write(self._event(wall_time=time.time(), step=entry["step"], summary=summary))

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write(self, event: Any) -> None:
        record = io.BytesIO()
        self._record(record).write(event.SerializeToString())
        left, size = record.getbuffer(), self._file.tell()
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._file.truncate(size)
            raise UsageError(f"{self.path}: {error.strerror or error}") from error


def require_tensorboard() -> None:
    """Check that the package is there, without importing it.

    Raises:
        UsageError: It is not.
    """
    if TENSORBOARD.missing():
        raise UsageError(
            f"--logdir needs the package tensorboard: {TENSORBOARD.install} "
            "(the metrics are written as JSON lines without it too)"
        )
