"""Serving one client over a TCP connection or a WebSocket; the process ends with it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from torchlean_ls.stdio import receive_all

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)


def serve_tcp(server: Server, host: str, port: int) -> None:
    """Wait for a client and serve it until it goes."""
    _run(server, _tcp(server, host, port))


def serve_ws(server: Server, host: str, port: int) -> None:
    """Wait for a client and serve it until it goes; needs the package `websockets`."""
    _run(server, _ws(server, host, port))


def _run(server: Server, serving: Any) -> None:
    try:
        asyncio.run(serving)
    except (KeyboardInterrupt, SystemExit):
        pass  # `exit` ends the process through `sys.exit` inside the loop
    finally:
        server.stop()


async def _tcp(server: Server, host: str, port: int) -> None:
    ended = asyncio.Event()
    taken = False

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        if taken:
            _log.warning("a second client is turned away")
            writer.close()
            return
        taken = True
        server.protocol.set_writer(writer)
        try:
            await receive_all(server, reader)
        except ConnectionError as error:
            _log.warning("the connection to the client is lost: %s", error)
        finally:
            ended.set()

    async with await asyncio.start_server(connected, host, port) as listening:
        _say_where(listening)
        await ended.wait()


async def _ws(server: Server, host: str, port: int) -> None:
    from pygls.io_ import WebSocketWriter
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as listen

    ended = asyncio.Event()
    taken = False

    async def connected(socket: ServerConnection) -> None:
        nonlocal taken
        if taken:
            _log.warning("a second client is turned away")
            return
        taken = True
        server.protocol.set_writer(WebSocketWriter(socket), include_headers=False)
        async for message in socket:
            server.protocol.receive(message if isinstance(message, bytes) else message.encode())
        ended.set()

    async with listen(connected, host, port, max_size=None) as listening:
        _say_where(listening)
        await ended.wait()


def _say_where(listening: Any) -> None:
    for socket in listening.sockets:
        _log.warning("listening on %s port %d", *socket.getsockname()[:2])
