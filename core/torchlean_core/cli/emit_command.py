"""`torchlean emit`: the nn.Module that an artifact describes, or an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.cli.console import err, out
from torchlean_core.emit.options import NAMES_OF
from torchlean_core.environment.extras import require_onnx, require_torch
from torchlean_core.errors import UsageError, UserError

if TYPE_CHECKING:
    from torchlean_core.emit.writer import Emission

_ONNX = "onnx"
_MODULES_ALONE = {
    "class_name": "--class-name",
    "literal_limit": "--literal-limit",
    "include_training_skeleton": "--training-skeleton",
    "learnable_consts": "--learnable-consts",
    "compress_broadcast_params": "--compress-broadcast-params",
}
"""Options that say something of a module, and nothing of an ONNX file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean emit`."""
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="the artifact (m.ir.json)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (default: m.py beside m.ir.json, or m.onnx)",
    )
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="parameters (default: m.params.safetensors)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if stale, edited or missing"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="write it again, even where it is fresh or was edited by hand (then kept as .orig)",
    )
    parser.add_argument(
        "--style",
        choices=("module", "sequential", _ONNX),
        help="a module of its own (default), an nn.Sequential for a chain of layers, or an ONNX file (the default "
        "where -o names one), compared with the interpreter",
    )
    parser.add_argument(
        "--names",
        choices=NAMES_OF,
        help="names of the attributes: the artifact's (default), or those of the model that was captured, whose "
        "state_dict then loads (default for ONNX)",
    )
    parser.add_argument(
        "--class-name",
        metavar="NAME",
        help="name of the class (default: the captured model's, else ExportedIRModel)",
    )
    parser.add_argument("--dtype", metavar="DTYPE", help="dtype of the parameters (default: torch.float32)")
    parser.add_argument(
        "--literal-limit", type=int, metavar="N", help="scalars written as literals (default: 256)"
    )
    for option, name, text in (
        ("training-skeleton", "include_training_skeleton", "optimizer, training step and smoke test"),
        ("learnable-consts", "learnable_consts", "constants that train"),
        ("compress-broadcast-params", "compress_broadcast_params", "repeated rows of constants as one row"),
    ):
        parser.add_argument(
            f"--{option}",
            dest=name,
            action=argparse.BooleanOptionalAction,
            help=f"with or without {text} (default: with)",
        )
    parser.epilog = "What is not said stays as the file was emitted before."


def run(args: argparse.Namespace) -> int:
    """Emit, or look whether the generated file is fresh."""
    require_torch()
    if _is_onnx(args):
        return _run_onnx(args)
    from torchlean_core.emit.options import dtype_expression
    from torchlean_core.emit.writer import emit_file

    changes: dict[str, object] = {
        "class_name": args.class_name,
        "dtype_expr": dtype_expression(args.dtype) if args.dtype is not None else None,
        "include_training_skeleton": args.include_training_skeleton,
        "learnable_consts": args.learnable_consts,
        "compress_broadcast_params": args.compress_broadcast_params,
        "literal_limit": args.literal_limit,
        "style": args.style,
        "names": args.names,
    }
    result = emit_file(args.artifact, args.output, args.params, changes, force=args.force, check=args.check)
    if args.check:
        return _told_state(args, result)
    if not args.quiet:
        if not result.written:
            out(args).print(f"{result.output}: fresh, nothing to do")
        else:
            weights = "" if result.weights is None else f" and its weights, {result.weights}"
            out(args).print(f"wrote {result.output}{weights}")
            if result.doubt is not None:
                err(args).print(f"warning: TL503 {result.doubt}")
            if result.kept is not None:
                err(args).print(f"the replaced text is kept as {result.kept}")
    return 0


def _told_state(args: argparse.Namespace, result: Emission) -> int:
    """Tell what a generated file is; returns 0 where it is fresh.

    Raises:
        UserError: It is not.
    """
    from torchlean_core.emit.provenance import State

    if result.before is State.FRESH:
        if not args.quiet:
            out(args).print(f"{result.output}: fresh")
        return 0
    reasons = {
        State.MISSING: "missing; run `torchlean emit`",
        State.STALE: f"TL511 stale: {' and '.join(result.changed)} changed since it was generated; "
        "run `torchlean emit`",
        State.EDITED: "TL512 edited by hand since it was generated; `torchlean emit --force` replaces it "
        "and keeps what was edited as .orig",
        State.FOREIGN: "was not generated by torchlean",
    }
    raise UserError(f"{result.output}: {reasons[result.before]}")


def _is_onnx(args: argparse.Namespace) -> bool:
    """Whether an ONNX file is asked for.

    Raises:
        UsageError: Style and name of the file contradict one another.
    """
    named = args.output is not None and args.output.suffix.lower() == f".{_ONNX}"
    if args.style is None:
        return named
    if args.output is not None and named != (args.style == _ONNX):
        wanted = "net.onnx" if args.style == _ONNX else "net.py"
        raise UsageError(f"--style {args.style} and {args.output}: name a file such as {wanted}")
    return bool(args.style == _ONNX)


def _run_onnx(args: argparse.Namespace) -> int:
    """Emit an ONNX file, or look whether it is fresh."""
    for name, option in _MODULES_ALONE.items():
        if getattr(args, name) is not None:
            raise UsageError(f"{option}: is of a module; an ONNX file has no such thing")
    if args.dtype not in (None, "float32", "torch.float32"):
        raise UsageError("--dtype: an ONNX file is written in float32")
    require_onnx()
    from torchlean_core.emit.onnx.file import emit_onnx
    from torchlean_core.emit.onnx.writer import OPSET

    result = emit_onnx(
        args.artifact, args.output, args.params, args.names, force=args.force, check=args.check
    )
    if args.check:
        return _told_state(args, result)
    if args.quiet:
        return 0
    verified = result.verified
    if verified is None:
        out(args).print(f"{result.output}: fresh, nothing to do")
        return 0
    nodes = f"{result.nodes} node{'' if result.nodes == 1 else 's'}"
    out(args).print(
        f"wrote {result.output}: {nodes}, opset {OPSET}; verified with {verified.by} on {verified.inputs} inputs, "
        f"largest relative difference {verified.error:.1e}"
    )
    if result.doubt is not None:
        err(args).print(f"warning: TL503 {result.doubt}")
    if result.kept is not None:
        err(args).print(f"the replaced file is kept as {result.kept}")
    return 0
