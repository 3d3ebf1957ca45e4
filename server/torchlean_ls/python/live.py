"""What captures told about Python files: kept for each model, looked up for each version of a document."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.capture.directives import directive_problems
from torchlean_core.capture.record import File, Record
from torchlean_core.capture.target import Shape
from torchlean_core.check import RULES, Finding, Severity
from torchlean_core.errors import UserError
from torchlean_core.live import LiveModel, Moved, View, findings, split_lines
from torchlean_core.live.texts import text_that_ran
from torchlean_core.text import Encoding
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods
from torchlean_ls.python.classes import Classes, name_span
from torchlean_ls.python.known import Key, OnDisk, key_of, offsets, read_disk, real_path, record_told
from torchlean_ls.uris import file_path, plain_uri
from torchlean_ls.wording import in_editor

if TYPE_CHECKING:
    from torchlean_ls.host import Host

_log = logging.getLogger(__name__)

_ENDINGS = (".py", ".json", ".toml", ".safetensors")
"""Files whose change can mean another state of a model."""

PAUSE_SECONDS = 0.3
"""How long a text must rest before its directives are looked at again."""


class Live(Feature):
    """Keeps what the last capture of each model told, and what artifacts on disk tell of the others.

    Attributes:
        classes: The models of the open documents.
        cursors: The line (from 0) of each document where the cursor was seen last.
    """

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self.classes = Classes(lambda: list(server.folders.roots.values()), server.sources)
        self.cursors: dict[str, int] = {}
        self._captured: dict[Key, LiveModel] = {}
        self._shapes: dict[Key, LiveModel] = {}  # of an earlier capture, where the last one came to no line
        self._failures: dict[Key, str] = {}
        self._unshaped: set[Key] = set()  # models that a capture was asked for without a known shape
        self._on_disk: dict[Key, OnDisk] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._directives: dict[str, LiveModel] = {}  # what is wrong with directives, as findings of a text
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._views: dict[str, tuple[int, int, list[View]]] = {}
        self._epoch = 0
        self._told: set[str] = set()  # unopened files that findings were pushed of

    def register(self, client: Client) -> None:
        """No requests of its own: the features ask it for Python documents."""
        self._refreshable = client.refreshes("inlayHint")
        self._pulled = client.pulls

    # -- what is known ------------------------------------------------------------------------------------

    def views(self, document: Snapshot) -> list[View]:
        """What captures told of a document, in the text of this version."""
        known = self._views.get(document.uri)
        if known is not None and known[:2] == (document.serial, self._epoch):
            return known[2]
        path = real_path(document.uri)
        models = self._about(path) if path is not None else []
        if document.uri in self._directives:
            models.append(self._directives[document.uri])
        found: list[View] = []
        if models and path is not None:
            lines, moved = split_lines(document.text), list[Moved]()
            views = (model.view(path, lines, moved) for model in models)
            found = [view for view in views if view is not None]
        self._views[document.uri] = document.serial, self._epoch, found
        return found

    @property
    def encoding(self) -> Encoding:
        """Units of columns in positions."""
        return self.server.documents.encoding

    def model(self, document: Snapshot, name: str) -> LiveModel | None:
        """What the last capture of a model told, if there was one in this session."""
        return self._captured.get(key_of(document.uri, name))

    def file_of(self, document: Snapshot, name: str) -> Path | None:
        """The file of a model from whose capture something is told in a document."""
        for view in self.views(document):
            if view.record.name == name and view.record.files:
                return Path(view.record.files[0].path)
        return None

    def touched(self, uri: str, line: int) -> None:
        """The cursor was seen on a line (from 0) of a document."""
        self.cursors[uri] = line

    def lines_of(self, path: str) -> list[str] | None:
        """The lines of a file (by real path) that the last capture of a model saw; None where none saw it."""
        return next((model.texts[path] for model in self._captured.values() if path in model.texts), None)

    def failure(self, document: Snapshot, name: str) -> str | None:
        """Why the last capture of a model failed, where it did."""
        return self._failures.get(key_of(document.uri, name))

    def on_disk(self, document: Snapshot, name: str) -> OnDisk | None:
        """What is on disk of a model, as last seen."""
        return self._on_disk.get(key_of(document.uri, name))

    def findings(self, document: Snapshot) -> list[Finding]:
        """What captures found in a document, as findings with spans; `data` has the calls that led there."""
        found = []
        for place in findings(self.views(document)):
            if place.span is not None:
                span = (
                    offsets(document, place.span.line, place.span.column)[0],
                    offsets(document, place.span.end_line, place.span.end_column)[0],
                )
            else:
                model = self.classes.named(document, place.model)
                if model is None:
                    continue
                span = name_span(document, model)
            rule = RULES.get(place.finding.code)
            data = {
                "calls": place.finding.calls,
                "operator": place.finding.operator,
                "modules": list(place.finding.modules),
                "allow": place.finding.allow,
                "alternatives": list(place.finding.alternatives),
                "dialect": place.finding.dialect,
                "model": place.model,
            }
            severity = rule.severity if rule is not None else Severity.ERROR
            found.append(Finding(place.finding.code, severity, place.message, span=span, data=data))
        return found + self._unknown_shapes(document)

    def _unknown_shapes(self, document: Snapshot) -> list[Finding]:
        """TL604 for models that were to be captured, and whose example shape is not known."""
        path = real_path(document.uri)
        found: list[Finding] = []
        if not any(key[0] == path for key in self._unshaped):
            return found
        for model in self.classes.of(document):
            if (path, model.name) in self._unshaped and self.shape(document, model.name) is None:
                message = f"no example shape is known for {model.name}; a comment over it gives one"
                span, severity = name_span(document, model), RULES["TL604"].severity
                found.append(Finding("TL604", severity, message, span=span, data={"model": model.name}))
        return found

    def unopened(self) -> dict[str, tuple[Snapshot, list[Finding]]]:
        """Findings in files that are not open, by URI, with the text on disk that they are about."""
        found = {}
        for uri in self._files_with_findings():
            document, findings = self.findings_on_disk(uri)
            if document is not None and findings:
                found[uri] = document, findings
        return found

    def findings_on_disk(self, uri: str) -> tuple[Snapshot | None, list[Finding]]:
        """The text of a file that is not open, and what captures found in it."""
        path = file_path(uri)
        text = text_that_ran(path, None) if path is not None else None
        if text is None:
            return None, []
        document = Snapshot(uri, "python", 0, text, self.server.documents.encoding)
        found = self.findings(document)
        self._views.pop(uri, None)
        self.classes.forget(uri)
        return document, found

    def _files_with_findings(self) -> list[str]:
        open_paths = {real_path(document.uri) for document in self.server.documents}
        files = {
            file.path
            for model in self._captured.values()
            for file in model.record.files
            if os.path.realpath(file.path) not in open_paths
        }
        return [plain_uri(Path(file)) for file in sorted(files)]

    def _about(self, path: str) -> list[LiveModel]:
        """The models that something is known of a file from; one captured now and one on disk never both."""
        models = {key: entry.model for key, entry in self._on_disk.items() if entry.model is not None}
        without_shapes = []
        for key, model in self._captured.items():
            on_disk = models.get(key)
            if on_disk is not None and self._is_outdated(model, on_disk):
                continue
            if model.record.ran:
                models[key] = model
            else:  # what ran before still tells the shapes of the lines that stand as they were
                without_shapes.append(model)
                models |= {key: self._shapes[key]} if key in self._shapes else {}
        return [model for model in (*models.values(), *without_shapes) if path in model.texts]

    def _is_outdated(self, captured: LiveModel, on_disk: LiveModel) -> bool:
        """Whether the file's text is that of the artifact and no more that which was captured here."""
        text = on_disk.texts.get(on_disk.main)
        if captured.texts.get(captured.main) == text:
            return False
        opened = next((one for one in self.server.documents if real_path(one.uri) == captured.main), None)
        return opened is None or split_lines(opened.text) == text

    # -- news ---------------------------------------------------------------------------------------------

    def captured(
        self,
        uri: str,
        request: Mapping[str, Any],
        *,
        result: Mapping[str, Any] | None = None,
        error: UserError | None = None,
    ) -> None:
        """A capture ended: keep what it told.

        Args:
            uri: The model's file.
            request: What the worker was asked.
            result: What it answered.
            error: Why there is no result; its `data` may have the record.
        """
        name = str(request["name"])
        key = key_of(uri, name)
        self._failures.pop(key, None)
        self._unshaped.discard(key)
        record = record_told(request, result, error)
        before = [model for model in (self._captured.get(key), self._shapes.get(key)) if model is not None]
        if record is not None:
            if record.ran:
                self._shapes.pop(key, None)
            elif (last := self._captured.get(key)) is not None and last.record.ran:
                self._shapes[key] = last.without_findings()
            self._captured[key] = LiveModel(record, self._texts(record, request))
        elif error is not None:
            self._failures[key] = in_editor(error)  # what was learned before still holds
        files = {file for model in before for file in model.files}
        self._changed({*files, *self._files_of(key), key[0]})

    def refused(self, argument: Mapping[str, Any]) -> None:
        """A capture was asked for and not begun: keep it where that was for want of an example shape."""
        document = self.server.documents.get(str(argument.get("uri")))
        if document is None or argument.get("exampleShape") is not None:
            return
        names = [model.name for model in self.classes.of(document)]
        name = argument.get("name") or (names[0] if len(names) == 1 else None)
        if name in names and self.shape(document, name) is None:
            key = key_of(document.uri, name)
            self._unshaped.add(key)
            self._changed({key[0]})

    def shape(self, document: Snapshot, name: str) -> Shape | None:
        """The example shape of a model: of the comment over it, else of a settings file."""
        model = self.classes.named(document, name)
        if model is not None and model.example_shape is not None:
            return model.example_shape
        on_disk = self.on_disk(document, name)
        return on_disk.shape if on_disk is not None else None

    def _files_of(self, key: Key) -> list[str]:
        model = self._captured.get(key)
        return model.files if model is not None else []

    def _texts(self, record: Record, request: Mapping[str, Any]) -> dict[str, str]:
        """The texts that ran, as far as they are still to be had."""
        open_texts: dict[str, str] = {}
        for document in self.server.documents:
            if (path := real_path(document.uri)) is not None:
                open_texts[path] = document.text
        texts = {}
        given = request.get("source")
        for index, file in enumerate(record.files):
            real = os.path.realpath(file.path)
            others = [open_texts[real]] if real in open_texts else []
            if index == 0 and isinstance(given, str):
                texts[file.path] = given
            elif (text := text_that_ran(Path(file.path), file.sha256 or None, others)) is not None:
                texts[file.path] = text
        for finding in record.findings:
            if finding.file is not None and finding.file not in texts:
                text = text_that_ran(Path(finding.file), None)
                if text is not None:
                    texts[finding.file] = text
        return texts

    def _changed(self, paths: Iterable[str]) -> None:
        """Have the documents of some files shown anew."""
        self._epoch += 1
        paths = set(paths)
        for document in self.server.documents:
            if real_path(document.uri) in paths:
                self.server.findings_changed(document.uri)
        self._push_unopened()
        self._refresh()

    def _push_unopened(self) -> None:
        """Push the findings of files that are not open, where the client does not pull them."""
        if self._pulled or not self.server.settings.enable or self.server.settings.validate == "off":
            return
        now = set()
        for uri, (document, found) in self.unopened().items():
            now.add(uri)
            self.server.diagnostics.push_file(document, found)
        for uri in self._told - now:
            if self.server.documents.get(uri) is None:
                self.server.diagnostics.clear_file(uri)
        self._told = now

    def _refresh(self) -> None:
        if self._refreshable:
            self.server.refresh(methods.WORKSPACE_INLAY_HINT_REFRESH)

    # -- what is on disk ----------------------------------------------------------------------------------

    async def ready(self, document: Snapshot) -> Snapshot | None:
        """The latest version of a document, once it is known what is on disk of its models."""
        while (looking := self._looking.get(document.uri)) is not None:
            await asyncio.wait([looking])
        return self.server.documents.get(document.uri)

    def document_open(self, document: Snapshot) -> None:
        """Look at the artifacts of its models."""
        real_path.cache_clear()
        if document.is_python:
            self._look(document)

    def document_change(self, document: Snapshot) -> None:
        """Look at its directives, and at the models that it changes, when the text rests."""
        if document.is_python:
            self._cancel(document.uri)
            loop = asyncio.get_running_loop()
            self._due[document.uri] = loop.call_later(PAUSE_SECONDS, self._rests, document.uri)

    def _rests(self, uri: str) -> None:
        self._due.pop(uri, None)
        document = self.server.documents.get(uri)
        if document is not None:
            self._look_at_all()

    async def _read_directives(self, document: Snapshot) -> None:
        """Find what is wrong with the directives of a version; as findings of its text they move along with edits."""
        tree = self.classes.tree(document)
        problems = await self.server.in_thread(directive_problems, document.text, tree)
        path = file_path(document.uri)
        if path is None or self.server.documents.get(document.uri) is None:
            return
        told = self._directives.pop(document.uri, None)
        if problems:
            record = Record("", (), (File(str(path), ""),), findings=tuple(problems))
            self._directives[document.uri] = LiveModel(record, {str(path): document.text})
        if problems or told is not None:
            self._changed({os.path.realpath(path)})

    def _cancel(self, uri: str) -> None:
        if (waiting := self._due.pop(uri, None)) is not None:
            waiting.cancel()

    def shutdown(self) -> None:
        """Look no more."""
        for uri in list(self._due):
            self._cancel(uri)

    def document_save(self, document: Snapshot) -> None:
        """Other models, or others on disk."""
        if document.is_python:
            self._look(document)

    def document_close(self, uri: str) -> None:
        """Forget what can be made again; what was captured stays known."""
        self._cancel(uri)
        self._directives.pop(uri, None)
        self._views.pop(uri, None)
        self.cursors.pop(uri, None)
        self.classes.forget(uri)
        self._look_at_all()  # what was not saved counts no more
        self._push_unopened()

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """An artifact, a module, settings or the model's own file may be another one; what is gone is forgotten."""
        for uri in (uri for uri, gone in changes.items() if gone and self.server.documents.get(uri) is None):
            self._forget(real_path(uri))
        if any(uri.endswith(_ENDINGS) for uri in changes):
            self._look_everywhere()

    def _forget(self, path: str | None) -> None:
        """Drop what captures told of the models of a file that is gone."""
        for key in [key for key in self._captured if key[0] == path]:
            gone = self._captured.pop(key)
            self._changed({*gone.files, key[0]})

    def settings_change(self) -> None:
        """The settings files say where artifacts are."""
        self._look_everywhere()

    def _look_everywhere(self) -> None:
        real_path.cache_clear()
        self._look_at_all()
        self._push_unopened()

    def _look_at_all(self) -> None:
        """Look at all open documents: what one of them says may be a base of a model in another."""
        self.classes.find_anew()
        for document in self.server.documents:
            if document.is_python:
                self._look(document)

    def _look(self, document: Snapshot) -> None:
        if self.server.was_shut_down or file_path(document.uri) is None:
            return
        if document.uri in self._looking:
            self._again.add(document.uri)
            return
        task = asyncio.ensure_future(self._look_now(document))
        self._looking[document.uri] = task
        task.add_done_callback(lambda _: self._looking.pop(document.uri, None))

    async def _look_now(self, document: Snapshot) -> None:
        latest: Snapshot | None = document
        while latest is not None:
            self._again.discard(latest.uri)
            path = file_path(latest.uri)
            assert path is not None, "only saved files have artifacts"
            if "torchlean:" in latest.text or latest.uri in self._directives:
                await self._read_directives(latest)
            names = [model.name for model in self.classes.of(latest)]
            real = os.path.realpath(path)
            old = {key: entry for key, entry in self._on_disk.items() if key[0] == real}
            before = {key[1]: entry for key, entry in old.items()}
            asked = path, names, latest.text, self.server.sources, before
            try:
                found = await self.server.in_thread(read_disk, *asked)
            except Exception:  # a file that changes while it is read; the next change is looked at again
                _log.exception("the artifacts of %s cannot be read", path)
                return
            new = {(real, name): entry for name, entry in found.items()}
            if {key: entry.state for key, entry in old.items()} != {
                key: entry.state for key, entry in new.items()
            }:
                for key in old:
                    del self._on_disk[key]
                self._on_disk |= new
                models = [entry.model for entry in [*old.values(), *new.values()] if entry.model is not None]
                self._changed({real, *(file for model in models for file in model.files)})
            latest = self.server.documents.get(document.uri) if document.uri in self._again else None
