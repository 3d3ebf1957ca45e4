"""Capture without a worker and without the rest of this package: what the script of `torchlean adapter` runs.

`capture.bundle` writes that script from this module and everything it imports; so it imports nothing but the
standard library, torch, and modules of which that is true too.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import inspect
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.basics.visible import visible
from torchlean_core.capture.directives import options_in_source
from torchlean_core.capture.load import Loaded, describe, load_model, needed_arguments, seed
from torchlean_core.capture.meaning import meaning_of
from torchlean_core.capture.output import check_output, summary
from torchlean_core.capture.pipeline import capture
from torchlean_core.capture.target import (
    Shape,
    Target,
    definition_line,
    parse_shape,
    parse_target,
    read_source,
    shape_unknown,
    source_words,
)
from torchlean_core.capture.write import capture_file, write_captured
from torchlean_core.errors import UsageError, UserError
from torchlean_core.options.capture import Options, add_options, given_options


def main(script: str, description: str, defaults: Options, argv: Sequence[str] | None = None) -> int:
    """The script's command line: `SCRIPT MODEL.py Name OUT.json --example-shape 1,4`; returns the exit code.

    Args:
        script: Name of the script.
        description: What it does, for its help.
        defaults: Options that are not given.
        argv: Arguments; those of the process where None.
    """
    parser = argparse.ArgumentParser(prog=script, description=description)
    parser.add_argument("file", metavar="MODEL.py", help="the model's file")
    parser.add_argument("name", metavar="Name", help="a module class, or a function that builds one")
    parser.add_argument("output", metavar="OUT.json", help="where to write the artifact")
    parser.add_argument(
        "--example-shape",
        metavar="1,4",
        help="shape of the input; default: `# torchlean: example-shape=1,4` above the class",
    )
    add_options(parser, defaults)
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    args = parser.parse_args(argv)
    try:
        _capture_for(args, defaults)
    except UserError as error:
        print(visible(f"torchlean: {error}", lines=True), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("torchlean: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("TORCHLEAN_DEBUG"):
            raise
        text = (
            f"torchlean: internal error: {type(error).__name__}: {error}\n"
            "  This is a bug in torchlean-ls. Run again with TORCHLEAN_DEBUG=1 for the traceback to report."
        )
        print(visible(text, lines=True), file=sys.stderr)
        return 2
    return 0


def _capture_for(args: argparse.Namespace, defaults: Options) -> None:
    target = parse_target(f"{args.file}:{args.name}")
    output = Path(args.output)
    check_output(output, target)
    said = options_in_source(read_source(target.file), target)
    options = Options.of({**_values(defaults), **said, **given_options(args)})
    shape = parse_shape(args.example_shape) if args.example_shape else said.get("example_shape")
    if shape is None:
        raise shape_unknown(target)
    start = time.monotonic()
    with redirect_stdout(sys.stderr):  # what the model prints is no result
        result = capture_file(target, shape, output, options)
    if not args.quiet:
        print(visible(summary(result, output, time.monotonic() - start), lines=True))


def _values(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in Options.__dataclass_fields__}


def export(
    model: torch.nn.Module | Callable[[], torch.nn.Module] | str | os.PathLike[str],
    example: torch.Tensor | Sequence[Any] | str,
    output: str | os.PathLike[str] | None,
    options: Options,
) -> dict[str, Any]:
    """Capture a model of the running program, in eval mode; the model itself is left as it is.

    Args:
        model: A module; a class, or a function without arguments, that gives one; or `"FILE.py:Name"`.
        example: An input (float32), a tuple of that one input, or its shape: `(1, 4)` or `"1,4"`.
        output: Where to write the artifact, and its parameters beside it; nothing is written where None.
        options: How.

    Returns:
        The artifact's JSON object.

    Raises:
        UserError: The model cannot be captured exactly, or a file cannot be written.
    """
    shape = _shape(example)
    path = None if output is None else Path(output)
    with _as_before():
        if isinstance(model, str | os.PathLike):
            target = parse_target(os.fspath(model))
            if path is not None:
                check_output(path, target)
            said = options_in_source(read_source(target.file), target)
            if "approximate" in said and not options.approximate:
                options = replace(options, approximate=said["approximate"])
            loaded = load_model(target)
        else:
            loaded = _loaded(model)
            if path is not None:
                check_output(path, Target(loaded.file, loaded.name))
        captured = capture(loaded, shape, Path("out.json") if path is None else path, options)
    if path is not None:
        write_captured(captured, path, source_words(loaded.file, loaded.name), params=options.params)
    artifact: dict[str, Any] = json.loads(captured.text)
    return artifact


def _shape(example: Any) -> Shape:
    if isinstance(example, str):
        return parse_shape(example)
    if isinstance(example, tuple | list) and len(example) == 1 and isinstance(example[0], torch.Tensor):
        example = example[0]
    if isinstance(example, torch.Tensor):
        if example.dtype != torch.float32:
            dtype = str(example.dtype).removeprefix("torch.")
            raise UsageError(f"the example input is {dtype}, expected float32")
        return tuple(example.shape)
    if isinstance(example, tuple | list) and all(type(dim) is int and dim > 0 for dim in example):
        return tuple(example)
    raise UsageError("the example is neither a tensor, nor a tuple of one, nor a shape such as (1, 4)")


def _loaded(model: Any) -> Loaded:
    """A model of the running program as if it had been loaded from its file."""
    construct = None
    if isinstance(model, torch.nn.Module):
        module, kind = _copied(model), type(model)
    else:
        if not callable(model):
            raise UsageError(f"the model is {describe(model)}, expected a torch.nn.Module or what builds one")
        if needed := needed_arguments(model):
            raise UsageError(f"what builds the model needs arguments ({', '.join(needed)})")

        def construct() -> torch.nn.Module:
            seed()
            result = model()
            if not isinstance(result, torch.nn.Module):
                raise UsageError(
                    f"what builds the model gives {describe(result)}, expected a torch.nn.Module"
                )
            return result.eval()

        module, kind = construct(), model
    name = getattr(kind, "__name__", type(kind).__name__)
    file = None if (getattr(kind, "__module__", None) or "torch").split(".")[0] == "torch" else _file(kind)
    if file is None or not file.is_file():
        return Loaded(module, file or Path("model"), name, name, None, None, construct)
    line = definition_line(read_source(file), Target(file, name), decorators=False)
    sha256 = hashlib.sha256(read_regular(file, MOST_SOURCE)).hexdigest()
    meaning = meaning_of(file, name)
    return Loaded(module, real(file), str(file), name, line, sha256, construct, meaning=meaning)


def _copied(model: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(model).cpu().eval()
    except Exception as error:
        raise UserError(
            f"the model cannot be copied ({type(error).__name__}); give what builds it instead"
        ) from error


def _file(kind: Any) -> Path | None:
    try:
        file = inspect.getsourcefile(kind)
    except TypeError:  # built in, or made in an interactive session
        return None
    return None if file is None else Path(file)


@contextmanager
def _as_before() -> Iterator[None]:
    """Put back what loading and capturing change in the process: random states, arguments, import paths."""
    argv, path, state = sys.argv, list(sys.path), random.getstate()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(state)
            sys.argv, sys.path[:] = argv, path
