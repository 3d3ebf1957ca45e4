"""The worker's side of a job: `python worker.py CONTROL EVENTS [ahead]`, two inherited pipe descriptors.

It reads one request from CONTROL and writes messages to EVENTS, one JSON object a line: events as the job
reports them, then `{"result": …}` or `{"error": {"message", "exit_code", "data"}}`. CONTROL stays open as
long as the parent lives; when it closes, everything that was started goes.

Two processes do this (on Windows one): the one that was started supervises, and its child does the job. The
supervisor outlives the job whatever that does to itself, and ends what the job leaves behind. On Linux that is
every descendant; elsewhere a process that left the group (a session of its own) is not found.

With `ahead` it imports torch before it reads the request: a spare, started before anybody asks. `zygote.py` runs
the same code in processes that it forks.

The file runs as a script under any interpreter that has torch; this package need not be installed there.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

CHANNEL_CLOSED = 97
"""Exit code of a worker that cannot send any more."""

_MAX_STACK = 200


class Stopped(BaseException):
    """The parent asks the job to end; unwinds it, so that temporary files go.

    Attributes:
        tell: Set by a job that can tell what it learned until then.
    """

    ends_job = True
    tell: Callable[[], dict[str, Any]] | None = None


def main(control: int, events: int, *, ahead: bool = False) -> NoReturn:
    """Do the one job that is asked for, and end the process."""
    for descriptor in (control, events):
        os.set_inheritable(descriptor, False)
    if ahead:
        import_own_package()
        with contextlib.suppress(ImportError):  # the job will say so, where it needs it
            importlib.import_module("torchlean_core.capture.job")
    line = read_line(control)
    if not line.endswith(b"\n"):
        os._exit(1)  # the parent went away before it had asked
    _supervised(control, events)
    serve(line, events)


def serve(line: bytes, events: int) -> NoReturn:
    """Do the job of a request, in the process that has a supervisor, and end the process.

    Args:
        line: The request, JSON: `entry`, `request`, `memory_limit`; where the process was started before its job
            was known also `cwd` and `environment`.
        events: Descriptor that messages are written to.
    """
    _stop_on_sigterm()
    request = json.loads(line)
    channel = _Channel(events)
    try:
        message: dict[str, Any] = {"result": _do(request, channel)}
    except Stopped as stopped:
        with contextlib.suppress(OSError):  # nobody listens any more
            channel.send({"event": "stopped", "stack": _stack(stopped)})
            if stopped.tell is not None:  # may take longer than there is time
                channel.send({"event": "told", "data": stopped.tell()})
        os._exit(1)
    except BaseException as error:
        message = {"error": _describe(error)}
    try:
        channel.send(message)
    except OSError:
        os._exit(CHANNEL_CLOSED)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed or replaced by the user's code
            stream.flush()
    # The end of what is printed is known now, not when all memory of this process has been given back.
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # the user's code closed it
            os.close(descriptor)
    # Not sys.exit: exit handlers and threads of the user's code have no say any more.
    os._exit(0)


def _do(request: Mapping[str, Any], channel: _Channel) -> dict[str, Any]:
    if "cwd" in request:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
    import_own_package()
    if not os.environ.get("TORCHLEAN_DEBUG"):
        # What torch warns of at lines of its own is about calls that nobody here wrote, and would stand before what a
        # command says. What it warns of at a line of the user's is told.
        warnings.filterwarnings("ignore", module=r"torch(\.|$)", append=True)
    if request["memory_limit"] is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory_limit"],) * 2)
    module, function = request["entry"].split(":")
    result: dict[str, Any] = getattr(importlib.import_module(module), function)(
        request["request"], channel.send
    )
    return result


def import_own_package() -> None:
    """Import the package that this file is part of, and nothing that lies beside it.

    Another version may be installed for this interpreter; it would understand requests otherwise. And everything else
    must come from this interpreter's own packages.
    """
    if "torchlean_core" in sys.modules:
        return
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "torchlean_core", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None, "a file that ends in .py has a loader"
    package = importlib.util.module_from_spec(spec)
    sys.modules["torchlean_core"] = package
    spec.loader.exec_module(package)


class _Channel:
    """Writes messages, one JSON object a line, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pipe = _identity(descriptor)
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            if _identity(self._descriptor) != self._pipe:
                raise OSError("the channel was closed, and its number is another file's now")
            while data:
                data = data[os.write(self._descriptor, data) :]


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _stack(error: BaseException) -> list[tuple[str, int, str]]:
    """File, line and function of the frames that an exception went through, the innermost last; a bounded number."""
    frames = traceback.walk_tb(error.__traceback__)
    found = [(frame.f_code.co_filename, line, frame.f_code.co_qualname) for frame, line in frames]
    return found[-_MAX_STACK:]


