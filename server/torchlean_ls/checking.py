"""Long work on documents: done in a thread, while others are served."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torchlean_core.text import no_collector
from torchlean_ls.documents import Documents, Snapshot
from torchlean_ls.findings import diagnostics


class Checking:
    """The open documents, and the one thread for long work.

    Attributes:
        documents: The open documents.
    """

    def __init__(self) -> None:
        self.documents = Documents()
        self._thread = ThreadPoolExecutor(1, "torchlean-check")
        self._big_documents = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()

    async def in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do long work in the one thread for it, while others are served."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on that nobody waits for."""
        self._background.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._background.discard)

    async def on_document(self, document: Snapshot, work: Callable[..., Any], *args: Any) -> Any:
        """Do long work on a document in the thread; what is edited meanwhile is checked as a whole."""
        async with self._big_documents:
            return await self._at_work(document, work, *args)

    async def _at_work(self, document: Snapshot, work: Callable[..., Any], *args: Any) -> Any:
        """The same for who holds the lock."""
        document.busy = True
        try:
            return await self.in_thread(work, *args)
        finally:
            document.busy = False

    async def checked(self, document: Snapshot) -> Snapshot | None:
        """A document whose report is at hand; a big one is checked in a thread, while others are served.

        Returns:
            The latest version; None where the document was closed meanwhile.
        """
        latest: Snapshot | None = document
        while latest is not None and latest.is_slow and latest.is_artifact:
            async with self._big_documents:
                latest = self.documents.get(document.uri)
                if latest is None or not latest.is_slow:
                    continue
                await self._at_work(latest, _check, latest)
            self.in_background(self._prepare(latest))
            latest = self.documents.get(document.uri)
        return latest

    async def ready(self, document: Snapshot) -> Snapshot | None:
        """A document that answers for single nodes at once; a big one is made ready in a thread.

        Returns:
            The latest version; None where the document was closed meanwhile.
        """
        latest = await self.checked(document)
        while latest is not None and not latest.is_ready and latest.is_artifact:
            await self._prepare(latest)
            latest = self.documents.get(document.uri)
            latest = await self.checked(latest) if latest is not None else None
        return latest

    async def _prepare(self, document: Snapshot) -> None:
        """Make a big document ready to be edited, once it has been checked and its report was sent."""
        async with self._big_documents:
            if self.documents.get(document.uri) is document and not document.is_ready:
                await self._at_work(document, _kept, document.prepare)


def _check(document: Snapshot) -> None:
    """Make the report, which the document keeps, and the places of its findings, those that take long for good."""

    def work() -> None:
        diagnostics(document, document.report.findings)

    _kept(work)


def _kept(work: Callable[[], Any]) -> None:
    """Make what stays, millions of objects, and take it out of the garbage collector's sight.

    One look through them takes half a second, in which nobody is answered. They go when the last who refers to them
    does: the check of a document has no circles.
    """
    with no_collector():
        work()
        gc.freeze()
