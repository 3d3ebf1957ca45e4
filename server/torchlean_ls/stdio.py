"""Serving over standard input and output.

pygls reads standard input in threads: every line of a header and every body is a task of a pool, which costs more
than a check of a small file, and nothing is read while all threads are busy. Where the event loop can read
the pipe itself, it does; elsewhere (Windows, a terminal) one thread does nothing but read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

from pygls.io_ import StdoutWriter

from torchlean_ls.frames import FrameReader

if TYPE_CHECKING:
    from torchlean_ls.greeting import Greeting
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)
_CHUNK = 1 << 18


def serve(server: Server, greeting: Greeting) -> None:
    """Serve until the client says `exit`, or closes its end."""
    server.protocol.set_writer(StdoutWriter(sys.stdout.buffer))
    server.protocol.answered = greeting.answered
    try:
        asyncio.run(_serve(server, greeting))
    except BrokenPipeError:
        _log.error("the connection to the client is lost")
    except (KeyboardInterrupt, SystemExit):
        pass  # `exit` ends the process through `sys.exit` inside the loop
    finally:
        server.stop()


def _loop_can_read() -> bool:
    """Whether standard input is a pipe or socket of its own.

    The loop makes it non-blocking, which must not reach standard output: a terminal or a socket can be both.
    """
    if sys.platform == "win32":
        return False
    inside, outside = os.fstat(0), os.fstat(1)
    pipe = stat.S_ISFIFO(inside.st_mode) or stat.S_ISSOCK(inside.st_mode)
    return pipe and (inside.st_dev, inside.st_ino) != (outside.st_dev, outside.st_ino)


async def _serve(server: Server, greeting: Greeting) -> None:
    stream = asyncio.StreamReader(limit=1 << 22)
    loop = asyncio.get_running_loop()
    if greeting.ended:
        stream.feed_eof()
    elif _loop_can_read():
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin.buffer)
    else:
        threading.Thread(target=_read_all, args=(loop, stream), daemon=True).start()
    await receive_all(server, stream, greeting.read)


def _read_all(loop: asyncio.AbstractEventLoop, stream: asyncio.StreamReader) -> None:
    """Read standard input in a thread until it ends."""
    while True:
        chunk = os.read(0, _CHUNK)
        try:
            if chunk:
                loop.call_soon_threadsafe(stream.feed_data, chunk)
            else:
                loop.call_soon_threadsafe(stream.feed_eof)
        except RuntimeError:
            return  # the loop has ended
        if not chunk:
            return


async def receive_all(server: Server, stream: asyncio.StreamReader, first: bytes = b"") -> None:
    """Hand every message of a stream to the server until it ends."""
    reader = FrameReader()
    data = first
    while True:
        reader.feed(data)
        for body in reader.frames():
            server.protocol.receive(body)
        data = await stream.read(_CHUNK)
        if not data:
            return