def _describe(error: BaseException) -> dict[str, Any]:
    errors = importlib.import_module("torchlean_core.errors")
    if isinstance(error, errors.UserError):
        return {
            "message": str(error),
            "exit_code": error.exit_code,
            "data": dict(getattr(error, "data", None) or {}),
        }
    if isinstance(error, MemoryError):
        return {"message": "out of memory", "exit_code": 1}
    if isinstance(error, SystemExit):
        return {"message": f"the code being run called {errors.exit_told(error)}", "exit_code": 1}
    name = errors.type_name(error)
    if not isinstance(error, Exception):
        return {"message": f"the code being run raised {name}", "exit_code": 1}
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be had)"
    message = f"internal error: {name}: {text}\n"
    if os.environ.get("TORCHLEAN_DEBUG"):
        with contextlib.suppress(Exception):
            message += "".join(traceback.format_exception(error))
    else:
        message += (
            "  This is a bug in torchlean-ls. Run again with TORCHLEAN_DEBUG=1 for the traceback to report."
        )
    return {"message": message, "exit_code": 2}


def read_line(descriptor: int) -> bytes:
    """Read up to the end of a line; what has none was cut off."""
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


def _supervised(control: int, events: int) -> None:
    """Go on in a child; this process becomes its supervisor, which ends when the job or the parent does.

    A thread would not do: it waits for the interpreter lock, and goes when the user's code ends the process.
    """
    if sys.platform == "win32":
        threading.Thread(target=_watch_from_here, args=(control,), daemon=True).start()
        return
    woken, child = fork_job()
    if child == 0:
        os.close(control)
        return
    try:
        for descriptor in (0, 1, 2, events):
            os.close(descriptor)
        supervise(control, woken, child)
    finally:
        os.killpg(0, signal.SIGKILL)


def fork_job() -> tuple[int, int]:
    """Fork the process of the job; this one, which leads a group of its own, has to call `supervise`.

    Returns:
        A descriptor that signals to this process can be read from, and the child's id; 0 and 0 in the child.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    _adopt_orphans()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.close(woken)
        os.close(wake)
        return 0, 0
    return woken, child


def supervise(control: int, woken: int, child: int, told: int | None = None) -> None:
    """Wait until the job ends or the parent is gone, end what is left, and end as the job did.

    Returns only where the parent is gone.

    Args:
        control: Closed when the parent is gone.
        woken: As `fork_job` gives it.
        child: The process of the job.
        told: Descriptor that gets the exit code as a line, where the parent cannot wait for this process.
    """
    if sys.platform == "win32":
        return
    status = None
    while status is None:
        ready, _, _ = select.select([control, woken], [], [])
        if control in ready and not os.read(control, 4096):
            break
        if woken in ready:
            if signal.SIGTERM in os.read(woken, 4096):
                os.kill(child, signal.SIGTERM)
            status = _reaped(child)
    _end_descendants()
    if status is None:
        return
    code = os.waitstatus_to_exitcode(status)
    if told is not None:
        with contextlib.suppress(BrokenPipeError):  # the parent is gone, too
            os.write(told, b"%d\n" % code)
    if code >= 0:
        os._exit(code)
    resource = importlib.import_module("resource")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # not for SIGKILL
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


def _reaped(child: int) -> int | None:
    """How the child ended, None while it runs; orphans that ended are forgotten."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (entry := os.waitpid(-1, os.WNOHANG))[0]:
            if entry[0] == child:
                found = entry[1]
    return found


def _adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends (Linux)."""
    if sys.platform == "linux":
        import ctypes

        set_child_subreaper = 36
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _end_descendants() -> None:
    """Kill every descendant, again and again while new ones appear."""
    if sys.platform != "linux":
        return
    for _ in range(200):
        # Every descendant has an ancestor among the children, for orphans are adopted: a look at all processes
        # of the system, which is slow, is needed only where there are children.
        if _childless():
            return
        found = _descendants(os.getpid())
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
        _reaped(0)


def _childless() -> bool:
    """Whether no child is left; forgets one that ended."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; the parent follows the state after it.
            status = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            children.setdefault(int(status[1]), []).append(int(folder.name))
    found = list(children.get(pid, ()))
    for entry in found:
        found += children.get(entry, ())
    return found


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
    main(
        _descriptor(sys.argv[1], os.O_RDONLY),
        _descriptor(sys.argv[2], os.O_WRONLY),
        ahead="ahead" in sys.argv[3:],
    )
