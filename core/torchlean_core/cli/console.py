"""The terminal: consoles for stdout and stderr that respect --no-color, NO_COLOR and pipes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TextIO

from torchlean_core.errors import UsageError
from torchlean_core.visible import visible

if TYPE_CHECKING:
    from rich.console import Console


def plain(stream: TextIO) -> TextIO:
    """The stream, made to show characters that its encoding lacks escaped: names and messages may hold any."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def console(args: argparse.Namespace, stream: TextIO) -> Console:
    """A console on a stream."""
    from rich.console import Console  # only what shows something pays for it

    return Console(
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
    """Print a message, one line on stderr."""
    print(visible(message, lines=True), file=plain(sys.stderr))
