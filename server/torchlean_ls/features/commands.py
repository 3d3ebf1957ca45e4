"""Commands: long work in worker processes, with progress in the editor and cancellation that stops it."""

from __future__ import annotations

import contextlib
import io
import tokenize
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.companions import (
    generated_module,
    generated_module_path,
)
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.capture.configured import capture_request, configured, needed_shape, with_dialect
from torchlean_core.capture.models import find_models
from torchlean_core.capture.onnx_files import artifact_name, is_onnx
from torchlean_core.capture.output import check_output
from torchlean_core.capture.target import Target, parse_shape, read_source
from torchlean_core.dialect_around import AUTO, CHOICES
from torchlean_core.errors import UserError
from torchlean_core.jobs.preflight import require_interpreter
from torchlean_core.kinds.dialects import DIALECTS
from torchlean_core.live.stored import snake
from torchlean_core.options.capture import parse_approximations
from torchlean_core.options.datasource import is_function
from torchlean_core.safekeeping.loss import confirmation
from torchlean_ls.at_once import AtOnce, path_of, require_artifact
from torchlean_ls.capabilities import COMMANDS
from torchlean_ls.client import Client
from torchlean_ls.confirm import confirm, losses
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcInvalidParams
from torchlean_ls.python.commands import ask_model, ask_shape
from torchlean_ls.refused import Refused, Untrusted
from torchlean_ls.running import JOB_NAMES, Jobs, refused
from torchlean_ls.training_form import training_form
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_ls.host import Host

CHECKPOINT_SECONDS = 5.0
"""How often a training is kept, so that one that is stopped can go on."""


