"""The warm worker of the interpreter that commands use: when it is started, replaced and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchlean_core.capture.models import find_models
from torchlean_core.errors import UserError
from torchlean_ls.features.base import Feature
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_core.jobs import WarmWorker
    from torchlean_ls.documents import Snapshot
    from torchlean_ls.server import Server


class Workers(Feature):
    """Has torch loaded before a command needs it, in a trusted workspace where somebody looks at a model."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._current: WarmWorker | None = None
        self._told = ""

    def warm(self) -> WarmWorker | None:
        """The worker for jobs, None where none is wanted; tells the log why it does not work."""
        current = self._current
        if current is not None and current.problem != self._told:
            self._told = current.problem
            self.server.note(current.problem)
        return current

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
        if self._current is None:
            from torchlean_core.jobs import WarmWorker

            self._current = WarmWorker(self.server.interpreter)
        self._current.start()

    def settings_change(self) -> None:
        """End a worker of another interpreter, or one that is not wanted any more."""
        settings, current = self.server.settings, self._current
        if current is None:
            return
        if not (settings.warm_worker and settings.enable) or self.server.interpreter != current.python:
            self.shutdown()
            for document in self.server.documents:
                self.start_if_wanted(document)

    def shutdown(self) -> None:
        """End the worker."""
        current, self._current, self._told = self._current, None, ""
        if current is not None:
            current.close()


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
