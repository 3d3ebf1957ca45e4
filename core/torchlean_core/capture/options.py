"""The options of a capture: what they are called in the program, on a command line and in TOML (no torch here)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torchlean_core.errors import UsageError


def _option(default: Any, text: str, *names: str) -> Any:
    return field(default=default, metadata={"help": text, "names": names})


@dataclass(frozen=True, slots=True)
class Options:
    """How to capture.

    Attributes:
        prefer_torch_export: Try `torch.export` first, FX symbolic tracing only where it fails.
        debug_targets: Write `debug_target` on nodes.
        params: Write the parameters.
        verify: Compare the artifact with the module.
        max_parameters: Most scalars that all parameters together may have.
    """

    prefer_torch_export: bool = _option(True, "trace with torch.export first; else with FX alone")
    debug_targets: bool = _option(
        True, "write the source operator of each node as `debug_target`", "include_debug_targets"
    )
    params: bool = _option(True, "write the parameters beside the artifact")
    verify: bool = _option(True, "compare the artifact with the model on random inputs")
    max_parameters: int = _option(250_000_000, "refuse a capture with more scalars in all")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Options:
        """Options from values by name, where there are any; other names are not looked at."""
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})


DEFAULTS = Options()


def add_options(parser: argparse._ActionsContainer, defaults: Options = DEFAULTS) -> None:
    """Add the options to a command line; one that is not given is no attribute of the result."""
    for item in fields(Options):
        flags = [f"--{name.replace('_', '-')}" for name in (item.name, *item.metadata["names"])]
        default = getattr(defaults, item.name)
        settings: dict[str, Any] = {"dest": item.name, "default": argparse.SUPPRESS}
        if isinstance(default, bool):
            state = "on" if default else "off"
            text = f"{item.metadata['help']} (default: {state})"
            parser.add_argument(*flags, action=argparse.BooleanOptionalAction, help=text, **settings)
        else:
            text = f"{item.metadata['help']} (default: {default})"
            parser.add_argument(*flags, type=int, metavar="N", help=text, **settings)


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that a command line gives.

    Raises:
        UsageError: A value makes no sense.
    """
    given = {item.name: getattr(args, item.name) for item in fields(Options) if hasattr(args, item.name)}
    if given.get("max_parameters", 0) < 0:
        raise UsageError("--max-parameters: expected a number that is not negative")
    return given
