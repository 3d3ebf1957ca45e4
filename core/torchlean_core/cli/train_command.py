"""`torchlean train`: the parameters of an artifact, trained."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from torchlean_core.cli.console import say
from torchlean_core.extras import require_torch
from torchlean_core.visible import visible

_NOT_THE_JOBS = ("command", "quiet", "no_color")
"""Arguments that every command has; the others are the job's request."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("artifact", metavar="ARTIFACT", help="the artifact (m.ir.json)")
    add("--params", metavar="P", help="parameters to start from (default: m.params.safetensors, if there)")
    add(
        "--data",
        metavar="D",
        help=".npz or .safetensors with x (samples first) and y, or .csv (default: synthetic)",
    )
    losses = ("mse", "l1", "huber", "cross_entropy", "bce_with_logits")
    add("--loss", choices=losses, help="default: the graph's own where its output is mse_loss, else mse")
    add("-o", "--out", metavar="OUT", help="trained parameters (default: m.trained.safetensors)")
    add("--optimizer", choices=("sgd", "adam", "adamw"), default="adam", help="default: adam")
    add("--lr", type=float, help="learning rate (default: 0.01 for sgd, else 0.001)")
    add("--momentum", type=float, help="momentum of sgd (default: 0)")
    add("--weight-decay", type=float, default=0.0, help="default: 0")
    add("--clip", type=float, metavar="NORM", help="greatest norm of all gradients together")
    add(
        "--schedule",
        choices=("constant", "cosine", "linear"),
        default="constant",
        help="course of the learning rate",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--steps", type=int, metavar="N", help="number of steps (default: 200)")
    amount.add_argument("--epochs", type=int, metavar="N", help="passes over the data")
    add("--batch-size", type=int, default=32, metavar="N", help="samples a step (default: 32)")
    add(
        "--val-split",
        type=float,
        default=0.0,
        metavar="F",
        help="fraction of the samples for validation (default: 0)",
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of everything that is drawn (default: 0)")
    add("--log-every", type=int, metavar="N", help="steps between reports (default: a twentieth of all)")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:n (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    require_torch()
    from torchlean_core.train.job import run as train

    with _Reporter.on_stderr(args) as reporter:
        request = {name: value for name, value in vars(args).items() if name not in _NOT_THE_JOBS}
        result = train(request, reporter.report)
    print(result["message"])
    if not args.quiet:
        say(f"torchlean: wrote {result['output']} and {result['metrics']}")
    return 0


class _Reporter:
    """Shows events on stderr: a bar on a terminal, lines elsewhere, nothing when quiet."""

    def __init__(self, quiet: bool, progress: Progress | None) -> None:
        self._quiet = quiet
        self._progress = progress
        self._task = progress.add_task("", total=100) if progress is not None else None

    @classmethod
    @contextmanager
    def on_stderr(cls, args: argparse.Namespace) -> Iterator[_Reporter]:
        """A reporter for the time of the block."""
        plain = args.no_color or bool(os.environ.get("NO_COLOR"))
        console = Console(stderr=True, no_color=plain)
        if args.quiet or not console.is_terminal:
            yield cls(args.quiet, None)
            return
        columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
            yield cls(False, progress)

    def report(self, event: dict[str, Any]) -> None:
        """Show one event of the job."""
        if self._quiet:
            return
        message = event["message"]
        if event["kind"] == "pulse" and self._progress is None:
            return
        if event["kind"] in ("progress", "pulse") and self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=event["percentage"], description=message)
            return
        prefix = {"warning": "torchlean: warning: ", "note": "torchlean: "}.get(event["kind"], "")
        if self._progress is not None:
            shown = visible(f"{prefix}{message}", lines=True)
            self._progress.console.print(shown, markup=False, highlight=False)
        else:
            say(f"{prefix}{message}")
