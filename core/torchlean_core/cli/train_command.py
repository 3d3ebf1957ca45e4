"""`torchlean train`: the parameters of an artifact, trained."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from torchlean_core.cli.console import err, say
from torchlean_core.environment.extras import require_torch
from torchlean_core.errors import UsageError
from torchlean_core.options.training import add_options

_NOT_THE_JOBS = ("command", "quiet", "no_color")
"""Arguments that every command has; the others are the job's request."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.usage = "%(prog)s [-h] [-q] [--no-color] ARTIFACT [options]"
    # `--resume ARTIFACT` would take the artifact for a checkpoint: `_request` puts that right.
    parser.add_argument("artifact", metavar="ARTIFACT", nargs="?", help="the artifact (m.ir.json)")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    request = _request(args)
    require_torch()
    from torchlean_core.train.job import run as train

    with _Reporter.on_stderr(args) as reporter:
        try:
            result = train(request, reporter.report)
        except KeyboardInterrupt:
            reporter.interrupted()
            raise
    if not result["message"]:  # a process that is not the first of several
        return 0
    print(result["message"])
    if not args.quiet:
        say(f"torchlean: wrote {result['output']}, {result['metrics']} and {result['curve']}")
    return 0


def _request(args: argparse.Namespace) -> dict[str, Any]:
    request = {name: value for name, value in vars(args).items() if name not in _NOT_THE_JOBS}
    if request["artifact"] is None and isinstance(request.get("resume"), str):
        request |= {"artifact": request["resume"], "resume": True}
    if request["artifact"] is None:
        raise UsageError("which artifact? `torchlean train ARTIFACT`, such as m.ir.json")
    return request


class _Reporter:
    """Shows events on stderr: a bar on a terminal, lines elsewhere, nothing when quiet."""

    def __init__(self, quiet: bool, progress: Progress | None) -> None:
        self._quiet = quiet
        self._progress = progress
        self._task = progress.add_task("", total=100) if progress is not None else None
        self._checkpoint: dict[str, Any] | None = None

    @classmethod
    @contextmanager
    def on_stderr(cls, args: argparse.Namespace) -> Iterator[_Reporter]:
        """A reporter for the time of the block."""
        shown = err(args)
        if args.quiet or not shown.is_terminal:
            yield cls(args.quiet, None)
            return
        columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
        with Progress(*columns, console=shown, transient=True) as progress:
            yield cls(False, progress)

    def report(self, event: dict[str, Any]) -> None:
        """Show one event of the job."""
        kind = event.get("kind", event.get("event"))
        if kind == "checkpoint":
            self._checkpoint = event
        if self._quiet:
            return
        if kind in ("progress", "pulse") and self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=event["percentage"], description=event["message"])
        elif kind == "output":
            self._say(event["text"].rstrip("\n"))
        elif kind == "progress":
            self._say(event["message"])
        elif kind == "warning":
            self._say(f"torchlean: warning: {event['message']}")
        elif kind == "note":
            self._say(f"torchlean: {event['message']}")

    def interrupted(self) -> None:
        """Say what is left of a run that was interrupted."""
        if self._checkpoint is not None and not self._quiet:
            path, step = self._checkpoint["output"], self._checkpoint["step"]
            self._say(f"torchlean: {path} has the run at step {step}; --resume goes on from there")

    def _say(self, message: str) -> None:
        if self._progress is not None:
            self._progress.console.print(message)
        else:
            say(message)
