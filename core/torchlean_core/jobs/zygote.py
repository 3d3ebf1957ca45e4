"""The process that warm jobs are forked from: `python zygote.py SOCKET IDLE`, an inherited socket and seconds.

Each byte that arrives on SOCKET carries four descriptors: control, events and output of a worker (see `worker.py`),
and its status. The job gets a supervisor and a process, forked ahead where that was possible; the supervisor writes
its id to the status pipe before it starts the job, and the exit code at the end. When SOCKET closes this process
ends.

It imports torch and captures a model of its own, so that all that torch loads late is there. It has one thread, ran
no backward pass and never asked for a GPU, for none of these survive a fork; it imports nothing of the user's. As a
script it runs under any interpreter that has torch; this package need not be installed there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Libraries that would start threads when they are loaded. OpenMP and MKL start them at the first parallel kernel,
and say until then how many there would be, which is what a job has to be given back."""

_MODEL = """
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.scale = nn.BatchNorm2d(4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.scale(self.convolution(x)))
        x = nn.functional.max_pool2d(x, 2).flatten(2).transpose(1, 2)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        x = OTHER(x)
        return torch.softmax(self.linear(nn.functional.gelu(x, approximate="tanh")), -1).mean(1)
"""
_SHAPE = [1, 1, 4, 4]
_TAKEN_APART = '(lambda x: torch.einsum("bij,kj->bik", x, torch.eye(4)))'
"""An operator without a lowering: torch's tables of decompositions are made then, too."""


