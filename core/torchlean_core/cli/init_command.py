"""`torchlean init`: deterministic parameters for an artifact."""

from __future__ import annotations

import argparse
from typing import Any

from torchlean_core.cli.console import say
from torchlean_core.environment.extras import require_torch

_SCHEMES = ("zeros", "ones", "uniform", "xavier_uniform", "kaiming_uniform", "normal")
_NOT_THE_JOBS = ("command", "quiet", "no_color")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("artifact", metavar="ARTIFACT", help="the artifact (m.ir.json)")
    parser.add_argument("-o", "--out", metavar="P", help="parameter file (default: m.params.safetensors)")
    parser.add_argument(
        "--scheme",
        choices=_SCHEMES,
        help="scheme of the weights and trainable consts (default: xavier_uniform for linear, "
        "kaiming_uniform for convolutions, zeros for const)",
    )
    parser.add_argument("--lo", type=float, help="lower bound of uniform (default: 0)")
    parser.add_argument("--hi", type=float, help="upper bound of uniform (default: 1)")
    parser.add_argument("--mean", type=float, help="mean of normal (default: 0)")
    parser.add_argument("--std", type=float, help="standard deviation of normal (default: 1)")
    parser.add_argument("--seed", type=int, metavar="N", help="first seed; layer i takes N + 2i (default: 0)")
    parser.add_argument("--plan", metavar="plan.json", help="one initializer per parameter, in order")
    parser.add_argument("--from", dest="source", metavar="checkpoint.pt", help="values of a state_dict")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n (default: auto)")
    parser.add_argument("--force", action="store_true", help="replace an existing parameter file")


def run(args: argparse.Namespace) -> int:
    """Write the parameters; returns the exit code."""
    require_torch()
    from torchlean_core.init.job import run as initialize

    def report(event: dict[str, Any]) -> None:
        if event["kind"] == "warning" and not args.quiet:
            say(f"torchlean: warning: {event['message']}")

    result = initialize({n: v for n, v in vars(args).items() if n not in _NOT_THE_JOBS}, report)
    if not args.quiet:
        say(f"torchlean: {result['message']}")
    return 0
