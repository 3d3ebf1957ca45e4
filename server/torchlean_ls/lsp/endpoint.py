"""One end of a JSON-RPC connection: every request is answered, and nothing that comes in ends it.

A handler gets the params of its method. It is a plain function; a generator, which answers at once where it yields
nothing, and otherwise yields what it waits for (a coroutine) and gets what became of it; or a coroutine function,
whose request can be cancelled while it runs.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Protocol

import msgspec

from torchlean_ls.frames import BadFrame, frame
from torchlean_ls.lsp import methods, types
from torchlean_ls.lsp.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_CANCELLED,
    JsonRpcException,
)

_log = logging.getLogger(__name__)

Handler = Callable[[Any], Any]
Number = int | str


class Writer(Protocol):
    """Where messages are written to."""

    def write(self, data: bytes, /) -> None:
        """Write one message."""


class Endpoint:
    """The messages of a connection, in and out."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self._writer: Writer | None = None
        self._framed = True
        self._answering: dict[Number, asyncio.Task[Any]] = {}  # requests of the other side that are worked on
        self._handling: set[asyncio.Task[Any]] = set()  # notifications likewise
        self._asked: dict[Number, tuple[asyncio.Future[Any], Any]] = {}
        self._numbers = itertools.count(1)
        self.on(methods.CANCEL_REQUEST, self._cancel)

    def on(self, method: str, handler: Handler) -> None:
        """Register the one handler of a method."""
        if method in self.handlers:
            raise ValueError(f"{method} has a handler")
        self.handlers[method] = handler

    def set_writer(self, writer: Writer, include_headers: bool = True) -> None:
        """Say where messages go, and whether each has a header."""
        self._writer, self._framed = writer, include_headers

    # -- what comes in ------------------------------------------------------------------------------------

    def receive(self, body: bytes | BadFrame) -> None:
        """Handle one message; one that is none is answered with what is wrong with it."""
        if isinstance(body, BadFrame):
            self.refuse(None, PARSE_ERROR, body.message)
            return
        try:
            message = _read(body)
        except ValueError as error:
            self.refuse(None, PARSE_ERROR, f"not JSON: {error}")
            return
        if isinstance(message, list):
            self.refuse(None, INVALID_REQUEST, "the language server protocol has no batches")
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            number = message.get("id") if isinstance(message, dict) else None
            self.refuse(number, INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
            return
        number, method = message.get("id"), message.get("method")
        if method is None and ("result" in message or "error" in message):
            self._take_response(number, message)
        elif type(method) is not str or (number is not None and type(number) not in (int, str)):
            why = "a message has a `method`, and its `id` is a number or a string"
            self.refuse(number, INVALID_REQUEST, why)
        elif "id" in message:
            self.take_request(number, method, message.get("params"))
        else:
            self.take_notification(method, message.get("params"))

    def take_request(self, number: Any, method: str, params: Any) -> None:
        """Answer a request, now or later."""
        handler = self.handlers.get(method)
        if number is None:
            self.refuse(number, INVALID_REQUEST, "the `id` of a request is a number or a string")
        elif handler is None:
            self.refuse(number, METHOD_NOT_FOUND, f"Method Not Found: {method}")
        else:
            try:
                read = read_params(method, params)
            except msgspec.ValidationError as error:
                self.refuse(number, INVALID_PARAMS, f"{method}: malformed params: {error}")
                return
            try:
                result = _begun(handler(read))
            except Exception as error:  # this request fails, and nothing else
                self._fail(number, method, error)
                return
            if inspect.iscoroutine(result):
                task = self._answering[number] = asyncio.ensure_future(result)
                task.add_done_callback(partial(self._done, number, method))
            else:
                self.answer(number, result)

    def take_notification(self, method: str, params: Any) -> None:
        """Handle a notification."""
        handler = self.handlers.get(method)
        if handler is None:
            if not method.startswith("$/"):  # which may be ignored
                _log.warning("%s is unknown, and ignored", method)
            return
        try:
            read = read_params(method, params)
        except msgspec.ValidationError as error:
            _log.warning("%s: malformed params: %s", method, error)
            return
        try:
            result = _begun(handler(read))
        except Exception:  # nobody waits for an answer, so the log has it
            _log.exception("%s failed", method)
            return
        if inspect.iscoroutine(result):
            self._handling.add(task := asyncio.ensure_future(result))
            task.add_done_callback(partial(self._handled, method))

    def _handled(self, method: str, task: asyncio.Task[Any]) -> None:
        self._handling.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", method, exc_info=error)

    def _done(self, number: Number, method: str, task: asyncio.Task[Any]) -> None:
        self._answering.pop(number, None)
        if task.cancelled():
            self.refuse(number, REQUEST_CANCELLED, f'Request with id "{number}" is canceled')
        elif (error := task.exception()) is not None:
            self._fail(number, method, error)
        else:
            self.answer(number, task.result())

    def _cancel(self, params: types.CancelParams) -> None:
        """Cancel a request; one that has its answer already is none any more, which is nobody's fault."""
        if (task := self._answering.get(params.id)) is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Wait for nothing any more, and answer what is worked on as cancelled."""
        for future in (*self._answering.values(), *(future for future, _ in self._asked.values())):
            future.cancel()

    # -- answers ------------------------------------------------------------------------------------------

    def answer(self, number: Number, result: Any) -> None:
        """Send a result: JSON, and objects of the protocol."""
        try:
            self._write({"jsonrpc": "2.0", "id": number, "result": result})
        except (TypeError, ValueError, RecursionError) as error:  # something else is in it
            _log.exception("an answer cannot be written")
            self.refuse(number, INTERNAL_ERROR, f"{type(error).__name__}: {error}")

    def _fail(self, number: Number, method: str, error: BaseException) -> None:
        """Answer with an error; a refused request is an answer to its user, and only what nobody expected is logged."""
        if not isinstance(error, JsonRpcException):
            _log.error("%s failed", method, exc_info=error)
            error = JsonRpcException(f"{type(error).__name__}: {error}", INTERNAL_ERROR)
        self._write({"jsonrpc": "2.0", "id": number, "error": error.plain()})

    def refuse(self, number: Any, code: int, message: str) -> None:
        """Answer with an error; its id is null where the message had none that could be read."""
        if type(number) not in (int, str):
            number = None
        _log.info("%s", message)
        self._write({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    # -- what goes out ------------------------------------------------------------------------------------

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any, into: Any = Any) -> asyncio.Future[Any]:
        """Send a request.

        Args:
            method: The method.
            params: Its params.
            into: What the result is read into.

        Returns:
            The result, or a `JsonRpcException` with the error that was answered.
        """
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = future, into
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return future

    def _take_response(self, number: Any, message: dict[str, Any]) -> None:
        asked = self._asked.pop(number, None) if type(number) in (int, str) else None
        if asked is None:
            _log.warning("a response to no request: %s", number)
            return
        future, into = asked
        if future.done():
            return
        try:
            if message.get("error") is not None:
                error = msgspec.convert(message["error"], types.ResponseError)
                future.set_exception(JsonRpcException(error.message, error.code, error.data))
            else:
                future.set_result(msgspec.convert(message.get("result"), into))
        except msgspec.ValidationError as error:  # the request that waits for it fails, and nothing else
            _log.warning("a response cannot be read: %s", error)
            future.set_exception(JsonRpcException(f"a response cannot be read: {error}"))

    def _write(self, message: dict[str, Any]) -> None:
        try:
            body = msgspec.json.encode(message)
        except UnicodeEncodeError:  # half of a surrogate pair: escaped it can be sent
            body = json.dumps(msgspec.to_builtins(message)).encode()
        if self._writer is None:
            _log.error("nobody to send to")
            return
        self._writer.write(frame(body) if self._framed else body)


def read_params(method: str, params: Any) -> Any:
    """The params of a message.

    Raises:
        msgspec.ValidationError: Something is missing, or of another type; the message says where.
    """
    return msgspec.convert(params, methods.PARAMS.get(method, Any))


def _begun(result: Any) -> Any:
    """What a handler gave; of a generator its result, where it need not wait, else a coroutine that has it at last."""
    found: Any = result
    return _first_step(found) if inspect.isgenerator(result) else result


def _first_step(generator: Generator[Awaitable[Any], Any, Any]) -> Any:
    try:
        waiting = asyncio.ensure_future(next(generator))
    except StopIteration as done:
        return done.value
    return _finish(generator, waiting)


async def _finish(generator: Generator[Awaitable[Any], Any, Any], waiting: Awaitable[Any]) -> Any:
    """Run a generator to its end. What it waits for goes on where the request is cancelled: it may serve others."""
    try:
        while True:
            try:
                found = await asyncio.shield(waiting)
            except Exception as error:
                waiting = generator.throw(error)
            else:
                waiting = generator.send(found)
    except StopIteration as done:
        return done.value
    finally:
        generator.close()


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
