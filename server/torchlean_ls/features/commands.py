"""Commands: long work in worker processes, with progress in the editor and cancellation that stops it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcRequestCancelled

from torchlean_core.artifact.companions import generated_module_path, stem
from torchlean_core.capture.models import find_models
from torchlean_core.capture.target import Target, example_shape, parse_shape, read_source
from torchlean_core.datasource import is_function
from torchlean_core.errors import UserError
from torchlean_core.extras import require_torch
from torchlean_ls.features.base import Feature
from torchlean_ls.uris import file_path, file_uri

if TYPE_CHECKING:
    from torchlean_ls.server import Server

COMMANDS = ("torchlean.emit", "torchlean.capture", "torchlean.init", "torchlean.train", "torchlean.stop")
_TITLES = {"emit": "Emitting", "capture": "Capturing", "init": "Initializing", "train": "Training"}
_MAX_JOBS = 4


class CommandFailed(JsonRpcException):
    """A command's error as the client shows it."""

    CODE = -32803  # LSP's RequestFailed
    MESSAGE = "Request failed"


class Commands(Feature):
    """Runs `torchlean.*` commands; each takes one object with a `uri`."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._running: dict[str, tuple[str, threading.Event]] = {}
        self._threads = ThreadPoolExecutor(_MAX_JOBS, "torchlean-job")
        self._progress = False

    def register(self, params: types.InitializeParams) -> None:
        """Announce the commands."""
        window = params.capabilities.window
        self._progress = bool(window and window.work_done_progress)
        for command in COMMANDS:
            # pygls announces what is registered; `Server.execute` runs it.
            self.server.command(command)(lambda *_: None)

    async def execute(self, params: types.ExecuteCommandParams) -> Any:
        """Run a command to its end."""
        if params.command not in COMMANDS:
            raise JsonRpcInvalidParams(f"unknown command {params.command!r}; known: {', '.join(COMMANDS)}")
        argument = _argument(params)
        if params.command == "torchlean.stop":
            return self._stop(argument.get("uri"))
        name = params.command.removeprefix("torchlean.")
        path = _path(argument)
        try:
            request = self._request(name, path, argument)
        except UserError as error:
            raise CommandFailed(str(error)) from error
        return await self._run(name, argument["uri"], path, request, params.work_done_token)

    # -- requests -----------------------------------------------------------------------------------------

    def _request(self, name: str, path: Path, argument: dict[str, Any]) -> dict[str, Any]:
        """What the worker is asked to do."""
        if self.server.settings.python is None or not self.server.trusted:
            require_torch()
        self._refuse_unsaved(argument["uri"], path)
        if name == "capture":
            return self._capture_request(path, argument)
        request = {key: value for key, value in argument.items() if key not in ("uri", "out")}
        request["artifact"] = str(path)
        if isinstance(request.get("data"), str) and is_function(request["data"]) and not self.server.trusted:
            raise UserError("the data comes from a function of the project; this workspace is not trusted")
        if name in ("init", "train"):
            request.setdefault("device", self.server.settings.device)
        if argument.get("out"):
            request["out"] = str(path.parent / str(argument["out"]))
        elif name == "emit":
            request["out"] = str(_module_path(path))
        return request

    def _capture_request(self, path: Path, argument: dict[str, Any]) -> dict[str, Any]:
        if not self.server.trusted:
            raise UserError("capturing runs the model's code; this workspace is not trusted")
        name = argument.get("name")
        if name is None:
            names = [model.name for model in find_models(read_source(path), path)]
            if len(names) != 1:
                found = ", ".join(names) or "none"
                raise UserError(f"which model? give its `name`; models in {path.name}: {found}")
            name = names[0]
        shape = argument.get("exampleShape")
        if isinstance(shape, list):
            shape = ",".join(map(str, shape))
        dims = example_shape(Target(path, str(name))) if shape is None else parse_shape(str(shape))
        out = argument.get("out") or f"{_snake(str(name))}.ir.json"
        return {
            "file": str(path),
            "name": name,
            "out": str(path.parent / str(out)),
            "example_shape": list(dims),
        }

    def _refuse_unsaved(self, uri: str, path: Path) -> None:
        document = self.server.documents.get(uri)
        if not path.is_file():
            raise UserError(f"{path.name} is not a file on disk; save it first")
        if document is not None and document.text != _disk_text(path):
            raise UserError(f"{path.name} has unsaved changes; save it first")

    # -- running ------------------------------------------------------------------------------------------

    async def _run(
        self,
        name: str,
        uri: str,
        path: Path,
        request: dict[str, Any],
        token: types.ProgressToken | None,
    ) -> dict[str, Any]:
        from torchlean_core.jobs import JobCancelled, run_job

        loop = asyncio.get_running_loop()
        cancelled = threading.Event()
        key = uuid.uuid4().hex
        self._running[key] = (uri, cancelled)
        progress = await _Progress.begin(
            self.server, token, self._progress, f"{_TITLES[name]} {path.name}", cancelled
        )

        def on_event(event: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self._on_event, progress, event)

        def work() -> dict[str, Any]:
            settings = self.server.settings
            return run_job(
                name,
                request,
                on_event=on_event,
                cancelled=cancelled,
                timeout=settings.time_limit if name == "capture" else None,
                memory_limit=settings.memory_limit if name == "capture" else None,
                cwd=path.parent,
                python=settings.python if self.server.trusted else None,
            )

        running = loop.run_in_executor(self._threads, work)
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([running])  # the end of the progress says that nothing goes on any more
            running.exception()  # that it was stopped: the request has its answer already
            progress.end("cancelled")
            raise
        except JobCancelled as error:
            progress.end("stopped")
            raise JsonRpcRequestCancelled(f"{_TITLES[name]} {path.name} was stopped") from error
        except UserError as error:
            progress.end("failed")
            raise CommandFailed(str(error)) from error
        finally:
            self._running.pop(key, None)
        progress.end(str(result.get("message", "done")))
        if isinstance(result.get("output"), str):
            result["uri"] = file_uri(Path(result["output"]))
        return result

    def _on_event(self, progress: _Progress, event: dict[str, Any]) -> None:
        """Show one event of a worker: progress, a stage, or what the model printed."""
        if event.get("event") == "output":
            message = types.LogMessageParams(types.MessageType.Log, str(event.get("text", "")).rstrip())
            self.server.window_log_message(message)
        elif event.get("event") == "stage":
            progress.report(str(event.get("name", "")), None)
        elif event.get("kind") in ("progress", "pulse"):
            percentage = event.get("percentage")
            progress.report(str(event.get("message", "")), None if percentage is None else int(percentage))
        elif event.get("kind") == "warning":
            text = str(event.get("message", ""))
            self.server.window_log_message(types.LogMessageParams(types.MessageType.Warning, text))

    def _stop(self, uri: Any) -> dict[str, Any]:
        """Stop the work on one document, or all of it."""
        stopped = [event for where, event in self._running.values() if uri is None or where == uri]
        for event in stopped:
            event.set()
        return {"stopped": len(stopped)}

    def shutdown(self) -> None:
        """Stop everything that still runs."""
        self._stop(None)
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Progress:
    """Progress of one command, where the client shows it."""

    def __init__(self, server: Server, token: types.ProgressToken | None) -> None:
        self._server = server
        self._token = token
        self._percentage = 0

    @classmethod
    async def begin(
        cls,
        server: Server,
        token: types.ProgressToken | None,
        supported: bool,
        title: str,
        cancelled: threading.Event,
    ) -> _Progress:
        if token is None and supported:
            token = f"torchlean-{uuid.uuid4().hex}"
            await server.work_done_progress.create_async(token)
        if token is not None:
            value = types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=0)
            server.work_done_progress.begin(token, value)
            server.work_done_progress.tokens[token].add_done_callback(lambda _: cancelled.set())
        return cls(server, token)

    def report(self, message: str, percentage: int | None) -> None:
        """Say how far the work is; percentages only grow."""
        if self._token is None:
            return
        if percentage is not None:
            self._percentage = max(self._percentage, min(100, percentage))
        value = types.WorkDoneProgressReport(message=message, percentage=self._percentage)
        self._server.work_done_progress.report(self._token, value)

    def end(self, message: str) -> None:
        if self._token is not None:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))
            self._server.work_done_progress.tokens.pop(self._token, None)
            self._token = None


def _argument(params: types.ExecuteCommandParams) -> dict[str, Any]:
    arguments = params.arguments or []
    if params.command == "torchlean.stop" and not arguments:
        return {}
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise JsonRpcInvalidParams(f"{params.command} takes one object with a `uri`")
    return dict(arguments[0])


def _path(argument: dict[str, Any]) -> Path:
    uri = argument.get("uri")
    path = file_path(uri) if isinstance(uri, str) else None
    if path is None:
        raise JsonRpcInvalidParams(f"`uri` must be the file: URI of a saved file, found {uri!r}")
    return path


def _module_path(artifact: Path) -> Path:
    """Where the editor emits to: beside the artifact, never over a Python file that was not generated."""
    target = generated_module_path(artifact)
    if target.exists() and "# torchlean-provenance: " not in target.read_text("utf-8", "replace")[:2000]:
        return target.with_name(f"{stem(artifact)}_module.py")
    return target


def _disk_text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _snake(name: str) -> str:
    """`tiny_mlp` of `TinyMLP`."""
    result = ""
    for position, char in enumerate(name):
        after_lower = position > 0 and name[position - 1].islower()
        before_lower = (
            0 < position < len(name) - 1 and name[position + 1].islower() and name[position - 1].isupper()
        )
        result += ("_" if char.isupper() and (after_lower or before_lower) else "") + char.lower()
    return result
