"""`torchlean train`: the parameters of an artifact, trained."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from torchlean_core.cli.console import err, say
from torchlean_core.environment.extras import require_torch
from torchlean_core.errors import UsageError
from torchlean_core.options.choices import LOSSES

_NOT_THE_JOBS = ("command", "quiet", "no_color")
"""Arguments that every command has; the others are the job's request."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments. What is not given is not in the request: a resumed run has its own defaults."""
    parser.usage = "%(prog)s [-h] [-q] [--no-color] ARTIFACT [options]"

    def add(*names: str, **options: Any) -> None:
        parser.add_argument(*names, default=argparse.SUPPRESS, **options)

    # `--resume ARTIFACT` would take the artifact for a checkpoint: `_request` puts that right.
    parser.add_argument("artifact", metavar="ARTIFACT", nargs="?", help="the artifact (m.ir.json)")
    add("--params", metavar="P", help="parameters to start from (default: m.params.safetensors, if there)")
    add(
        "--data",
        metavar="D",
        help=".npz or .safetensors with x (samples first) and y, .csv, or module:function (default: synthetic)",
    )
    add_sample_options(add)
    add_loss_options(add)
    add("-o", "--out", metavar="OUT", help="trained parameters (default: m.trained.safetensors)")
    add("--curve", metavar="F", help="drawing of the loss, F.svg or F.png (default: m.loss.svg)")
    add("--optimizer", choices=("sgd", "adam", "adamw"), help="default: adam")
    add("--lr", type=float, help="learning rate (default: 0.01 for sgd, else 0.001)")
    add("--momentum", type=float, help="momentum of sgd (default: 0)")
    add("--weight-decay", type=float, help="default: 0")
    add("--clip", type=float, metavar="NORM", help="greatest norm of all gradients together")
    schedules = ("constant", "cosine", "linear", "exponential", "step", "onecycle", "plateau")
    add("--schedule", choices=schedules, help="course of the learning rate (default: constant)")
    add(
        "--warmup", type=int, metavar="N", help="steps over which the learning rate rises from 0 (default: 0)"
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--steps", type=int, metavar="N", default=argparse.SUPPRESS, help="number of steps (default: 200)"
    )
    amount.add_argument(
        "--epochs", type=int, metavar="N", default=argparse.SUPPRESS, help="passes over the data"
    )
    add("--batch-size", type=int, metavar="N", help="samples a step, in each process (default: 32)")
    add(
        "--val-split",
        type=float,
        metavar="F",
        help="fraction of the samples for validation (default: 0)",
    )
    add("--best", action="store_true", help="keep the parameters with the least validation loss")
    add(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N validations in a row (one for each report) without a better one",
    )
    add("--seed", type=int, metavar="N", help="seed of everything that is drawn (default: 0)")
    add("--log-every", type=int, metavar="N", help="steps between reports (default: a twentieth of all)")
    add("--device", help="auto, cpu, cuda or cuda:n (default: auto)")
    add("--backend", choices=("eager", "compiled"), help="compiled: through torch.compile (default: eager)")
    add("--checkpoint-every", type=int, metavar="N", help="steps between checkpoints (default: none)")
    add(
        "--checkpoint-seconds",
        type=float,
        metavar="S",
        help="seconds between checkpoints; a run that comes to its end leaves none (default: none)",
    )
    add(
        "--resume",
        nargs="?",
        const=True,
        metavar="C",
        help="go on from a checkpoint (default: m.checkpoint.safetensors)",
    )
    add("--logdir", metavar="DIR", help="write TensorBoard's event files there")


def add_sample_options(add: Callable[..., None]) -> None:
    """Options that say which arrays of the data are meant."""
    add("--x", metavar="NAME", help="name of the inputs in the data (default: x)")
    add("--y", metavar="NAME", help="name of the targets in the data (default: y)")


def add_loss_options(add: Callable[..., None]) -> None:
    """Options that say what the loss between outputs and targets is."""
    add(
        "--loss",
        choices=tuple(LOSSES),
        help="default: the graph's own where its output is mse_loss, else mse",
    )
    add(
        "--class-axis",
        type=int,
        metavar="A",
        help="axis of the output with the classes of cross_entropy, from the end where negative "
        "(default: the one that the targets' shape says)",
    )
    add("--class-weights", metavar="W,W,…", help="cross_entropy: a weight for each class")
    add(
        "--label-smoothing",
        type=float,
        metavar="E",
        help="label smoothing of cross_entropy, 0 to 1 (default: 0)",
    )
    add("--output", type=int, metavar="N", help="the output that the loss is of, where there are several")
    add("--ignore-index", type=int, metavar="C", help="cross_entropy: class number that does not count")


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
