"""Serving one client over a TCP connection or a WebSocket; the process ends with it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torchlean_ls.frames import is_header
from torchlean_ls.stdio import receive_all

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)

_ORIGINS = [None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")]
"""Whose pages may connect: programs, and pages of this computer. Any other page that somebody visits could run code."""

_SILENCE_SECONDS = 30.0
"""How long a connection may say nothing before it is closed; it keeps nobody else from being served."""

_HANDSHAKE_SECONDS = 5.0
_GOODBYE_SECONDS = 1.0
_FIRST_BYTES = 1 << 12


def serve_tcp(server: Server, host: str, port: int) -> None:
    """Wait for a client and serve it until it goes."""
    asyncio.run(_tcp(server, host, port))


def serve_ws(server: Server, host: str, port: int) -> None:
    """Wait for a client and serve it until it goes; needs the package `websockets`."""
    asyncio.run(_ws(server, host, port))


@contextmanager
def _connection(
    writer: asyncio.StreamWriter | _TextWriter, ended: asyncio.Event, lost: type[Exception]
) -> Iterator[None]:
    """The one connection that is served: however it ends, it is closed, and serving ends with it."""
    try:
        yield
    except lost as error:
        _log.warning("the connection to the client is lost: %s", error)
    finally:
        writer.close()
        ended.set()


async def _tcp(server: Server, host: str, port: int) -> None:
    ended = asyncio.Event()
    taken = False

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        start = b"" if taken else await _first_words(reader)
        if start is None or taken:  # the seat is for who speaks the protocol, not for who came first
            _log.warning("a second client is turned away" if taken else "what is no client is turned away")
            writer.close()
            return
        taken = True
        server.protocol.set_writer(writer)
        with _connection(writer, ended, ConnectionError):
            await receive_all(server, reader, start)

    server.on_exit = ended.set
    listening = await asyncio.start_server(connected, host, port)
    _say_where(listening)
    try:
        await ended.wait()
    finally:
        server.end()


async def _first_words(reader: asyncio.StreamReader) -> bytes | None:
    """What a client says first; None where that is no message of the protocol, or nothing for a while."""
    start = b""
    try:
        async with asyncio.timeout(_SILENCE_SECONDS):
            while (known := is_header(start)) is None:
                read = await reader.read(_FIRST_BYTES)
                if not read:
                    return None
                start += read
    except (TimeoutError, ConnectionError):
        return None
    return start if known else None


async def _ws(server: Server, host: str, port: int) -> None:
    from websockets.asyncio.server import serve as listen
    from websockets.exceptions import ConnectionClosed, ConnectionClosedError

    ended = asyncio.Event()
    taken = False

    async def connected(socket: ServerConnection) -> None:
        nonlocal taken
        first: str | bytes | None = None
        with suppress(TimeoutError, ConnectionClosed):
            first = None if taken else await asyncio.wait_for(socket.recv(), _SILENCE_SECONDS)
        if first is None or taken:
            _log.warning(
                "a second client is turned away" if taken else "a client that said nothing is turned away"
            )
            return
        taken = True
        writer = _TextWriter(socket)
        server.protocol.set_writer(writer, include_headers=False)
        with _connection(writer, ended, ConnectionClosedError):
            server.protocol.receive(first if isinstance(first, bytes) else first.encode())
            async for message in socket:
                server.protocol.receive(message if isinstance(message, bytes) else message.encode())

    # Compressing for a client on this computer costs more than it saves; one that is gone closes nothing any more.
    options: dict[str, Any] = {
        "compression": None,
        "max_size": None,
        "close_timeout": 2,
        "open_timeout": _HANDSHAKE_SECONDS,
    }
    server.on_exit = ended.set
    listening = await listen(connected, host, port, origins=_ORIGINS, **options)
    _say_where(listening)
    try:
        await ended.wait()
        listening.close()
        with suppress(TimeoutError):  # a client that still listens is told that this is the end
            await asyncio.wait_for(listening.wait_closed(), _GOODBYE_SECONDS)
    finally:
        server.end()


class _TextWriter:
    """Sends messages in their order, each as a text frame: clients in a browser read no others."""

    def __init__(self, socket: ServerConnection) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._sending = asyncio.ensure_future(self._send(socket))

    def write(self, data: bytes) -> None:
        """Send when those before have been sent."""
        self._waiting.put_nowait(data)

    def close(self) -> None:
        """Send nothing more."""
        self._sending.cancel()

    async def _send(self, socket: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await socket.send((await self._waiting.get()).decode())
        except ConnectionClosed as error:  # whoever reads from the client ends the session
            _log.info("nobody to send to any more: %s", error)


def _say_where(listening: Any) -> None:
    for socket in listening.sockets:
        _log.warning("listening on %s port %d", *socket.getsockname()[:2])
