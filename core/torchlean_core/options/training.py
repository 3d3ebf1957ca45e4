"""The options of a training: those of the command line, which editors show and complete, too."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from torchlean_core.options.choices import LOSSES


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a training. What is not given is not in the request: a resumed run has its own defaults."""

    def add(*names: str, **options: Any) -> None:
        parser.add_argument(*names, default=argparse.SUPPRESS, **options)

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
