"""The protocol layer: pygls' own, with this server's text synchronization, answers and manners towards bad messages.

pygls' default keeps every open text in its own workspace and splits it into lines at every change, which costs
more than a check; here the texts live in `documents.Documents` alone. It also leaves malformed requests without an
answer, and reads a key "jsonrpc" anywhere in a message as a message of its own; here every request is answered.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from lsprotocol import types
from pygls.protocol import LanguageServerProtocol, lsp_method

from torchlean_ls.capabilities import initialize_result
from torchlean_ls.client import Client
from torchlean_ls.direct import LATER, ChangeParams, read_params
from torchlean_ls.frames import BadFrame, frame

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32602, -32603
NOT_INITIALIZED = -32002


@dataclass(frozen=True, slots=True)
class Plain:
    """A result that is JSON already; what can be long is made without the protocol's types."""

    value: Any


class Protocol(LanguageServerProtocol):
    """pygls' protocol; documents and commands go straight to this server."""

    _server: Server

    def __init__(self, server: Server, converter: Any) -> None:
        super().__init__(server, converter)
        self.initialized = False
        self.answered = False  # whether `initialize` has its answer already
        self.client = Client({})
        self._sending: set[asyncio.Future[Any]] = set()
        self.direct: dict[str, tuple[type, Callable[[Any], Any]]] = {
            types.TEXT_DOCUMENT_DID_CHANGE: (ChangeParams, lambda params: server.did_change(params)),
        }

    # -- messages -----------------------------------------------------------------------------------------

    def receive(self, body: bytes | BadFrame) -> None:
        """Handle one message; one that is none is answered with what is wrong with it."""
        if isinstance(body, BadFrame):
            self._refuse(None, PARSE_ERROR, body.message)
            return
        try:
            message = _read(body)
        except ValueError as error:
            self._refuse(None, PARSE_ERROR, f"not JSON: {error}")
            return
        if isinstance(message, list):
            self._refuse(None, INVALID_REQUEST, "the language server protocol has no batches")
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            number = message.get("id") if isinstance(message, dict) else None
            self._refuse(number, INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
            return
        number, method = message.get("id"), message.get("method")
        if method is None and ("result" in message or "error" in message):
            self._take_response(message)
        elif type(method) is not str or (number is not None and type(number) not in (int, str)):
            self._refuse(
                number, INVALID_REQUEST, "a message has a `method`, and its `id` is a number or a string"
            )
        elif "id" in message:
            self._take_request(number, method, message)
        else:
            self._take_notification(method, message)

    def _take_response(self, message: dict[str, Any]) -> None:
        try:
            self.handle_message(self.structure_message(message))
        except Exception as error:  # the request that waits for it fails, and nothing else
            _log.warning("a response cannot be read: %s", error)
            future = self._request_futures.pop(message.get("id", ""), None)
            if future is not None and not future.done():
                future.set_exception(error)

    def _take_request(self, number: Any, method: str, message: dict[str, Any]) -> None:
        if self._shutdown:
            self._refuse(number, INVALID_REQUEST, f"{method}: the server is shutting down")
        elif not self.initialized and method != types.INITIALIZE:
            self._refuse(number, NOT_INITIALIZED, f"{method}: `initialize` comes first")
        elif self.initialized and method == types.INITIALIZE:
            self._refuse(number, INVALID_REQUEST, "`initialize` comes once")
        elif number is None:
            self._refuse(number, INVALID_REQUEST, "the `id` of a request is a number or a string")
        elif method not in self.direct or not self._answer_directly(number, method, message):
            if method == types.INITIALIZE:
                self._greet(message)
            try:
                request = self.structure_message(message)
            except Exception as error:
                self._refuse(number, INVALID_PARAMS, f"{method}: malformed params: {_reason(error)}")
                return
            self.handle_message(request)

    def _answer_directly(self, number: Any, method: str, message: dict[str, Any]) -> bool:
        """Answer a request without pygls' dispatch; whether that could be done at once."""
        into, handler = self.direct[method]
        try:
            params = read_params(message.get("params"), into)
        except msgspec.ValidationError as error:
            self._refuse(number, INVALID_PARAMS, f"{method}: malformed params: {error}")
            return True
        try:
            result = handler(params)
        except Exception as error:  # this request fails, and nothing else
            _log.exception("%s failed", method)
            self._refuse(number, INTERNAL_ERROR, f"{method}: {type(error).__name__}: {error}")
            return True
        if result is LATER:
            return False
        self._write({"jsonrpc": "2.0", "id": number, "result": result})
        return True

    def _greet(self, message: dict[str, Any]) -> None:
        params = message.get("params")
        self.client = Client(params.get("capabilities") if isinstance(params, dict) else None)
        if self.answered:
            try:
                self.structure_message(message)
            except Exception as error:  # answered already, by what could be read
                _log.warning("initialize: %s", _reason(error))
                message["params"] = {"processId": None, "rootUri": None, "capabilities": {}}

    def _take_notification(self, method: str, message: dict[str, Any]) -> None:
        if not self.initialized and method != types.EXIT:
            _log.warning("%s before `initialize` is ignored", method)
            return
        if method in self.direct:
            self._take_directly(method, message)
            return
        try:
            notification = self.structure_message(message)
        except Exception as error:
            _log.warning("%s: malformed params: %s", method, _reason(error))
            return
        self.handle_message(notification)

    def _take_directly(self, method: str, message: dict[str, Any]) -> None:
        """Handle a notification without pygls' dispatch."""
        into, handler = self.direct[method]
        try:
            params = read_params(message.get("params"), into)
        except msgspec.ValidationError as error:
            _log.warning("%s: malformed params: %s", method, error)
            return
        try:
            handler(params)
        except Exception:  # as for a request: nobody waits for an answer, so the log has it
            _log.exception("%s failed", method)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """As pygls does it, without its log of a traceback."""
        _pygls.addFilter(_nothing)
        try:
            return super().structure_message(data)
        finally:
            _pygls.removeFilter(_nothing)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        """Cancel a request; one that has its answer already is none any more, which is no fault of the client's."""
        if msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]  # it generates nothing
        """The client wants the process to end."""
        self._server.on_exit()

    # -- answers ------------------------------------------------------------------------------------------

    def _refuse(self, number: Any, code: int, message: str) -> None:
        if type(number) not in (int, str):
            number = None
        _log.info("%s", message)
        self._write({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if error is None and self.answered and not self.initialized:
            self._result_types.pop(msg_id, None)  # `initialize` was answered before the server was loaded
            self.initialized = True
        elif error is None and isinstance(result, Plain):
            self._result_types.pop(msg_id, None)
            self._write({"jsonrpc": "2.0", "id": msg_id, "result": result.value})
        else:
            super()._send_response(msg_id, result, error)

    def notify_plainly(self, method: str, params: Any) -> None:
        """Send a notification whose params are JSON already."""
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        """Send plain JSON."""
        try:
            body = msgspec.json.encode(message)
        except (UnicodeEncodeError, ValueError):
            body = json.dumps(message).encode()  # half of a surrogate pair: escaped it can be sent
        if self.writer is None:
            _log.error("nobody to send to")
            return
        written: Any = self.writer.write(frame(body) if self._include_headers else body)
        if inspect.isawaitable(written):
            sending = asyncio.ensure_future(written)
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    # -- methods ------------------------------------------------------------------------------------------

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, Any]:
        """The session begins."""
        self._server.process_id = params.process_id
        self.client_capabilities = params.capabilities
        self._server.initialize(params, self.client)
        if not self.answered:
            self.initialized = True
        return Plain(initialize_result(self.client))
        yield  # pragma: no cover - pygls' own is a generator

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """A document was opened."""
        self._server.did_open(params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """A document was closed."""
        self._server.did_close(params)

    @lsp_method(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(
        self, params: types.DidChangeWorkspaceFoldersParams
    ) -> None:
        """The workspace has other folders."""
        self._server.did_change_folders(params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # type: ignore[override]
        """Run a command as a coroutine of its own, so that cancelling the request reaches it."""
        return await self._server.execute(params)


_pygls = logging.getLogger("pygls.protocol.json_rpc")


def _nothing(record: logging.LogRecord) -> bool:
    """A filter that lets nothing through; setting a level instead would empty the caches of all loggers."""
    return False


def _read(body: bytes) -> Any:
    """The JSON of a message.

    Raises:
        ValueError: It is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        try:
            return json.loads(body)  # half of a surrogate pair, or a number msgspec does not hold
        except RecursionError:
            raise ValueError("nested too deep") from None


def _reason(error: BaseException) -> str:
    """Why a message cannot be read, in one line: the innermost cause that is known."""
    cause: BaseException | None = error.__cause__ or error
    while isinstance(cause, BaseExceptionGroup) and cause.exceptions:
        cause = cause.exceptions[0]
    text = f"{type(cause).__name__}: {cause}".splitlines()[0]
    return text if len(text) <= 200 else text[:199] + "…"
