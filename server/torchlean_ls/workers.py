"""The warm workers of the interpreters that commands use: when they are started, replaced and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchlean_core.capture.models import find_models
from torchlean_core.errors import UserError
from torchlean_ls.feature import Feature
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_core.jobs import WarmWorker
    from torchlean_ls.documents import Snapshot
    from torchlean_ls.host import Host


class Workers(Feature):
    """Has torch loaded before a command needs it, in a trusted workspace where somebody looks at a model."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._workers: dict[str | None, WarmWorker] = {}
        self._told: dict[str | None, str] = {}

    def warm(self, python: str | None) -> WarmWorker | None:
        """The worker for jobs of an interpreter, None where none is wanted; tells the log why it does not work."""
        worker = self._workers.get(python)
        if worker is not None and worker.problem != self._told.get(python, ""):
            self._told[python] = worker.problem
            self.server.note(worker.problem)
        return worker

    def document_open(self, document: Snapshot) -> None:
        """Start for a model that somebody looks at."""
        self.start_if_wanted(document)

    def document_save(self, document: Snapshot) -> None:
        """Start for a model that was new, and for one that is worked on after an idle time."""
        self.start_if_wanted(document)

    def start_if_wanted(self, document: Snapshot) -> None:
        """Start the worker where the settings want it and a document is a model, or was captured from one."""
        settings = self.server.settings
        if not (settings.warm_worker and settings.enable and self.server.trusted) or not _has_model(document):
            return
        python = self.server.interpreters.of(document.uri)
        if python not in self._workers:
            from torchlean_core.jobs import WarmWorker

            self._workers[python] = WarmWorker(python)
        self._workers[python].start()

    def settings_change(self) -> None:
        """End workers of other interpreters, and those that are not wanted any more."""
        settings = self.server.settings
        wanted = self.server.interpreters.all() if settings.warm_worker and settings.enable else set()
        if unwanted := self._workers.keys() - wanted:
            for python in unwanted:
                self._end(python)
            for document in self.server.documents:
                self.start_if_wanted(document)

    def shutdown(self) -> None:
        """End all workers."""
        for python in list(self._workers):
            self._end(python)

    def _end(self, python: str | None) -> None:
        self._told.pop(python, None)
        self._workers.pop(python).close()


def _has_model(document: Snapshot) -> bool:
    path = file_path(document.uri)
    if path is None:
        return False
    if document.is_artifact:
        return document.names_model
    if path.suffix != ".py" or "torch" not in document.text:
        return False
    try:
        return bool(find_models(document.text, path))
    except UserError:  # it is being written, and does not parse
        return False
