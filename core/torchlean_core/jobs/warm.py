"""Warm workers: jobs start in a process that has imported torch already, and still each has a process of its own.

On Linux `zygote.py` runs with the interpreter of the jobs and forks a process for each. Elsewhere forking a process
that has loaded torch is not safe, or impossible: there a spare worker is started ahead and serves one job.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torchlean_core.jobs.process import GRACE, WorkerProcess, kill_tree

_ZYGOTE = Path(__file__).with_name("zygote.py")
_IDLE = 600.0
_ATTEMPTS = 2
_COMPUTING = ("init", "train")
"""Jobs that look for a device where none is named."""

FORKS = sys.platform == "linux"
"""Whether jobs are forked."""


class NotStarted(Exception):
    """A worker never came to its job, which can be done elsewhere."""


class WarmWorker:
    """Keeps a process of one interpreter ready for jobs; each job runs in a new process all the same.

    It is started by `start`, or by the first job. Methods may be called from any thread.

    Args:
        python: Interpreter; this process's where None.
        idle: Seconds without a job after which the process ends; the next job, or `start`, starts another.
        forks: Whether jobs are forked; else a spare worker is started ahead.

    Attributes:
        python: As given.
        problem: Why jobs run without it, in one line; empty where they do not.
    """

    def __init__(self, python: str | None = None, *, idle: float = _IDLE, forks: bool = FORKS) -> None:
        self.python = python
        self.problem = ""
        self._lock = threading.Lock()
        self._closed = False
        self._failures = 0
        self._forks = forks
        self._source: _Source = _Forking(python, idle) if forks else _Spare(python, idle)

    def start(self) -> None:
        """Begin to load torch, where that is not done or under way; does not wait."""
        with self._lock:
            self._started()

    def may_run(self, name: str, request: Mapping[str, Any]) -> bool:
        """Whether a job is one for a warm worker: what computes on a GPU is not forked from anything."""
        if not self._forks:
            return True
        device = request.get("device", "auto" if name in _COMPUTING else "cpu")
        return device == "cpu" or (device == "auto" and not has_gpu())

    def worker(self, content: Mapping[str, Any], cwd: Path | None) -> WorkerProcess | None:
        """Give a job to a process that is ready, or will be; None where that is impossible.

        Args:
            content: The message that a worker reads.
            cwd: Working directory of the job; this process's where None.

        Raises:
            OSError: There is no such directory.
        """
        folder = Path.cwd() if cwd is None else cwd.absolute()
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder}: no such folder")
        with self._lock:
            if not self._started():
                return None
            try:
                worker = self._source.take()
            except OSError as error:
                self._failed(f"it cannot take a job: {error}")
                return None
        worker.ask({**content, "cwd": str(folder), "environment": {**os.environ, "PYTHONHASHSEED": "0"}})
        return worker

    def not_started(self) -> None:
        """Note that a job which was given to the process was not begun."""
        with self._lock:
            self._failed(self._source.failure(GRACE) or "its process did not begin the job")

    def close(self) -> None:
        """End the process; jobs that run go on."""
        with self._lock:
            self._closed = True
            self._source.close()

    def _started(self) -> bool:
        """Whether there is a process, started now where there was none."""
        failure = self._source.failure()
        if failure:
            self._failed(failure)
        if self._closed or self._failures >= _ATTEMPTS:
            return False
        try:
            self._source.start()
        except OSError as error:
            self._failed(f"it cannot be started: {error}")
            return False
        return True

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self.problem = f"no warm worker ({self.python or sys.executable}): {reason}"


class _Source(Protocol):
    """Where processes for jobs come from."""

    def start(self) -> None:
        """Start it where it does not run."""

    def failure(self, wait: float = 0) -> str:
        """Why it ended by itself, told once; empty where it does not within `wait` seconds."""

    def take(self) -> WorkerProcess:
        """A process for one job."""

    def close(self) -> None:
        """End it."""


class _Forking:
    """A process that forks one for each job."""

    def __init__(self, python: str | None, idle: float) -> None:
        self._python = python
        self._idle = idle
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._said: Any = None

    def start(self) -> None:
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        try:
            self._process = subprocess.Popen(
                [
                    self._python or sys.executable,
                    *("-P", "-u", str(_ZYGOTE), str(theirs.fileno()), str(self._idle)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                env={**os.environ, "PYTHONHASHSEED": "0"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            said.close()
            raise
        finally:
            theirs.close()
        self._socket, self._said = ours, said

    def failure(self, wait: float = 0) -> str:
        if self._process is None:
            return ""
        try:
            code = self._process.wait(wait)
        except subprocess.TimeoutExpired:
            return ""
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        self.close()
        if code == 0:
            return ""  # it had nothing to do for long
        if lines:
            return str(lines[-1])
        return f"its process ended with {f'exit code {code}' if code > 0 else f'signal {-code}'}"

    def take(self) -> WorkerProcess:
        assert self._socket is not None
        control_read, control = os.pipe()
        events, events_write = os.pipe()
        output, output_write = os.pipe()
        status, status_write = os.pipe()
        given = [control_read, events_write, output_write, status_write]
        try:
            # Where it died meanwhile no id comes: the job counts as not started, and `failure` tells why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                socket.send_fds(self._socket, [b"j"], given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        return WorkerProcess(_Forked(status), control, events, output)

    def close(self) -> None:
        if self._process is None or self._socket is None:
            return
        self._socket.close()
        # It would end at that, but not while it imports torch; it has nothing that is worth to be tidied up.
        self._process.kill()
        self._process.wait()
        self._said.close()
        self._process = self._socket = None


class _Forked:
    """A process that another one forked; what there is to know of it comes through a pipe.

    Its first line is the id of the process, written before the job starts, the second the exit code; the end of the
    pipe without any says that it never started, without the second that it was killed.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._text = b""
        self._over = False

    def poll(self) -> int | None:
        self._read(0)
        return self._code()

    def wait(self) -> int:
        self._read(None)
        code = self._code()
        assert code is not None
        return code

    def end(self, release: Callable[[], None]) -> None:
        if self.poll_quietly() is None and self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            self._read(GRACE)
        release()
        self._read(0)
        # It tells its id first and looks then whether the parent is there: without an id now, it will run nothing.
        if self._pid is not None:
            self._read(GRACE)
            kill_tree(self._pid)
            self._read(None)
        os.close(self._status)

    def poll_quietly(self) -> int | None:
        """As `poll`, where never having started is no error."""
        try:
            return self.poll()
        except NotStarted:
            return -signal.SIGKILL

    @property
    def _pid(self) -> int | None:
        line, newline, _ = self._text.partition(b"\n")
        return int(line) if newline else None

    def _code(self) -> int | None:
        lines = self._text.split(b"\n")
        if len(lines) > 2:
            return int(lines[1])
        if not self._over:
            return None
        if len(lines) < 2:
            raise NotStarted
        return -signal.SIGKILL

    def _read(self, timeout: float | None) -> None:
        """Read until the exit code or the end of the pipe, but no longer than `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self._status, select.POLLIN)
        while not self._over and self._text.count(b"\n") < 2:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not poll.poll(left):
                return
            chunk = os.read(self._status, 64)
            self._text += chunk
            self._over = not chunk


class _Spare:
    """A worker that has imported torch and waits for its one job; the next one is started when it is taken."""

    def __init__(self, python: str | None, idle: float) -> None:
        self._python = python
        self._idle = idle
        self._ready: WorkerProcess | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            if self._ready is None:
                self._ready = WorkerProcess.start(python=self._python, ahead=True)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._idle, self._end)
            self._timer.daemon = True
            self._timer.start()

    def failure(self, wait: float = 0) -> str:
        with self._lock:
            if self._ready is None or not self._ready.ended():
                return ""
            dead, self._ready = self._ready, None
        lines = dead.tail().strip().splitlines()
        code = dead.wait()
        dead.stop()
        return lines[-1] if lines else f"its process ended with {code}"

    def take(self) -> WorkerProcess:
        with self._lock:
            taken, self._ready = self._ready, None
        assert taken is not None
        self.start()
        return taken

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._end()

    def _end(self) -> None:
        with self._lock:
            ended, self._ready = self._ready, None
        if ended is not None:
            ended.stop()


def has_gpu() -> bool:
    """Whether the machine has a device that torch would compute on; asks no library."""
    return any(Path("/dev", name).exists() for name in ("nvidiactl", "nvidia0", "dxg", "kfd"))
