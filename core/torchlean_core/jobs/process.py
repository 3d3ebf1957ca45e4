"""The parent's side of a worker: starting it, reading what it sends, and ending it with all its children."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_WORKER = Path(__file__).with_name("worker.py")
GRACE = 1.0
"""Seconds that a process has to end before it is ended in another way."""

_MAX_FORWARDED = 256 * 1024
_MAX_KEPT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the protocol: an event, the result or the error."""

    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """Text that the worker printed, on stdout or stderr."""

    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The protocol's channel was closed."""


class Process(Protocol):
    """The process of a worker, its supervisor where there is one, however it was started."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""

    def end(self, release: Callable[[], None]) -> None:
        """End it and everything it started: asked first, then by `release`, then killed.

        Args:
            release: Closes the worker's control pipe, at which the supervisor ends everything.
        """


class WorkerProcess:
    """A running worker.

    Request and messages go through pipes of their own; the worker's stdin is empty, and what it prints
    on stdout and stderr is read apart, so user code that prints or reads disturbs nothing.

    Args:
        process: The process.
        control: Descriptor that the request is written to.
        events: Descriptor that messages are read from.
        output: Descriptor that what the worker prints is read from.

    Attributes:
        inbox: What arrived, in order of arrival.
    """

    def __init__(self, process: Process, control: int, events: int, output: int) -> None:
        self.inbox: queue.Queue[Message | Output | Closed] = queue.Queue()
        self._kept = ""
        self._forwarded = 0
        self._process = process
        self._control = control
        self._readers = [
            threading.Thread(target=self._read_messages, args=(events,), daemon=True),
            threading.Thread(target=self._read_output, args=(output,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @classmethod
    def start(
        cls, *, cwd: Path | None = None, python: str | None = None, ahead: bool = False
    ) -> WorkerProcess:
        """Start a process of its own.

        Args:
            cwd: Its working directory; this process's where None.
            python: Its interpreter; this process's where None.
            ahead: Whether it imports torch before it has a request.

        Raises:
            OSError: It cannot be started.
        """
        control_read, control = os.pipe()
        events, events_write = os.pipe()
        try:
            process = _start([control_read, events_write], cwd, python, ahead)
        except BaseException:
            os.close(control)
            os.close(events)
            raise
        finally:
            os.close(control_read)
            os.close(events_write)
        assert process.stdout is not None
        output = os.dup(process.stdout.fileno())
        process.stdout.close()
        return cls(_Spawned(process), control, events, output)

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send the one request."""
        data = json.dumps(request).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # the worker died at once: its exit code tells
            while data:
                data = data[os.write(self._control, data) :]

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait for the process to end; returns its exit code, negative for a signal."""
        return self._process.wait()

    def tail(self) -> str:
        """The end of what the worker printed."""
        return self._kept

    def finish_output(self, timeout: float) -> None:
        """Wait until everything printed has arrived, but no longer than `timeout` seconds."""
        self._readers[1].join(timeout)

    def stop(self) -> None:
        """End the worker and its children: asked first (so that it removes temporary files), then killed."""
        self._process.end(lambda: os.close(self._control))
        for reader in self._readers:
            reader.join(GRACE)

    def _read_messages(self, descriptor: int) -> None:
        with open(descriptor, "rb") as channel:  # a descriptor, not a path
            for line in channel:
                try:
                    content = json.loads(line)
                except ValueError:
                    break  # cut off by the worker's death
                self.inbox.put(Message(content))
        self.inbox.put(Closed())

    def _read_output(self, descriptor: int) -> None:
        with open(descriptor, "rb", 0) as stream:
            while chunk := stream.read(65536):
                text = chunk.decode("utf-8", "replace")
                self._kept = (self._kept + text)[-_MAX_KEPT:]
                room = _MAX_FORWARDED - self._forwarded
                if room > 0:
                    self.inbox.put(Output(text if len(text) <= room else text[:room] + "\n… (output cut)\n"))
                    self._forwarded += len(text)


class _Spawned:
    """A process that this one started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait()

    def end(self, release: Callable[[], None]) -> None:
        if self._process.poll() is None:
            self._process.terminate()  # asked first, so that it removes temporary files
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
        release()  # now the supervisor ends everything, wherever it is
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        kill_tree(self._process.pid)
        self._process.kill()
        self._process.wait()


def _start(
    descriptors: list[int], cwd: Path | None, python: str | None, ahead: bool
) -> subprocess.Popen[bytes]:
    # -P: the working directory must not shadow what the worker itself imports.
    command = [python or sys.executable, "-P", "-u", str(_WORKER)]
    options = ["ahead"] if ahead else []
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if sys.platform == "win32":
        import msvcrt

        handles = [msvcrt.get_osfhandle(descriptor) for descriptor in descriptors]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO()
        startup.lpAttributeList = {"handle_list": handles}
        return subprocess.Popen(
            [*command, *map(str, handles), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            startupinfo=startup,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        [*command, *map(str, descriptors), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,
    )


def kill_tree(pid: int) -> None:
    """End every process of a worker's group, whatever it is doing."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    # Members that are left keep the group's number taken; without any there is no such group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
