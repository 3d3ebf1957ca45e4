"""The files that belong to an artifact, and generated modules: looked at when they or the text change, in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.companions import has_files_beside
from torchlean_core.capture.onnx_files import PACKED, SUFFIX
from torchlean_core.check import Finding
from torchlean_core.check.checker import check_document
from torchlean_core.text import read_text
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.uris import file_path, plain_uri

if TYPE_CHECKING:
    from torchlean_core.capture.workspace import Sources
    from torchlean_ls.host import Host

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.3
"""How long a text must rest before its companions are compared with it again."""

_ENDINGS = (".json", ".safetensors", ".py", SUFFIX, SUFFIX + PACKED)

STALE = "TL521"
"""The rule that a model changed since its artifact was captured."""


class Companions(Feature):
    """Keeps what the companions of the open documents mean for them (TL5xx)."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._found: dict[str, list[Finding]] = {}
        self._stale: dict[str, list[Finding]] = {}  # that models changed: judged anew while those are edited
        self._captured: dict[str, Any] = {}  # what each artifact says of its model
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._judging: set[asyncio.Task[None]] = set()
        self._again: set[str] = set()  # documents whose files changed while they were looked at

    def register(self, client: Client) -> None:
        """No requests of its own: `Diagnostics` and `CodeActions` show what is found."""

    def of(self, uri: str) -> list[Finding]:
        """What is wrong with the companions of a document, as last seen."""
        return [*self._found.get(uri, []), *self._stale.get(uri, [])]

    # -- when to look -------------------------------------------------------------------------------------

    def document_open(self, document: Snapshot) -> None:
        """Look at once."""
        self._look(document.uri)

    def document_change(self, document: Snapshot) -> None:
        """Look when the text rests; whether there is anything to look at is seen then."""
        if (document.is_artifact or document.is_python) and not self.server.was_shut_down:
            self._cancel(document.uri)
            if file_path(document.uri) is None:
                return
            loop = asyncio.get_running_loop()
            self._due[document.uri] = loop.call_later(PAUSE_SECONDS, self._rests, document.uri)

    def _rests(self, uri: str) -> None:
        self._look(uri)
        document = self.server.documents.get(uri)
        if document is not None and document.is_python:
            self._judge_models()

    def document_save(self, document: Snapshot) -> None:
        """A save may make another file stale."""
        self._look_everywhere()

    def document_close(self, uri: str) -> None:
        """Forget it."""
        self._cancel(uri)
        for kept in (self._found, self._stale, self._captured):
            kept.pop(uri, None)
        if uri.endswith(".py"):
            self._judge_models()  # what was not saved counts no more

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """Look again where a file of theirs may have changed."""
        if any(uri.endswith(_ENDINGS) for uri in changes):
            self._look_everywhere()

    def shutdown(self) -> None:
        """Look no more."""
        for uri in list(self._due):
            self._cancel(uri)

    def _cancel(self, uri: str) -> None:
        if (waiting := self._due.pop(uri, None)) is not None:
            waiting.cancel()

    def _look_everywhere(self) -> None:
        for document in self.server.documents:
            self._look(document.uri)

    # -- looking ------------------------------------------------------------------------------------------

    def _look(self, uri: str) -> None:
        self._cancel(uri)
        document = self.server.documents.get(uri)
        if document is None:
            return
        if uri in self._looking:
            self._again.add(uri)
            return
        if not _has_companions(document) and uri not in self._found:
            return
        task = asyncio.ensure_future(self._compare(document))
        self._looking[uri] = task
        task.add_done_callback(lambda _: self._looking.pop(uri, None))

    async def _compare(self, document: Snapshot) -> None:
        """Compare one version with its companions; where it or they are others by then, once more."""
        latest: Snapshot | None = document
        while latest is not None:
            self._again.discard(document.uri)
            path = file_path(latest.uri)
            assert path is not None, "only saved files have companions"
            work = _of_module if latest.is_python else _of_artifact
            try:
                found, captured = await self.server.in_thread(work, path, latest.text, self.server.sources)
            except Exception:  # a file that changes while it is read; the next change is looked at again
                _log.exception("the files that belong to %s cannot be judged", path)
                return
            now = self.server.documents.get(document.uri)
            if now is None:
                return
            if captured is not None:
                self._captured[latest.uri] = captured
            else:
                self._captured.pop(latest.uri, None)
            stale = [one for one in found if one.code == STALE]
            found = [one for one in found if one.code != STALE]
            if [*found, *stale] != self.of(latest.uri):
                self._found[latest.uri], self._stale[latest.uri] = found, stale
                self.server.findings_changed(latest.uri)
            latest = now if now is not latest or document.uri in self._again else None

    def _judge_models(self) -> None:
        """Python files have other texts: say of open artifacts alone whether their models changed."""
        if self._captured and not self.server.was_shut_down:
            self._judging.add(task := asyncio.ensure_future(self._judge_now()))
            task.add_done_callback(self._judging.discard)

    async def _judge_now(self) -> None:
        for uri, captured in list(self._captured.items()):
            path = file_path(uri)
            assert path is not None, "only saved files have models"
            try:
                stale = await self.server.in_thread(_of_model, path, captured, self.server.sources)
            except Exception:  # a file that changes while it is read; the next change is looked at again
                _log.exception("the model of %s cannot be judged", path)
                continue
            if self._captured.get(uri) is captured and stale != self._stale.get(uri, []):
                self._stale[uri] = stale
                self.server.findings_changed(uri)


def _has_companions(document: Snapshot) -> bool:
    """Whether there is anything to compare a document with; costs a look at its text and its folder."""
    path = file_path(document.uri)
    if path is None:
        return False
    if document.is_python:
        from torchlean_core.companions.module import is_generated

        return is_generated(document.text)
    return document.is_artifact and (has_files_beside(path) or document.names_model)


def _of_artifact(path: Path, text: str, sources: Sources) -> tuple[list[Finding], Any]:
    """What is wrong with what belongs to an artifact, and what it says of its model."""
    from torchlean_core.companions import artifact_findings

    # The text is read on its own: what the document keeps belongs to the thread of the requests.
    document = read_text(text)
    root = document.value
    captured = None
    if isinstance(root, dict) and "captured_from" in root:
        captured = {key: root.get(key) for key in ("captured_from", "approximations")}
    if not has_files_beside(path):
        return _of_model(path, root, sources), captured
    return artifact_findings(path, check_document(document), sources=sources), captured


def _of_model(path: Path, root: Any, sources: Sources) -> list[Finding]:
    from torchlean_core.companions import model_findings

    return model_findings(path, root, sources)


def _of_module(path: Path, text: str, sources: Sources) -> tuple[list[Finding], Any]:
    from torchlean_core.companions import module_findings

    return module_findings(path, text), None


def remedy_uri(finding: Finding, uri: str) -> str:
    """What a command against a finding is about: a module's artifact, an artifact's model, else the document."""
    named = finding.data.get("artifact", finding.data.get("model"))
    return plain_uri(Path(named)) if isinstance(named, str) else uri
