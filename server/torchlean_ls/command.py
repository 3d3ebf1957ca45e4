"""`torchlean server`: start the language server."""

from __future__ import annotations

import argparse
import gc
import logging
import sys

from torchlean_core.environment.extras import require_websockets
from torchlean_core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean server`."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--stdio", action="store_true", help="talk over standard input and output (the default)"
    )
    ways.add_argument(
        "--tcp", metavar="[HOST:]PORT", help="listen on a TCP port, on 127.0.0.1 unless said otherwise"
    )
    ways.add_argument("--ws", metavar="[HOST:]PORT", help="listen for WebSocket connections")
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="warning",
        help="log to standard error",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the client says `exit` or goes away."""
    logging.basicConfig(level=args.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    address = _address(args.tcp or args.ws) if args.tcp or args.ws else None
    if args.ws:
        require_websockets()
    greeting = None
    if address is None:
        from torchlean_ls.greeting import greet

        greeting = greet()
    # A thread that checks a big file gives way often: a request takes several turns to be read and answered.
    sys.setswitchinterval(0.0005)
    # A file that is opened at once waits for the rest to be imported. That makes much and drops little: the collector
    # would look through all of it again and again, now and at every full collection later.
    gc.disable()
    from torchlean_ls.server import Server

    server = Server()
    if greeting is not None:
        from torchlean_ls.stdio import serve

        serve(server, greeting)
    elif address is not None:
        from torchlean_ls import network
        from torchlean_ls.loading import collect_again

        server.features.make_all()
        collect_again()
        (network.serve_tcp if args.tcp else network.serve_ws)(server, *address)
    return 0 if server.was_shut_down else 1  # as LSP wants it of an `exit` without `shutdown`


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < 65536:
        raise UsageError(f"expected [HOST:]PORT with a port number below 65536, found {text!r}")
    return host or "127.0.0.1", int(port)