class Commands(Feature):
    """Runs `torchlean.*` commands; each takes one object with a `uri`."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self.jobs = Jobs(server)
        self.at_once = AtOnce(server)

    def register(self, client: Client) -> None:
        """What the client shows of long work; `Server.execute` runs the commands."""
        self.jobs.shows_progress = client.progress

    async def execute(self, params: types.ExecuteCommandParams) -> Any:
        """Run a command to its end."""
        if params.command not in COMMANDS:
            raise JsonRpcInvalidParams(f"unknown command {params.command!r}; known: {', '.join(COMMANDS)}")
        argument = _argument(params)
        name = params.command.removeprefix("torchlean.")
        try:
            if name == "stop":
                return self.jobs.stop(argument.get("uri"))
            if name in self.at_once.commands:
                return await self.at_once.commands[name](argument)
            if name == "captureAndEmit":
                return await self._capture_and_emit(argument, params.work_done_token)
            path = path_of(argument)
            await self.jobs.in_thread(require_interpreter, self.server.interpreters.of(argument["uri"]))
            if argument.pop("ask", False):
                argument = await self._asked(name, path, argument)
            request = self._request(name, path, argument)
            if name == "capture":
                request = await self.jobs.in_thread(with_dialect, request)
            if request.get("write", True):
                self._refuse_edited(request.get("out"))
            found = await self.jobs.in_thread(losses, name, request)
        except UserError as error:
            if name == "capture":
                self._not_captured(argument, error)
            raise refused(error, file_path(str(argument.get("uri")))) from error
        if found and not argument.get("force"):
            request |= await confirm(self.server, confirmation(found))
        elif name == "init":
            request["force"] = True  # what is there now, an initialization can write again
        if name == "train":
            request.pop("force", None)  # a training replaces what it was allowed to, and has no such option
        quiet = argument.get("quiet") is True
        return await self._run_or_ask(
            name, argument["uri"], path, request, params.work_done_token, quiet=quiet
        )

    async def _asked(self, name: str, path: Path, argument: dict[str, Any]) -> dict[str, Any]:
        """A command's argument, with what its user was asked."""
        if name == "capture" and self.server.trusted:
            return await ask_shape(self.server, await ask_model(self.server, argument))
        if name == "train" and self.server.forms:
            _, report, _ = await self.at_once.report(argument)
            device = self.server.settings.device
            form = await self.server.in_thread(training_form, path, report, device, argument)
            raise Refused(f"how shall {path.name} be trained?", data={"form": form})
        return argument

    async def _run_or_ask(
        self,
        name: str,
        uri: str,
        path: Path,
        request: dict[str, Any],
        token: types.ProgressToken | None,
        *,
        quiet: bool,
    ) -> dict[str, Any]:
        """Run a job; where it finds only then what would be lost, ask, and run it once more."""
        try:
            return await self.jobs.run(name, uri, path, request, token, quiet=quiet)
        except Refused as error:
            question = error.data.get("confirm") if isinstance(error.data, dict) else None
            if question is None:
                raise
        return await self.jobs.run(name, uri, path, {**request, **await confirm(self.server, question)}, None)

    def _not_captured(self, argument: dict[str, Any], error: UserError) -> None:
        """A capture was asked for and not begun: what is wrong with the file is shown in it."""
        model, path = argument.get("name"), file_path(str(argument.get("uri")))
        if error.data.get("findings") and isinstance(model, str) and path is not None:
            request = {"name": model, "file": str(path), "example_shape": []}
            self.server.live.captured(argument["uri"], request, error=error)
        else:
            self.server.live.refused(argument)

    async def _capture_and_emit(
        self, argument: dict[str, Any], token: types.ProgressToken | None
    ) -> dict[str, Any]:
        captured = await self.execute(types.ExecuteCommandParams("torchlean.capture", [argument], token))
        emit = types.ExecuteCommandParams("torchlean.emit", [{"uri": captured["uri"]}])
        emitted: dict[str, Any] = await self.execute(emit)
        return emitted

    # -- requests -----------------------------------------------------------------------------------------

    def _request(self, name: str, path: Path, argument: dict[str, Any]) -> dict[str, Any]:
        """What the worker is asked to do."""
        if not isinstance(argument.get("source"), str):
            self._refuse_unsaved(argument["uri"], path)
        if name == "capture":
            return self._capture_request(path, argument)
        require_artifact(argument["uri"])
        if name == "convert":
            return _convert_request(path, argument)
        left_out = ("uri", "out", "quiet", *(("force",) if name == "train" else ()))
        request = {key: value for key, value in argument.items() if key not in left_out}
        request["artifact"] = str(path)
        if JOB_NAMES.get(name, name) == "emit":
            from torchlean_core.emit.formatter import find_ruff

            request["ruff"] = find_ruff()
        if isinstance(request.get("data"), str) and is_function(request["data"]) and not self.server.trusted:
            raise Untrusted("the data comes from a function of the project; this workspace is not trusted")
        if name in ("init", "train"):
            request.setdefault("device", self.server.settings.device)
        if name == "train":
            request.setdefault("checkpoint_seconds", CHECKPOINT_SECONDS)
        if name == "useParams" and isinstance(request.get("params"), str):
            request["params"] = str(path.parent / request["params"])
        if argument.get("out"):
            request["out"] = str(path.parent / str(argument["out"]))
        elif name == "emit":
            request["out"] = str(generated_module_path(path))
        elif name == "refresh":
            module = generated_module(path)
            if module is None:
                raise UserError(f"{path.name} has no generated module to refresh; emit it first")
            request["out"] = str(module)
        return request

    def _capture_request(self, path: Path, argument: dict[str, Any]) -> dict[str, Any]:
        is_file = is_onnx(path)
        if not self.server.trusted:
            what = "reads the file with libraries of native code" if is_file else "runs the model's code"
            raise Untrusted(f"capturing {what}; this workspace is not trusted")
        name = "" if is_file else argument.get("name")
        if name is None:
            names = [model.name for model in find_models(read_source(path), path)]
            if len(names) != 1:
                found = ", ".join(names) or "none"
                raise UserError(f"which model? give its `name`; models in {path.name}: {found}")
            name = names[0]
        shape = argument.get("exampleShape")
        if isinstance(shape, list):
            shape = ",".join(map(str, shape))
        target = Target(path, str(name))
        dims = needed_shape(target) if shape is None else parse_shape(str(shape))
        usual = artifact_name(path) if is_file else f"{snake(target.name)}.ir.json"
        out = argument.get("out") or configured(target).get("output") or usual
        allowed = argument.get("approximate")
        if allowed is not None and not (
            isinstance(allowed, list) and all(type(one) is str for one in allowed)
        ):
            raise JsonRpcInvalidParams(f"`approximate` is a list such as ['gelu=erf'], found {allowed!r}")
        given: dict[str, Any] = {}
        if allowed is not None:
            given["approximate"] = parse_approximations(allowed)
        if argument.get("dialect") is not None:
            given["dialect"] = _choice(argument["dialect"], CHOICES)
        for key in ("write", "force"):
            if not isinstance(argument.get(key, True), bool):
                raise JsonRpcInvalidParams(f"`{key}` is true or false, found {argument[key]!r}")
        check_output(path.parent / str(out), target)
        chosen = self.server.settings.dialect
        defaults = {"dialect": chosen} if chosen != AUTO else None
        request = capture_request(target, path.parent / str(out), dims, given, defaults)
        if isinstance(argument.get("source"), str):
            request["source"] = argument["source"]
        return {
            **request,
            "force": argument.get("force") is True,
            "write": argument.get("write") is not False,
        }

    async def capture_without_asking(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Capture a model when nobody is there to answer a question.

        Where somebody's work would be replaced, nothing is written: what is learned is all that there is.

        Args:
            argument: As the command takes it.

        Returns:
            The command's result, and `held_back`: what would have been lost, in words; empty where all was written.
        """
        try:
            request = self._request("capture", path_of(argument), argument)
            found = await self.jobs.in_thread(losses, "capture", request)
        except UserError as error:
            raise refused(error, file_path(str(argument.get("uri")))) from error
        words = list(confirmation(found)["what"])
        try:
            self._refuse_edited(request.get("out"))
        except UserError as error:
            words.append(str(error))
        params = types.ExecuteCommandParams(
            "torchlean.capture", [{**argument, "write": False} if words else argument]
        )
        return {**await self.execute(params), "held_back": words}

    def _refuse_unsaved(self, uri: str, path: Path) -> None:
        document = self.server.documents.get(uri)
        if not path.is_file():
            raise UserError(f"{path.name} is not a file on disk; save it first")
        if document is not None and not _is_saved(document, path):
            error = UserError(f"{path.name} has unsaved changes; save it first")
            error.data = {"unsaved": True}
            raise error

    def _refuse_edited(self, out: str | None) -> None:
        """Refuse to write a file that is open with changes: the editor would have two versions of it then."""
        if out is None:
            return
        output = real(Path(out))
        for document in self.server.documents:
            path = file_path(document.uri)
            if path is None or real(path) != output or not path.is_file():
                continue
            if not _is_saved(document, path):
                raise UserError(
                    f"{path.name} has unsaved changes, and would be written; save or undo them first"
                )

    def shutdown(self) -> None:
        """Stop everything that still runs."""
        self.jobs.shutdown()


def _choice(value: Any, choices: Collection[str]) -> str:
    """A name of a dialect, as a command's argument has it."""
    if not isinstance(value, str) or value not in choices:
        raise JsonRpcInvalidParams(f"`dialect` is one of {', '.join(choices)}, found {value!r}")
    return value


def _convert_request(path: Path, argument: dict[str, Any]) -> dict[str, Any]:
    """What the job of a conversion is asked.

    Raises:
        UserError: The artifact does not tell its dialect, and none is named.
    """
    from torchlean_core.convert.request import default_output, target_dialect

    given = argument.get("dialect")
    dialect = target_dialect(path, None if given is None else _choice(given, DIALECTS))
    out = argument.get("out")
    if out is not None and not isinstance(out, str):
        raise JsonRpcInvalidParams(f"`out` is a path or a file: URI, found {out!r}")
    place = (file_path(out) or path.parent / out) if out else default_output(path, dialect)
    kept = {key: argument[key] for key in ("params", "output") if argument.get(key) is not None}
    if isinstance(kept.get("params"), str):
        kept["params"] = str(path.parent / kept["params"])
    return {
        **kept,
        "artifact": str(path),
        "dialect": dialect.name,
        "out": str(place),
        "force": argument.get("force") is True,
    }


_OF_NO_FILE = ("torchlean.stop", "torchlean.trainOptions", "torchlean.dialects")
"""Commands that need no file."""


def _argument(params: types.ExecuteCommandParams) -> dict[str, Any]:
    arguments = params.arguments or []
    if params.command in _OF_NO_FILE and not arguments:
        return {}
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise JsonRpcInvalidParams(f"{params.command} takes one object with a `uri`")
    return dict(arguments[0])


def _is_saved(document: Snapshot, path: Path) -> bool:
    """Whether a document's text is that of its file; editors keep byte order marks to themselves."""
    content = read_regular(path, MOST_ARTIFACT)
    encoding = "utf-8"
    if document.is_python:
        with contextlib.suppress(SyntaxError):  # it declares one that there is not, which its capture says
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    text = content.decode(encoding, "replace")
    return document.text.removeprefix("\ufeff") == text.removeprefix("\ufeff")
