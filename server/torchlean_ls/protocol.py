"""The server's end of a connection: what a session is made of, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from torchlean_ls.capabilities import initialize_result
from torchlean_ls.client import Client
from torchlean_ls.lsp import methods, types
from torchlean_ls.lsp.endpoint import Endpoint, read_params
from torchlean_ls.lsp.errors import INVALID_REQUEST, NOT_INITIALIZED

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)


class Protocol(Endpoint):
    """The server's end of a connection.

    Attributes:
        client: What the client can do.
        initialized: Whether the session has begun.
        answered: Whether `initialize` was answered before the server was loaded.
        progress: What to call when the client wants to hear no more of a work, by token.
        hold: Keeps what cannot be handled yet, by its method, and says whether it does so; None once all can be.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._shutdown = False
        self.client = Client({})
        self.initialized = False
        self.answered = False
        self.progress: dict[types.ProgressToken, Callable[[], None]] = {}
        self.hold: Callable[[str, Callable[[], None], bool], bool] | None = None
        self.on(methods.INITIALIZE, self._initialize)
        self.on(methods.SHUTDOWN, self._shut_down)
        self.on(methods.EXIT, lambda params: server.on_exit())
        self.on(methods.SET_TRACE, lambda params: None)
        self.on(methods.WINDOW_WORK_DONE_PROGRESS_CANCEL, self._cancel_progress)

    def take_request(self, number: Any, method: str, params: Any) -> None:
        """Answer a request, where its time has come."""
        if self._shutdown:
            self.refuse(number, INVALID_REQUEST, f"{method}: the server is shutting down")
        elif method == methods.INITIALIZE and self.initialized:
            self.refuse(number, INVALID_REQUEST, "`initialize` comes once")
        elif method == methods.INITIALIZE and self.answered:
            self._begin_answered(params)
        elif method != methods.INITIALIZE and not self.initialized:
            self.refuse(number, NOT_INITIALIZED, f"{method}: `initialize` comes first")
        elif not self._holds(method, partial(self.take_request, number, method, params), is_request=True):
            super().take_request(number, method, params)

    def take_notification(self, method: str, params: Any) -> None:
        """Handle a notification, where its time has come."""
        if method != methods.EXIT and not self.initialized:
            _log.warning("%s before `initialize` is ignored", method)
        elif method != methods.EXIT and self._shutdown:
            _log.info("%s after `shutdown` is ignored", method)
        elif not self._holds(method, partial(self.take_notification, method, params), is_request=False):
            super().take_notification(method, params)

    def _holds(self, method: str, handle: Callable[[], None], *, is_request: bool) -> bool:
        return self.hold is not None and self.hold(method, handle, is_request)

    def _begin_answered(self, params: Any) -> None:
        """Begin a session whose `initialize` has its answer, by what could be read of it."""
        try:
            read: types.InitializeParams = read_params(methods.INITIALIZE, params)
        except msgspec.ValidationError as error:
            _log.warning("initialize: %s", error)
            read = types.InitializeParams(params["capabilities"])
        try:
            self._initialize(read)
        except Exception:
            _log.exception("initialize failed")
            self.initialized = True  # as the client was told

    def _initialize(self, params: types.InitializeParams) -> Any:
        self.client = Client(params.capabilities)
        self._server.initialize(params, self.client)
        self.initialized = True
        return initialize_result(self.client)

    def _shut_down(self, params: Any) -> None:
        self._server.shut_down()
        self.cancel_all()
        self._shutdown = True

    def _cancel_progress(self, params: types.WorkDoneProgressCancelParams) -> None:
        stop = self.progress.get(params.token)
        if stop is not None:
            stop()