def _beside(name: str) -> Any:
    """A module of this folder: the package that the interpreter has may be another version."""
    spec = importlib.util.spec_from_file_location(
        f"_torchlean_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


class Zygote:
    """The life of the process.

    Args:
        parent: Where jobs come from.
        idle: Seconds without a job after which it ends.
    """

    def __init__(self, parent: socket.socket, idle: float) -> None:
        self._parent = parent
        self._idle = idle
        self._worker = _beside("worker")
        self._pages = _beside("pages")
        self._copied: list[tuple[int, int]] = []
        self._running: set[int] = set()
        self._held: list[int] = []
        self._spare: tuple[int, socket.socket] | None = None
        self._trial: tuple[int, bytearray] | None = None
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def load(self) -> None:
        """Import what jobs need, and use it once; jobs that came meanwhile are started in between."""
        os.environ.update(dict.fromkeys(_ONE_THREAD, "1"), PYTORCH_NVML_BASED_CUDA_CHECK="1")
        gc.disable()
        self._worker.import_own_package()
        self._torch = importlib.import_module("torch")
        self._threads = self._torch.get_num_threads()
        self._torch.set_num_threads(1)
        self._filters = list(warnings.filters)
        self._serve_pending()
        for entry in importlib.import_module("torchlean_core.jobs.names").JOBS.values():
            with contextlib.suppress(ImportError):  # the job itself will say so
                importlib.import_module(entry.partition(":")[0])
        self._filters = list(warnings.filters)
        self._serve_pending()
        self._capture(_TAKEN_APART, verify=False)
        gc.collect()
        gc.freeze()
        self._begin_trial()

    def serve(self) -> None:
        """Start jobs until nobody is there who could ask for one, or nobody did for long."""
        last = time.monotonic()
        while True:
            waits: list[Any] = [self._parent, self._woken]
            if self._trial is not None:
                waits.append(self._trial[0])
            elif self._spare is None and not self._running and not self._pending():
                self._spare = self._fork()
            left = None if self._running else max(0.0, last + self._idle - time.monotonic())
            ready = select.select(waits, [], [], left)[0]
            if self._trial is not None and self._trial[0] in ready:
                self._hear_trial()
            if self._woken in ready:
                self._reap()
                last = time.monotonic()
            if self._parent in ready:
                last = time.monotonic()
                if not self._take():
                    return
            if not ready and not self._running:
                return

    def _pending(self) -> bool:
        return bool(select.select([self._parent], [], [], 0)[0])

    def _serve_pending(self) -> None:
        while self._pending():
            if not self._take():
                os._exit(0)
        self._reap()

    def _take(self) -> bool:
        """Start the next job; returns whether there was one."""
        data, descriptors, _, _ = socket.recv_fds(self._parent, 1, 4)
        if not data:
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._held = descriptors
        pid, channel = self._spare or self._fork()
        self._spare = None
        try:
            socket.send_fds(channel, [data], descriptors)
        except OSError:  # the spare was ended from outside
            channel.close()
            pid, channel = self._fork()
            socket.send_fds(channel, [data], descriptors)
        channel.close()
        for descriptor in descriptors:
            os.close(descriptor)
        self._held = []
        self._running.add(pid)
        return True

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        with contextlib.suppress(ChildProcessError):
            while (entry := os.waitpid(-1, os.WNOHANG))[0]:
                self._running.discard(entry[0])
                if self._spare is not None and self._spare[0] == entry[0]:
                    self._spare[1].close()
                    self._spare = None

    # -- children -----------------------------------------------------------------------------------------

    def _fork(self) -> tuple[int, socket.socket]:
        """Fork a supervisor, which forks the process of a job; both wait for it."""
        ours, theirs = socket.socketpair()
        pid = self._forked()
        if pid == 0:
            ours.close()
            try:
                self._supervisor(theirs)
            finally:
                os.killpg(0, signal.SIGKILL)
        theirs.close()
        return pid, ours

    def _forked(self) -> int:
        """As `os.fork`; a child has none of this process's descriptors, and a group of its own."""
        if sum(1 for _ in Path("/proc/self/task").iterdir()) != 1:
            raise RuntimeError("the interpreter started threads, which a fork would lose")
        if self._torch.cuda.is_initialized():
            raise RuntimeError("CUDA was initialized, which does not survive a fork")
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for descriptor in (self._woken, self._wake, *self._held):
                os.close(descriptor)
            self._parent.close()
            if self._spare is not None:
                self._spare[1].close()
            if self._trial is not None:
                os.close(self._trial[0])
        return pid

    def _supervisor(self, channel: socket.socket) -> None:
        to_job, from_here = socket.socketpair()
        woken, child = self._worker.fork_job()
        if child == 0:
            channel.close()
            to_job.close()
            self._job(from_here)
        from_here.close()
        data, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
        if not data:
            return
        channel.close()
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        control, events, output, status = descriptors
        # In this order: a parent that closes `control` and finds no id in `status` knows that nothing will run.
        os.write(status, b"%d\n" % os.getpid())
        line = self._worker.read_line(control)
        if not line.endswith(b"\n") or _hung_up(control):
            return
        with contextlib.suppress(BrokenPipeError):  # the child was ended from outside; its exit code tells
            socket.send_fds(to_job, [b"j"], [events, output])
            to_job.sendall(line)
        to_job.close()
        for descriptor in (0, 1, 2, events, output):
            os.close(descriptor)
        self._worker.supervise(control, woken, child, status)

    def _job(self, channel: socket.socket) -> NoReturn:
        """Wait for a job, and be as the process of a cold one is."""
        self._pages.copy_pages(self._copied)
        data, descriptors, _, _ = socket.recv_fds(channel, 1, 2)
        if not data:
            os._exit(1)
        events, output = descriptors
        os.set_inheritable(events, False)
        line = b""
        while chunk := channel.recv(65536):
            line += chunk
        channel.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        sys.argv[:] = [self._worker.__file__, "-1", str(events)]
        main = self._worker
        main.__name__ = "__main__"
        sys.modules["__main__"] = main
        warnings.filters[:] = self._filters  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]
        self._torch.set_num_threads(self._threads)
        # As in a process of its own: nobody knows the seeds, unless the job sets them.
        self._torch.default_generator.seed()
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed()
        gc.enable()
        main.serve(line, events)
        raise AssertionError("ends the process")

    # -- what is loaded late ------------------------------------------------------------------------------

    def _capture(self, other: str, *, verify: bool) -> None:
        """Capture a model, and forget it.

        Args:
            other: What else it computes, as an expression.
            verify: Whether to compare the artifact with it, which a process that forks must not do.
        """
        job: ModuleType | None = sys.modules.get("torchlean_core.capture.job")
        if job is None:
            return
        path, arguments, modules = list(sys.path), list(sys.argv), set(sys.modules)
        with tempfile.TemporaryDirectory(prefix="torchlean-") as folder:
            file = Path(folder, "model.py")
            file.write_text(_MODEL.replace("OTHER", other), encoding="utf-8")
            out = str(Path(folder, "model.ir.json"))
            request = {"file": str(file), "name": "Model", "out": out, "example_shape": _SHAPE}
            job.run({**request, "verify": verify}, lambda event: None)
            for name in set(sys.modules) - modules:
                found = getattr(sys.modules[name], "__file__", None)
                if found is not None and Path(found).parent == Path(folder):
                    del sys.modules[name]
            for entry in [entry for entry in sys.path_importer_cache if entry.startswith(folder)]:
                del sys.path_importer_cache[entry]
        sys.path[:], sys.argv[:] = path, arguments

    def _begin_trial(self) -> None:
        """Let a child do a whole capture, to see which pages it copies."""
        reader, writer = os.pipe()
        if self._forked() != 0:
            os.close(writer)
            self._trial = reader, bytearray()
            return
        os.close(reader)
        try:
            self._capture("torch.relu", verify=True)
            data = json.dumps(self._pages.own_pages()).encode()
            while data:
                data = data[os.write(writer, data) :]
        finally:
            os._exit(0)

    def _hear_trial(self) -> None:
        assert self._trial is not None
        descriptor, heard = self._trial
        chunk = os.read(descriptor, 65536)
        heard += chunk
        if not chunk:
            os.close(descriptor)
            self._trial = None
            # Without an answer pages are copied when they are needed, as after any fork.
            self._copied = json.loads(heard or b"[]")


def _hung_up(control: int) -> bool:
    poll = select.poll()
    poll.register(control, 0)
    return bool(poll.poll(0))


def main(descriptor: int, idle: float) -> NoReturn:
    """Run until nobody needs it."""
    zygote = Zygote(socket.socket(fileno=descriptor), idle)
    try:
        zygote.load()
        zygote.serve()
    except BaseException as error:
        # The last line of what it prints is the reason that people see.
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
