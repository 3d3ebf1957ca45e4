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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORKER = Path(__file__).with_name("worker.py")
_GRACE = 1.0
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


class WorkerProcess:
    """A running worker.

    Request and messages go through pipes of their own; the worker's stdin is empty, and what it prints
    on stdout and stderr is read apart, so user code that prints or reads disturbs nothing.

    Attributes:
        inbox: What arrived, in order of arrival.
    """

    def __init__(
        self, request: Mapping[str, Any], *, cwd: Path | None = None, python: str | None = None
    ) -> None:
        self.inbox: queue.Queue[Message | Output | Closed] = queue.Queue()
        self._kept = ""
        self._forwarded = 0
        control_read, self._control = os.pipe()
        events_read, events_write = os.pipe()
        try:
            self._process = _start([control_read, events_write], cwd, python)
        except BaseException:
            os.close(self._control)
            os.close(events_read)
            raise
        finally:
            os.close(control_read)
            os.close(events_write)
        self._readers = [
            threading.Thread(target=self._read_messages, args=(events_read,), daemon=True),
            threading.Thread(target=self._read_output, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self._send(json.dumps(request).encode() + b"\n")

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
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        os.close(self._control)  # now the supervisor ends everything, wherever it is
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        _kill_tree(self._process.pid)
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(_GRACE)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the worker died at once: its exit code tells
            while data:
                data = data[os.write(self._control, data) :]

    def _read_messages(self, descriptor: int) -> None:
        with open(descriptor, "rb") as channel:  # a descriptor, not a path
            for line in channel:
                try:
                    content = json.loads(line)
                except ValueError:
                    break  # cut off by the worker's death
                self.inbox.put(Message(content))
        self.inbox.put(Closed())

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), 65536):
                text = chunk.decode("utf-8", "replace")
                self._kept = (self._kept + text)[-_MAX_KEPT:]
                room = _MAX_FORWARDED - self._forwarded
                if room > 0:
                    self.inbox.put(Output(text if len(text) <= room else text[:room] + "\n… (output cut)\n"))
                    self._forwarded += len(text)


def _start(descriptors: list[int], cwd: Path | None, python: str | None) -> subprocess.Popen[bytes]:
    # -P: the working directory must not shadow what the worker itself imports.
    command = [python or sys.executable, "-P", "-u", str(_WORKER)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if sys.platform == "win32":
        import msvcrt

        handles = [msvcrt.get_osfhandle(descriptor) for descriptor in descriptors]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO()
        startup.lpAttributeList = {"handle_list": handles}
        return subprocess.Popen(
            [*command, *map(str, handles)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            startupinfo=startup,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        [*command, *map(str, descriptors)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,
    )


def _kill_tree(pid: int) -> None:
    """End every process of the worker's group, whatever it is doing."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    # Members that are left keep the group's number taken; without any there is no such group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
