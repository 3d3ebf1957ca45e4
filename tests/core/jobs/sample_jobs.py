"""Jobs for the tests: what user code can do to a worker. Imported in workers only."""

from __future__ import annotations

import gc
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from torchlean_core.errors import UsageError, UserError

Report = Callable[[dict[str, Any]], None]


def echo(request: dict[str, Any], report: Report) -> dict[str, Any]:
    report({"event": "progress", "value": 0.5})
    return {"request": request, "hash": hash("a text"), "cwd": str(Path.cwd())}


def noisy(request: dict[str, Any], report: Report) -> dict[str, Any]:
    print('{"result": "not this"}')
    print("to stderr", file=sys.stderr)
    os.write(1, b"around Python\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return {"read": sys.stdin.read()}


def flood(request: dict[str, Any], report: Report) -> dict[str, Any]:
    for _ in range(20_000):
        print("x" * 99)
    print("the end")
    return {}


def user_error(request: dict[str, Any], report: Report) -> NoReturn:
    error = UsageError("the user can fix this")
    error.data = {"findings": [1]}  # type: ignore[attr-defined]
    raise error


def plain_user_error(request: dict[str, Any], report: Report) -> NoReturn:
    raise UserError("a file is at fault")


def bug(request: dict[str, Any], report: Report) -> NoReturn:
    raise KeyError("surprise")


def sys_exit(request: dict[str, Any], report: Report) -> NoReturn:
    sys.exit(3)


def os_exit(request: dict[str, Any], report: Report) -> NoReturn:
    print("last words")
    os._exit(7)


def crash(request: dict[str, Any], report: Report) -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def leave_a_child(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """A child that outlives its parent, holding every descriptor it can."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
    return {"child": child.pid}


def hang(request: dict[str, Any], report: Report) -> NoReturn:
    """With a child, deaf to SIGTERM; reports both process ids."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(600)
    report({"event": "started", "pids": [os.getpid(), child]})
    while True:
        time.sleep(600)


def clean_up(request: dict[str, Any], report: Report) -> NoReturn:
    """Removes its temporary file when it is asked to end."""
    path = Path(request["path"])
    path.write_text("half", encoding="utf-8")
    try:
        report({"event": "started", "pids": [os.getpid()]})
        while True:
            time.sleep(600)
    finally:
        path.unlink()


def wait_for_any_child(request: dict[str, Any], report: Report) -> dict[str, Any]:
    try:
        os.wait()
    except ChildProcessError:
        return {"children": 0}
    return {"children": 1}


def allocate(request: dict[str, Any], report: Report) -> dict[str, Any]:
    return {"size": len(bytearray(request["bytes"]))}


def leave_a_session(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Children in sessions of their own: one of the worker, and one of a child that has ended."""
    sleep = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True)
    start = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {sleep!r}], "
        "stdout=subprocess.DEVNULL, start_new_session=True).pid)"
    )
    orphan = int(subprocess.check_output([sys.executable, "-c", start]))
    report({"event": "started", "pids": [child.pid, orphan]})
    if request["end"] == "exit":
        os._exit(7)
    if request["end"] == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    return {}


def close_everything(request: dict[str, Any], report: Report) -> dict[str, Any]:
    os.closerange(3, 100)
    if request["reuse"]:
        for _ in range(90):
            os.open(request["reuse"], os.O_WRONLY | os.O_APPEND)
    report({"event": "progress"})
    return {}


def close_and_hang(request: dict[str, Any], report: Report) -> NoReturn:
    os.closerange(3, 100)
    while True:
        time.sleep(600)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def mute(request: dict[str, Any], report: Report) -> NoReturn:
    raise Mute


def keyboard_interrupt(request: dict[str, Any], report: Report) -> NoReturn:
    raise KeyboardInterrupt


def end_supervisor(request: dict[str, Any], report: Report) -> NoReturn:
    """End the process that supervises this one."""
    report({"event": "started", "pids": [os.getpid()]})
    os.kill(os.getppid(), signal.SIGKILL)
    while True:
        time.sleep(600)


def state(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """All that a job can see of the process it runs in."""
    import torch

    main = sys.modules["__main__"]
    return {
        "arguments": [Path(sys.argv[0]).name, len(sys.argv)],
        "main": [main.__name__, Path(str(main.__file__)).name],
        "path": sys.path,
        "flags": str(sys.flags),
        "environment": {name: value for name, value in os.environ.items() if name not in request["free"]},
        "signals": {
            number.name: str(signal.getsignal(number)).partition(" at 0x")[0]
            for number in signal.Signals
            if number not in (signal.SIGKILL, signal.SIGSTOP)
        },
        "wakeup": signal.set_wakeup_fd(-1),
        "leads_session": os.getsid(0) == os.getppid() == os.getpgid(0),
        "descriptors": _descriptors(),
        "limits": [resource.getrlimit(number) for number in range(16)],
        "threads": [threading.active_count(), torch.get_num_threads(), torch.get_num_interop_threads()],
        "tracers": [sys.gettrace(), sys.getprofile(), threading.gettrace()],
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "warnings": [str(one) for one in warnings.filters],
        "logging": [logging.root.level, len(logging.root.handlers), logging.root.manager.disable],
        "torch": [
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            str(torch.get_default_dtype()),
            torch.are_deterministic_algorithms_enabled(),
            torch.cuda.is_initialized(),
        ],
        "streams": [str(stream.encoding) + str(stream.isatty()) for stream in (sys.stdout, sys.stderr)],
        "umask": [os.umask(0o22), os.getpriority(os.PRIO_PROCESS, 0)],
    }


def _descriptors() -> list[str]:
    """Kinds of the open files, but for the one that lists them."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sorted(str(path.readlink()).partition(":")[0] for path in links)


def draw(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Random numbers of every generator that is not seeded."""
    import numpy as np
    import torch

    return {"torch": torch.rand(1).item(), "numpy": np.random.rand(), "random": random.random()}
