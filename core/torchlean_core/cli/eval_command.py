"""`torchlean eval`: loss and metrics of an artifact on a data set."""

from __future__ import annotations

import argparse
import json
from typing import Any

from torchlean_core.cli.console import say
from torchlean_core.environment.extras import require_torch
from torchlean_core.options.training import add_loss_options, add_sample_options

_NOT_THE_JOBS = ("command", "quiet", "no_color", "output_format")
"""Arguments that are not in the job's request."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""

    def add(*names: str, **options: Any) -> None:
        parser.add_argument(*names, default=argparse.SUPPRESS, **options)

    parser.add_argument("artifact", metavar="ARTIFACT", help="the artifact (m.ir.json)")
    parser.add_argument(
        "--data",
        required=True,
        metavar="D",
        help=".npz or .safetensors with x (samples first) and y, .csv, or module:function",
    )
    add("--params", metavar="P", help="parameter file (default: m.params.safetensors)")
    add_sample_options(add)
    add_loss_options(add)
    add("--batch-size", type=int, metavar="N", help="samples that are computed at once (default: 256)")
    add("--device", help="auto, cpu, cuda or cuda:n (default: auto)")
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="how the numbers are printed"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate; returns the exit code."""
    require_torch()
    from torchlean_core.train.evaluate import run as evaluate

    def report(event: dict[str, Any]) -> None:
        if args.quiet:
            return
        if event.get("event") == "output":
            say(event["text"].rstrip("\n"))
        elif event.get("kind") == "warning":
            say(f"torchlean: warning: {event['message']}")
        elif event.get("kind") == "note":
            say(f"torchlean: {event['message']}")

    request = {name: value for name, value in vars(args).items() if name not in _NOT_THE_JOBS}
    result = evaluate(request, report)
    if args.output_format == "json":
        del result["message"]
        print(json.dumps(result))
    else:
        print(result["message"])
    return 0
