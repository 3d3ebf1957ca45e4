"""Jobs that run for commands: each in a worker process, watched by a thread, with progress and a way to stop it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.companions import params_path
from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.check.findings import NEEDS_PARAMS, PROBLEMS
from torchlean_core.errors import UserError
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcRequestCancelled
from torchlean_ls.progress import Progress
from torchlean_ls.refused import Refused
from torchlean_ls.uris import file_uri
from torchlean_ls.wording import COMMAND_TITLES, in_editor, in_words_of_editors

if TYPE_CHECKING:
    from torchlean_ls.host import Host
    from torchlean_ls.training import Run

_TITLES = {
    "emit": "Emitting",
    "refresh": "Refreshing",
    "capture": "Capturing",
    "init": "Initializing",
    "train": "Training",
    "useParams": "Using trained parameters:",
    "convert": "Converting",
}
_WITH_PARAMS = frozenset({"capture", "convert"})
"""Commands that write parameters beside their output."""

JOB_NAMES = {"refresh": "emit", "useParams": "use"}
"""Commands whose job has another name."""


_MAX_JOBS = 4
_LAST_SECONDS = 1.0
"""How long worker processes may take to go when the server ends."""


class Jobs:
    """The jobs of one server.

    Attributes:
        shows_progress: Whether the client shows progress that the server begins.
    """

    def __init__(self, server: Host) -> None:
        self._server = server
        self.shows_progress = False
        self._running: dict[str, tuple[str, threading.Event]] = {}
        self._threads = ThreadPoolExecutor(_MAX_JOBS, "torchlean-job")
        self._work: set[Future[dict[str, Any]]] = set()

    async def in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do work beside the jobs, in a thread of theirs."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def run(
        self,
        name: str,
        uri: str,
        path: Path,
        request: dict[str, Any],
        token: types.ProgressToken | None,
        *,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Do a job for a command, and wait for it.

        Args:
            name: The command without its prefix.
            uri: The document that it is about: `torchlean.stop` stops it by that.
            path: Its file, in whose folder the worker runs.
            request: What the job is asked.
            token: Where the client wants progress.
            quiet: Whether to begin no progress of the server's own.

        Raises:
            Refused: The job failed.
            JsonRpcRequestCancelled: It was stopped.
        """
        from torchlean_core.jobs import JobCancelled, run_job

        loop = asyncio.get_running_loop()
        cancelled = threading.Event()
        key = uuid.uuid4().hex
        self._running[key] = (uri, cancelled)
        python = self._server.interpreters.of(uri)
        warm = self._server.workers.warm(python)
        progress = await Progress.begin(
            self._server, token, self.shows_progress and not quiet, f"{_TITLES[name]} {path.name}", cancelled
        )

        run = self._server.trainings.begin(uri, path, request) if name == "train" else None

        def on_event(event: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self._on_event, progress, event, run)

        def ended(how: str, message: str) -> None:
            if run is not None:
                run.end(how, message)

        def work() -> dict[str, Any]:
            settings = self._server.settings
            return run_job(
                JOB_NAMES.get(name, name),
                request,
                on_event=on_event,
                cancelled=cancelled,
                timeout=settings.time_limit if name == "capture" else None,
                memory_limit=settings.memory_limit if name == "capture" else None,
                cwd=path.parent,
                python=python,
                warm=warm,
            )

        thread = self._threads.submit(work)
        self._work.add(thread)
        thread.add_done_callback(self._work.discard)
        running = asyncio.wrap_future(thread)
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([running])  # the end of the progress says that nothing goes on any more
            running.exception()  # that it was stopped: the request has its answer already
            progress.end("cancelled")
            ended("stopped", "stopped")
            raise
        except JobCancelled as error:
            progress.end("stopped")
            ended("stopped", "stopped")
            raise JsonRpcRequestCancelled(f"{_TITLES[name]} {path.name} was stopped") from error
        except UserError as error:
            progress.end("failed")
            if name == "capture" and "confirm" not in error.data and request["name"]:
                self._server.live.captured(uri, request, error=error)
            refusal = refused(error, path)
            ended("failed", refusal.message)
            raise refusal from error
        except OSError as error:
            progress.end("failed")
            ended("failed", "no worker process can be started")
            raise Refused(f"no worker process can be started: {error.strerror or error}") from error
        except BaseException:
            progress.end("failed")
            raise
        finally:
            self._running.pop(key, None)
        told(result, path)
        progress.end(str(result.get("message", "done")))
        ended("done", str(result.get("message", "done")))
        if name == "capture":
            if request["name"]:  # of a file that is a graph there is no source to show anything in
                self._server.live.captured(uri, request, result=result)
            result.pop("record", None)  # what the editor shows of it, it asks for
        if isinstance(result.get("output"), str):
            output = Path(result["output"])
            result["uri"] = file_uri(output)
            self._server.files_written(output, params_path(output) if name in _WITH_PARAMS else output)
        return result

    def _on_event(self, progress: Progress, event: dict[str, Any], run: Run | None) -> None:
        """Show one event of a worker: progress, a stage, or what the model printed."""
        if run is not None:
            run.event(event)
        if event.get("event") == "output":
            if text := str(event.get("text", "")).rstrip():
                self._server.window_log_message(types.LogMessageParams(types.MessageType.Log, text))
        elif event.get("event") == "stage":
            progress.report(str(event.get("name", "")), None)
        elif event.get("kind") in ("progress", "pulse"):
            percentage = event.get("percentage")
            progress.report(str(event.get("message", "")), None if percentage is None else int(percentage))
        elif event.get("kind") == "warning":
            text = str(event.get("message", ""))
            self._server.window_log_message(types.LogMessageParams(types.MessageType.Warning, text))

    def stop(self, uri: Any) -> dict[str, Any]:
        """Stop the work on one document, or all of it."""
        stopped = [event for where, event in self._running.values() if uri is None or where == uri]
        for event in stopped:
            event.set()
        return {"stopped": len(stopped)}

    def shutdown(self) -> None:
        """Stop everything that still runs, and give the worker processes a moment to go."""
        self.stop(None)
        self._threads.shutdown(wait=False, cancel_futures=True)
        wait(list(self._work), _LAST_SECONDS)


def told(result: dict[str, Any], path: Path) -> None:
    """Make the message of a result one for a person in an editor; `detail` is all of it, where that is more."""
    message = str(result.get("message", ""))
    brief = in_words_of_editors(str(result.pop("brief", message)), path)
    if brief and brief != message:
        result |= {"message": brief, "detail": message}


def refused(error: UserError, path: Path | None = None) -> Refused:
    """A user's error as an answer, with what a client can do about it; places are in a file."""
    known: Mapping[str, Any] = getattr(error, "data", None) or {}
    data = {key: known[key] for key in ("confirm", "interpreter", "trust", "unsaved") if key in known}
    message = data["confirm"]["question"] if "confirm" in data else in_editor(error, path)
    shown = path is None or not is_onnx(path)  # what is found in such a file stands in no text
    if known.get("findings") and shown:
        data["findings"] = len(known["findings"])
    if (known.get("findings") or known.get(PROBLEMS)) and shown:
        data[PROBLEMS] = True
    if known.get(NEEDS_PARAMS):
        data["offer"] = {"title": COMMAND_TITLES["init"], "command": "torchlean.init"}
    if str(error) != message:
        data["detail"] = str(error)
    return Refused(message, data=data or None)
