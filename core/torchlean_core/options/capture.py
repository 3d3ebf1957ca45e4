"""The options of a capture: what they are called in the program, on a command line and in TOML (no torch here)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from torchlean_core.approximations import known_approximations
from torchlean_core.dialect_around import AUTO, CHOICES, among, of_output
from torchlean_core.errors import UsageError
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects import dialect_named


def parse_approximations(texts: Sequence[str]) -> dict[str, str]:
    """Read `NAME=FORM`, such as `gelu=tanh`: form by operator.

    Raises:
        UsageError: The text has another form, or no such substitution is known.
    """
    for text in texts:
        if text not in known_approximations():
            raise UsageError(f"--approximate {text}: expected one of {', '.join(known_approximations())}")
    return dict(text.split("=", 1) for text in texts)


def _option(text: str, *names: str, choices: Sequence[str] = (), **settings: Any) -> Any:
    return field(**settings, metadata={"help": text, "names": names, "choices": tuple(choices)})


@dataclass(frozen=True, slots=True)
class Options:
    """How to capture.

    Attributes:
        prefer_torch_export: Try `torch.export` first, FX symbolic tracing only where it fails.
        debug_targets: Write `debug_target` on nodes.
        params: Write the parameters.
        dialect: Name of the dialect that the artifact is written in, or `auto`.
        inline: Write the parameters into the artifact, where its dialect has that; else beside it.
        verify: Compare the artifact with the module.
        approximate: Substitutions that are not exact but allowed: form by operator (`gelu`: `tanh`), which may
            be given as texts (`gelu=tanh`).
        max_parameters: Most scalars that all parameters together may have.
        fold: Write what is computed of parameters alone as constants, in place of nodes over the parameters.

    Raises:
        UsageError: A value makes no sense.
    """

    prefer_torch_export: bool = _option("trace with torch.export first; else with FX alone", default=True)
    debug_targets: bool = _option(
        "write the source operator of each node as `debug_target`", "include_debug_targets", default=True
    )
    params: bool = _option("write the parameters", default=True)
    dialect: str = _option(
        "dialect of the artifact; auto: that of the artifact that is replaced, or else the one that the project's "
        "TorchLean reads, or of most others in its folder",
        choices=CHOICES,
        default=AUTO,
    )
    inline: bool = _option(
        "write the parameters into the artifact, where its dialect has that; else beside it", default=True
    )
    verify: bool = _option("compare the artifact with the model on random inputs", default=True)
    approximate: Mapping[str, str] = _option(
        f"allow a substitution that is not exact ({', '.join(known_approximations())}); may be repeated",
        default_factory=dict,
    )
    fold: bool = _option(
        "write weights that are computed of parameters as constants, which train by themselves", default=False
    )
    max_parameters: int = _option("refuse a capture with more scalars in all", default=250_000_000)

    def __post_init__(self) -> None:
        if self.max_parameters < 0:
            raise UsageError("--max-parameters: expected a number that is not negative")
        if self.dialect not in CHOICES:
            raise UsageError(f"--dialect {self.dialect}: expected one of {', '.join(CHOICES)}")
        given = self.approximate
        texts = [f"{name}={form}" for name, form in given.items()] if isinstance(given, Mapping) else given
        object.__setattr__(self, "approximate", parse_approximations(texts))

    def dialect_in(self, output: Path) -> Dialect:
        """The dialect of an artifact that is written to a file; what settings and projects say of it is not asked.

        Whoever knows those puts the name in place of `auto` before (`configured.with_dialect`).
        """
        if self.dialect != AUTO:
            return dialect_named(self.dialect)
        return (of_output(output) or among(output.parent)).dialect

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
        elif isinstance(default, str):
            text = f"{item.metadata['help']} (default: {default})"
            parser.add_argument(*flags, choices=item.metadata["choices"], help=text, **settings)
        elif isinstance(default, int):
            text = f"{item.metadata['help']} (default: {default})"
            parser.add_argument(*flags, type=int, metavar="N", help=text, **settings)
        else:
            text = item.metadata["help"]
            parser.add_argument(*flags, action="append", metavar="NAME=FORM", help=text, **settings)


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that a command line gives.

    Raises:
        UsageError: A value makes no sense.
    """
    given = {item.name: getattr(args, item.name) for item in fields(Options) if hasattr(args, item.name)}
    Options.of(given)
    return given
