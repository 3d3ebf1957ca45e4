"""Running a job: from a request to a result, with events on the way, a time limit and cancellation."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torchlean_core.jobs.errors import JobCancelled, JobDied, JobError, JobTimeout
from torchlean_core.jobs.names import JOBS
from torchlean_core.jobs.process import Closed, Message, Output, WorkerProcess
from torchlean_core.jobs.warm import NotStarted, WarmWorker
from torchlean_core.jobs.worker import CHANNEL_CLOSED

_TICK = 0.05
_DRAIN = 0.5
_SHOWN_LINES = 10


def run_job(
    name: str,
    request: Mapping[str, Any],
    *,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    cancelled: Callable[[], bool] | threading.Event | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
    python: str | None = None,
    memory_limit: int | None = None,
    warm: WarmWorker | None = None,
) -> dict[str, Any]:
    """Do one job in a worker process of its own and wait for its result.

    However this ends, the worker and everything it started are gone when it returns or raises (outside Linux:
    but for processes that it put into sessions of their own).

    Args:
        name: One of `JOBS`.
        request: What the job is asked; JSON-able.
        on_event: Called in this thread with each event of the job, and with `{"event": "output", "text": …}`
            for what the worker prints (bounded).
        cancelled: Asked often; the job ends when it says true (or is set).
        timeout: Time limit in seconds.
        cwd: Working directory of the worker; this process's where None.
        python: Interpreter that runs the worker; this process's where None. It needs torch, not this package.
        memory_limit: Limit of the worker's address space in bytes.
        warm: Where the job starts sooner, if it may run there and that works (`warm.problem` says why not). It
            decides the interpreter, in place of `python`.

    Raises:
        JobError: The job failed, or the worker died; the message says which.
        JobTimeout: It ran past `timeout`.
        JobCancelled: `cancelled` said so.
    """
    content = {"entry": JOBS[name], "request": dict(request), "memory_limit": memory_limit}
    follow = _Follower(name, request, on_event, cancelled, timeout)
    if warm is not None:
        worker = warm.worker(content, cwd) if warm.may_run(name, request) else None
        if worker is not None:
            try:
                return follow.to_the_end(worker)
            except NotStarted:
                warm.not_started()
        python = warm.python
    worker = WorkerProcess.start(cwd=cwd, python=python)
    worker.ask(content)
    return follow.to_the_end(worker)


class _Follower:
    """Waits for the end of a job, on whatever worker it runs."""

    def __init__(
        self,
        name: str,
        request: Mapping[str, Any],
        on_event: Callable[[dict[str, Any]], None] | None,
        cancelled: Callable[[], bool] | threading.Event | None,
        timeout: float | None,
    ) -> None:
        self._name = name
        self._file = request.get("file")
        self._on_event = on_event
        self._is_cancelled = cancelled.is_set if isinstance(cancelled, threading.Event) else cancelled
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._stage = ""

    def to_the_end(self, worker: WorkerProcess) -> dict[str, Any]:
        """The result of the job; the worker is gone afterwards.

        Raises:
            NotStarted: The worker never came to the job.
        """
        try:
            result = self._result(worker)
        finally:
            worker.stop()
        if result is None:
            where, told = self._last_words(worker)
            message = f"{self._name} ran past its time limit of {self._timeout:g} s and was ended{where}"
            raise JobTimeout(message, data=told, output=worker.tail())
        return result

    def _result(self, worker: WorkerProcess) -> dict[str, Any] | None:
        """The result of the job; None where the time is over."""
        name, on_event = self._name, self._on_event
        while True:
            if self._is_cancelled is not None and self._is_cancelled():
                raise JobCancelled(f"{name} was cancelled", output=worker.tail())
            if self._deadline is not None and time.monotonic() > self._deadline:
                return None
            item = _next(worker)
            if isinstance(item, Output) and on_event is not None:
                on_event({"event": "output", "text": item.text})
            elif isinstance(item, Message):
                content = item.content
                if "result" in content:
                    _forward_rest(worker, on_event)
                    result: dict[str, Any] = content["result"]
                    return result
                if "error" in content:
                    _forward_rest(worker, on_event)
                    raise _failure(content["error"], worker.tail())
                if content.get("event") == "stage":
                    self._stage = str(content.get("name", ""))
                if on_event is not None:
                    on_event(content)
            elif isinstance(item, Closed) and worker.ended():
                code = worker.wait()
                _forward_rest(worker, on_event)
                died = _death(name, code, worker.tail())
                died.stage = self._stage
                raise died

    def _last_words(self, worker: WorkerProcess) -> tuple[str, dict[str, Any]]:
        """Where the job was when it was ended, and what it had learned, as it said itself; it may have been mute."""
        where, told = "", dict[str, Any]()
        while not worker.inbox.empty():
            item = worker.inbox.get_nowait()
            if isinstance(item, Message) and item.content.get("event") == "stopped":
                where = self._where(item.content["stack"])
            elif isinstance(item, Message) and item.content.get("event") == "told":
                told = item.content["data"]
        return where, told

    def _where(self, stack: list[tuple[str, int, str]]) -> str:
        """The innermost place in the file of the request."""
        if self._file is None:
            return ""
        for file, line, function in reversed(stack):
            if os.path.realpath(file) == os.path.realpath(self._file):
                function = function.replace(".<locals>", "").partition(".<")[0]
                within = "" if function.startswith("<") else f", in {function}"
                return f"; it was at line {line} of {Path(file).name}{within}"
        return ""


def _next(worker: WorkerProcess) -> Message | Output | Closed | None:
    try:
        return worker.inbox.get(timeout=_TICK)
    except queue.Empty:
        if not worker.ended():
            return None
    try:
        return worker.inbox.get(timeout=_DRAIN)  # on a busy machine what it said last may be on its way
    except queue.Empty:
        # A child of the user's code can hold the channel open after the worker itself is gone.
        return Closed()


def _forward_rest(worker: WorkerProcess, on_event: Callable[[dict[str, Any]], None] | None) -> None:
    """Hand on what was printed before the end, without waiting for a child that keeps the pipe open."""
    worker.finish_output(_DRAIN)
    while not worker.inbox.empty():
        item = worker.inbox.get_nowait()
        if isinstance(item, Output) and on_event is not None:
            on_event({"event": "output", "text": item.text})


def _failure(error: Mapping[str, Any], output: str) -> JobError:
    return JobError(
        error["message"], exit_code=error["exit_code"], data=error.get("data") or {}, output=output
    )


def _death(name: str, code: int, output: str) -> JobDied:
    """The error for a worker that ended without a word."""
    if code < 0:
        try:
            what = signal.Signals(-code).name
        except ValueError:
            what = f"signal {-code}"
        if what == "SIGKILL":
            why = "the system ended it, most often because memory ran out"
        else:
            why = "a crash in native code, or the code being run sent the signal itself"
        message = f"{name}: the worker process was ended by {what}: {why}"
    elif code == CHANNEL_CLOSED:
        message = (
            f"{name}: the code being run closed the channel of the worker process "
            "(file descriptors that it did not open, as `os.closerange` does)"
        )
    else:
        message = (
            f"{name}: the code being run ended the worker process itself (exit code {code}, "
            "as `os._exit` does) before the work was done"
        )
    lines = output.strip().splitlines()[-_SHOWN_LINES:]
    if lines:
        message += "\nlast output:\n" + "\n".join(f"  {line}" for line in lines)
    return JobDied(message, output=output)
