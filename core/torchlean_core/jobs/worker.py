"""The worker's side of a job: `python worker.py CONTROL EVENTS`, two inherited pipe descriptors.

It reads one request from CONTROL and writes messages to EVENTS, one JSON object a line: events as the job
reports them, then `{"result": …}` or `{"error": {"message", "exit_code", "data"}}`. CONTROL stays open as
long as the parent lives; when it closes, the whole process group goes.

The file runs as a script under any interpreter that has torch; this package need not be installed there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn


class Stopped(BaseException):
    """The parent asks the job to end; unwinds it, so that temporary files go."""


def main(control: int, events: int) -> NoReturn:
    """Do the one job that is asked for, and end the process."""
    for descriptor in (control, events):
        os.set_inheritable(descriptor, False)
    line = _read_line(control)
    if not line.endswith(b"\n"):
        os._exit(1)  # the parent went away before it had asked
    _watch(control, events)
    _stop_on_sigterm()
    request = json.loads(line)
    channel = _Channel(events)
    try:
        message: dict[str, Any] = {"result": _do(request, channel)}
    except Stopped:
        os._exit(1)
    except BaseException as error:
        message = {"error": _describe(error)}
    channel.send(message)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: exit handlers and threads of the user's code have no say any more.
    os._exit(0)


def _do(request: Mapping[str, Any], channel: _Channel) -> dict[str, Any]:
    if importlib.util.find_spec("torchlean_core") is None:
        # At the end: everything else must come from this interpreter's own packages.
        sys.path.append(str(Path(__file__).resolve().parents[2]))
    if request["memory_limit"] is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory_limit"],) * 2)
    module, function = request["entry"].split(":")
    result: dict[str, Any] = getattr(importlib.import_module(module), function)(
        request["request"], channel.send
    )
    return result


class _Channel:
    """Writes messages, one JSON object a line, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def _describe(error: BaseException) -> dict[str, Any]:
    user_error = importlib.import_module("torchlean_core.errors").UserError
    if isinstance(error, user_error):
        return {
            "message": str(error),
            "exit_code": error.exit_code,
            "data": dict(getattr(error, "data", None) or {}),
        }
    if isinstance(error, MemoryError):
        return {"message": "out of memory", "exit_code": 1}
    if isinstance(error, SystemExit):
        return {"message": f"the code being run called sys.exit({error.code!r})", "exit_code": 1}
    message = f"internal error: {type(error).__name__}: {error}\n"
    if os.environ.get("TORCHLEAN_DEBUG"):
        message += "".join(traceback.format_exception(error))
    else:
        message += (
            "  This is a bug in torchlean-ls. Run again with TORCHLEAN_DEBUG=1 for the traceback to report."
        )
    return {"message": message, "exit_code": 2}


def _read_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        line += chunk
    return line


def _stop_on_sigterm() -> None:
    def stop(*_: object) -> NoReturn:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)


def _watch(control: int, events: int) -> None:
    """End the whole process group as soon as the parent is gone, whatever this process is busy with.

    The watchdog is a process of its own, in the same group: a thread would wait for the interpreter lock,
    and a signal on the parent's death would reach neither children nor survive its starting thread.
    It is forked twice, so that user code waiting for any child does not wait for it.
    """
    if sys.platform == "win32":
        threading.Thread(target=_watch_from_here, args=(control,), daemon=True).start()
        return
    child = os.fork()
    if child:
        os.close(control)
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        for descriptor in (0, 1, 2, events):
            os.close(descriptor)
        while os.read(control, 4096):
            pass
        os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(0)


def _watch_from_here(control: int) -> None:
    while os.read(control, 4096):
        pass
    os._exit(1)


def _descriptor(argument: str, flags: int) -> int:
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.open_osfhandle(int(argument), flags)
    return int(argument)


if __name__ == "__main__":
    main(_descriptor(sys.argv[1], os.O_RDONLY), _descriptor(sys.argv[2], os.O_WRONLY))
