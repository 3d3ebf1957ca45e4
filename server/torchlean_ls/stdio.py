"""Serving over standard input and output.

Where the event loop can read the pipe itself, it does: a thread for it costs more than a check of a small file.
Elsewhere (Windows, a terminal) one thread does nothing but read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

from torchlean_ls.frames import FrameReader
from torchlean_ls.loading import Loading

if TYPE_CHECKING:
    from torchlean_ls.greeting import Greeting
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)
_CHUNK = 1 << 18
_PIPE = 1 << 16
"""What a pipe holds. For the 256 KiB that asyncio asks for, the C library would map pages at every read."""


def serve(server: Server, greeting: Greeting) -> None:
    """Serve until the client says `exit`, or closes its end."""
    server.protocol.answered = greeting.answered
    asyncio.run(_serve(server, greeting))


def _loop_can_read() -> bool:
    """Whether standard input is a pipe or socket of its own.

    The loop makes it non-blocking, which must not reach standard output: a terminal or a socket can be both.
    """
    if sys.platform == "win32":
        return False
    inside, outside = os.fstat(0), os.fstat(1)
    pipe = stat.S_ISFIFO(inside.st_mode) or stat.S_ISSOCK(inside.st_mode)
    return pipe and (inside.st_dev, inside.st_ino) != (outside.st_dev, outside.st_ino)


class Incoming(asyncio.Protocol):
    """Hands every message to the server as soon as its last byte is there: no task has to be woken for it.

    Attributes:
        ended: Done when there is nothing more to come.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = FrameReader()
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Take in what was read."""
        self._reader.feed(data)
        try:
            for body in self._reader.frames():
                self._server.protocol.receive(body)
        except Exception as error:  # the client does not read any more: whoever waits for the end gets it
            if not self.ended.done():
                self.ended.set_exception(error)

    def connection_lost(self, error: Exception | None) -> None:
        """The client closed its end, or is gone."""
        if not self.ended.done():
            self.ended.set_result(None)


class Outgoing:
    """Writes messages to standard output; where nobody reads them any more, serving ends.

    Much is sent by timers and tasks whose failure would end nothing: every keystroke would be checked in vain.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._output = sys.stdout.buffer
        self._ended = incoming.ended
        self._lost = False

    def write(self, data: bytes) -> None:
        """Write one message."""
        if self._lost:
            return  # the server is on its way out, and says why
        try:
            self._output.write(data)
            self._output.flush()
        except BrokenPipeError as error:
            self._lost = True
            if not self._ended.done():
                self._ended.set_exception(error)


async def _serve(server: Server, greeting: Greeting) -> None:
    incoming = Incoming(server)
    server.protocol.set_writer(Outgoing(incoming))
    Loading(server).begin()
    incoming.data_received(greeting.read)
    loop = asyncio.get_running_loop()
    if greeting.ended:
        incoming.connection_lost(None)
    elif _loop_can_read():
        transport, _ = await loop.connect_read_pipe(lambda: incoming, sys.stdin.buffer)
        transport.max_size = _PIPE  # type: ignore[attr-defined]  # asyncio's own has a name for it
    else:
        threading.Thread(target=_read_all, args=(loop, incoming), daemon=True).start()
    try:
        await incoming.ended
    except BrokenPipeError:
        _log.error("the connection to the client is lost")
    finally:
        server.end()


def _read_all(loop: asyncio.AbstractEventLoop, incoming: Incoming) -> None:
    """Read standard input in a thread until it ends."""
    while True:
        chunk = os.read(0, _CHUNK)
        try:
            if chunk:
                loop.call_soon_threadsafe(incoming.data_received, chunk)
            else:
                loop.call_soon_threadsafe(incoming.connection_lost, None)
        except RuntimeError:
            return  # the loop has ended
        if not chunk:
            return


async def receive_all(server: Server, stream: asyncio.StreamReader, start: bytes = b"") -> None:
    """Hand every message of a stream to the server until it ends; `start` was read of it already."""
    reader = FrameReader()
    reader.feed(start)
    for body in reader.frames():
        server.protocol.receive(body)
    while data := await stream.read(_CHUNK):
        reader.feed(data)
        for body in reader.frames():
            server.protocol.receive(body)
