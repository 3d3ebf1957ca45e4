"""Commands that are answered at once, without a worker process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.capture.target import parse_shape
from torchlean_core.check import Finding, Report, check_bytes
from torchlean_core.errors import UserError
from torchlean_core.kinds import DIALECTS
from torchlean_ls.documents import Snapshot
from torchlean_ls.edits import file_edit
from torchlean_ls.findings import counted, in_words
from torchlean_ls.graph import show_graph
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcInvalidParams
from torchlean_ls.python.commands import open_file
from torchlean_ls.python.questions import models
from torchlean_ls.python.shapes import shape_edit, shape_text
from torchlean_ls.refused import Refused
from torchlean_ls.uris import file_name, file_path

if TYPE_CHECKING:
    from torchlean_core.capture.workspace import Sources
    from torchlean_ls.host import Host

MAX_FINDINGS = 1_000
"""Findings that `torchlean.check` lists; it counts all."""


class AtOnce:
    """The commands, by name without their prefix."""

    def __init__(self, server: Host) -> None:
        self.server = server
        self.commands: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "check": self._check,
            "showGraph": self._show_graph,
            "models": self._models,
            "writeShape": self._write_shape,
            "training": self._training,
            "trainOptions": self._train_options,
            "dialects": self._dialects,
            "openFile": lambda argument: open_file(self.server, argument),
        }

    async def report(self, argument: dict[str, Any]) -> tuple[str, Report, list[Finding]]:
        """Name, report and findings of an artifact: as it is open, else as it is on disk.

        The findings are those that settings files let through, also about the files that belong to the artifact.

        Raises:
            UserError: It is not open and cannot be read.
        """
        uri = argument.get("uri")
        if not isinstance(uri, str):
            raise JsonRpcInvalidParams(f"`uri` must be the URI of an artifact, found {uri!r}")
        document: Snapshot | None = self.server.documents.get(uri)
        require_artifact(uri)
        if document is not None:
            document = await self.server.checked(document) if document.is_slow else document
        if document is not None:
            return file_name(uri), document.report, self.server.findings_of(document)
        path = path_of(argument)
        try:
            report, found = await self.server.in_thread(_of_file, path, self.server.sources)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from error
        return path.name, report, self.server.folders.wanted(uri, found)

    async def _check(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Check an artifact and say how it is."""
        from torchlean_core.check.output.json import finding_object

        name, report, findings = await self.report(argument)
        counts = counted(findings)
        return {
            "uri": argument["uri"],
            "errors": counts["error"],
            "warnings": counts["warning"],
            "notes": counts["note"],
            "message": f"{name}: {in_words(counts) or 'all clean'}",
            "findings": [finding_object(name, report, one) for one in findings[:MAX_FINDINGS]],
        }

    async def _show_graph(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Draw an artifact's graph, or tell it."""
        return await show_graph(self.server, self.report, argument)

    # -- Python files -------------------------------------------------------------------------------------

    def _open_model_file(self, argument: dict[str, Any]) -> Snapshot:
        uri = argument.get("uri")
        document = self.server.documents.get(uri) if isinstance(uri, str) else None
        if document is None or not document.is_python:
            raise JsonRpcInvalidParams(f"`uri` must be the URI of an open Python file, found {uri!r}")
        return document

    async def _models(self, argument: dict[str, Any]) -> dict[str, Any]:
        """List the models of an open Python file."""
        document = await self.server.live.ready(self._open_model_file(argument))
        return {
            "uri": argument["uri"],
            "models": [] if document is None else models(self.server.live, document),
        }

    async def _write_shape(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Have the editor write an example shape over a model.

        Raises:
            UserError: There is no such model, the shape is none, or the editor did not write it.
        """
        document = self._open_model_file(argument)
        name, shape = argument.get("name"), argument.get("exampleShape")
        model = self.server.live.classes.named(document, str(name))
        if model is None:
            raise UserError(f"{file_name(document.uri)} has no model {name}")
        text = shape_text(parse_shape(shape_text(shape) if isinstance(shape, list) else str(shape)))
        edit = shape_edit(document, model, text)
        versioned = self.server.client.versioned_edits
        change = file_edit(document.uri, document.version, [edit], versioned=versioned)
        params = types.ApplyWorkspaceEditParams(change, f"Write the example shape of {model.name}")
        answer = await self.server.workspace_apply_edit_async(params)
        if not answer.applied:
            raise Refused(f"the editor did not write the shape over {model.name}: the file changed meanwhile")
        return {"uri": document.uri}

    # -- trainings ----------------------------------------------------------------------------------------

    async def _training(self, argument: dict[str, Any]) -> dict[str, Any]:
        """How the last training of an artifact stands."""
        state = self.server.trainings.state
        found: dict[str, Any] = await self.server.in_thread(state, argument.get("uri"), path_of(argument))
        return found

    async def _train_options(self, _argument: dict[str, Any]) -> dict[str, Any]:
        """What a training can be asked for."""
        from torchlean_ls.train_options import train_options

        return {"options": await self.server.in_thread(train_options)}

    async def _dialects(self, _argument: dict[str, Any]) -> dict[str, Any]:
        """What an artifact can be converted to."""
        return {"dialects": list(DIALECTS)}


def require_artifact(uri: str) -> None:
    """Refuse a Python file where an artifact is wanted.

    Raises:
        UserError: It is one.
    """
    if file_name(uri).endswith(".py"):
        raise UserError(f"{file_name(uri)} is a Python file, and no artifact")


def path_of(argument: dict[str, Any]) -> Path:
    """The file that a command is about.

    Raises:
        JsonRpcInvalidParams: Its `uri` names none.
    """
    uri = argument.get("uri")
    path = file_path(uri) if isinstance(uri, str) else None
    if path is None:
        raise JsonRpcInvalidParams(f"`uri` must be the file: URI of a saved file, found {uri!r}")
    return path


def _of_file(path: Path, sources: Sources) -> tuple[Report, list[Finding]]:
    """The report of a file, and all findings about it and what belongs to it."""
    from torchlean_core.companions import artifact_findings

    report = check_bytes(read_regular(path, MOST_ARTIFACT))
    return report, [*report.findings, *artifact_findings(path, report, sources=sources)]
