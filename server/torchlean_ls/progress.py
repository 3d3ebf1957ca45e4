"""Progress of one piece of long work, where the client shows it."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

from torchlean_ls.lsp import methods, types

if TYPE_CHECKING:
    from torchlean_ls.host import Host


class Progress:
    """Progress of one command, where the client shows it."""

    def __init__(self, server: Host, token: types.ProgressToken | None) -> None:
        self._server = server
        self._token = token
        self._percentage = 0

    @classmethod
    async def begin(
        cls,
        server: Host,
        token: types.ProgressToken | None,
        supported: bool,
        title: str,
        cancelled: threading.Event,
    ) -> Progress:
        """Begin to show progress.

        Args:
            server: The server.
            token: The request's own token, where it has one.
            supported: Whether the client shows progress that the server begins.
            title: What is being done.
            cancelled: Set where the user stops it.
        """
        if token is None and supported:
            token = f"torchlean-{uuid.uuid4().hex}"
            await server.protocol.ask(methods.WINDOW_WORK_DONE_PROGRESS_CREATE, {"token": token})
        progress = cls(server, token)
        if token is not None:
            server.protocol.progress[token] = cancelled.set
            progress._tell(types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=0))
        return progress

    def report(self, message: str, percentage: int | None) -> None:
        """Say how far the work is; percentages only grow."""
        if self._token is None:
            return
        if percentage is not None:
            self._percentage = max(self._percentage, min(100, percentage))
        self._tell(types.WorkDoneProgressReport(message=message, percentage=self._percentage))

    def end(self, message: str) -> None:
        """Say how it ended; once."""
        if self._token is not None:
            self._tell(types.WorkDoneProgressEnd(message=message))
            self._server.protocol.progress.pop(self._token, None)
            self._token = None

    def _tell(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        self._server.protocol.notify(methods.PROGRESS, {"token": self._token, "value": value})
