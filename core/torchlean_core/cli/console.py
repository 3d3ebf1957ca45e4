"""The terminal: consoles for stdout and stderr that respect --no-color, NO_COLOR and pipes."""

from __future__ import annotations

import argparse
import os
import sys

from rich.console import Console


def _console(args: argparse.Namespace, *, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        # Names and messages may hold characters the terminal's encoding lacks: show them escaped.
        stream.reconfigure(errors="backslashreplace")
    return Console(
        file=stream,
        color_system=None if args.no_color or os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        soft_wrap=True,
        emoji=False,
        markup=False,
    )


def out(args: argparse.Namespace) -> Console:
    """The console for results."""
    return _console(args, stderr=False)


def err(args: argparse.Namespace) -> Console:
    """The console for messages."""
    return _console(args, stderr=True)
