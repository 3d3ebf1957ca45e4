"""Serving over standard input and output.

pygls reads standard input in threads: every line of a header and every body is a task of a pool, which costs more
than a check of a small file, and nothing is read while all threads are busy. Where the event loop can read
the pipe itself, it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
from threading import Event

from pygls.io_ import StdoutWriter, run_async
from pygls.lsp.server import LanguageServer

_log = logging.getLogger(__name__)


def serve(server: LanguageServer) -> None:
    """Serve until the client says `exit`, or closes its end."""
    if not _loop_can_read():
        server.start_io()
        return
    server.protocol.set_writer(StdoutWriter(sys.stdout.buffer))
    try:
        asyncio.run(_serve(server))
    except (BrokenPipeError, asyncio.IncompleteReadError):
        _log.error("the connection to the client is lost")
    except (KeyboardInterrupt, SystemExit):
        pass  # `exit` ends the process through `sys.exit` inside the loop
    finally:
        server.shutdown()  # type: ignore[no-untyped-call]


def _loop_can_read() -> bool:
    """Whether standard input is a pipe or socket of its own.

    The loop makes it non-blocking, which must not reach standard output: a terminal or a socket can be both.
    """
    if sys.platform == "win32":
        return False
    inside, outside = os.fstat(0), os.fstat(1)
    pipe = stat.S_ISFIFO(inside.st_mode) or stat.S_ISSOCK(inside.st_mode)
    return pipe and (inside.st_dev, inside.st_ino) != (outside.st_dev, outside.st_ino)


async def _serve(server: LanguageServer) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    await run_async(
        stop_event=Event(),
        reader=reader,
        protocol=server.protocol,
        logger=logging.getLogger("pygls.server"),
        error_handler=server.report_server_error,
    )
