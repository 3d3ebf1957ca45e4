"""The terminal: consoles for stdout and stderr that respect --no-color, NO_COLOR and pipes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TextIO

from torchlean_core.basics.visible import visible
from torchlean_core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def plain(stream: TextIO) -> TextIO:
    """The stream, made to show characters that its encoding lacks escaped: names and messages may hold any."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def console(args: argparse.Namespace, stream: TextIO) -> Console:
    """A console on a stream; control characters in what it prints are shown, and never act."""
    from torchlean_core.cli.shown import ShownConsole  # only what shows something pays for rich

    return ShownConsole(
        file=plain(stream),
        color_system=None if args.no_color or os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        soft_wrap=True,
        emoji=False,
        markup=False,
    )


def read_stdin() -> bytes:
    """Everything on standard input.

    Raises:
        UsageError: It is closed.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return sys.stdin.buffer.read()


def out(args: argparse.Namespace) -> Console:
    """The console for results."""
    return console(args, sys.stdout)


def err(args: argparse.Namespace) -> Console:
    """The console for messages."""
    return console(args, sys.stderr)


def say(message: str) -> None:
    """Print a message on stderr; where that cannot be written, the exit code has to do."""
    try:
        print(visible(message, lines=True), file=plain(sys.stderr), flush=True)
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO | None) -> None:
    """Send what is still buffered for a standard stream nowhere, so that ending does not fail on it."""
    if stream is not None and not stream.closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
