"""Captures that nobody asks for in so many words: on save, and of a text that rests while it is typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from torchlean_core.capture.models import Model
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp.errors import JsonRpcException
from torchlean_ls.python.lenses import capture_argument
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_ls.client import Client
    from torchlean_ls.host import Host

SAVE_SECONDS = 0.03
"""How long a save waits for another one: formatters and "save all" save a file several times at once."""

TYPE_SECONDS = 0.6
"""How long a text must rest before it is captured without being saved."""


class Renew(Feature):
    """Captures the models of a file when it is saved or rests, as the settings say; a newer one ends an older one."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def register(self, client: Client) -> None:
        """No requests of its own."""

    def document_save(self, document: Snapshot) -> None:
        """Capture what was saved."""
        if not self.server.settings.capture_on_save or not _is_file(document):
            return
        if not self.server.trusted:
            self.server.note("capture on save is refused: this workspace is not trusted")
            return
        self._begin(document.uri, SAVE_SECONDS, saved=True)

    def document_change(self, document: Snapshot) -> None:
        """Capture the text once it rests; what is being captured of an older one is of no use any more."""
        if self.server.settings.capture_on_type and self.server.trusted and _is_file(document):
            self._begin(document.uri, TYPE_SECONDS, saved=False)

    def document_close(self, uri: str) -> None:
        """Nobody looks at it any more; what was saved is captured all the same."""

    def shutdown(self) -> None:
        """Stop what is going on."""
        for task in list(self._at_work.values()):
            task.cancel()

    def _begin(self, uri: str, pause: float, *, saved: bool) -> None:
        if not self.server.settings.enable or self.server.was_shut_down:
            return
        if (older := self._at_work.pop(uri, None)) is not None:
            older.cancel()
        task = asyncio.ensure_future(self._capture(uri, pause, saved=saved))
        self._at_work[uri] = task
        task.add_done_callback(lambda done: self._forget(uri, done))

    def _forget(self, uri: str, task: asyncio.Task[None]) -> None:
        if self._at_work.get(uri) is task:
            del self._at_work[uri]
        if not task.cancelled():
            task.result()  # what nobody expected belongs in the log

    async def _capture(self, uri: str, pause: float, *, saved: bool) -> None:
        await asyncio.sleep(pause)
        document = self.server.documents.get(uri)
        if document is not None:
            document = await self.server.live.ready(document)
        if document is None or (not saved and not self.server.live.classes.parses(document)):
            return
        for model in self._in_order(document):
            argument: dict[str, Any] = capture_argument(self.server.live, document, model)
            if not saved:
                argument |= {"source": document.text, "write": False, "quiet": True}
            try:
                result = await self.server.commands.capture_without_asking(argument)
            except JsonRpcException as error:  # nobody asked in so many words: the log has the reason
                self.server.note(f"{model.name} was not captured: {error.message}")
                continue
            if saved and result.get("held_back"):
                kept = "; ".join(result["held_back"])
                self.server.note(
                    f"{model.name} was captured, but nothing was written. That would replace {kept}"
                )

    def _in_order(self, document: Snapshot) -> list[Model]:
        """The models whose shape is known, first the one that the cursor was in last."""
        live = self.server.live
        models = [
            model
            for model in live.classes.of(document)
            if not model.needs and not model.abstract and live.shape(document, model.name) is not None
        ]
        cursor = live.cursors.get(document.uri, -1)
        return sorted(models, key=lambda model: not model.first_line <= cursor <= model.last_line)


def _is_file(document: Snapshot) -> bool:
    return document.is_python and file_path(document.uri) is not None
