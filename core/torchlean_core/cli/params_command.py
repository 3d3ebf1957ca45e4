"""`torchlean params convert`: tensors between parameter files, TorchLean's JSON weights and checkpoints."""

from __future__ import annotations

import argparse
from pathlib import Path

from torchlean_core.artifact import artifact_hash, load_graph
from torchlean_core.cli.console import say
from torchlean_core.errors import UsageError
from torchlean_core.extras import require_torch
from torchlean_core.files import refuse_overwriting
from torchlean_core.graph import lower


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    text = "convert between safetensors, TorchLean's JSON weights and PyTorch checkpoints"
    convert = actions.add_parser(
        "convert",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. The input's format is told by its content, the output's by its "
        "name: .safetensors, .json, or .pt, .pth, .ckpt, .bin for a plain state_dict.",
    )
    convert.add_argument("input", metavar="IN", type=Path, help="the file to read")
    convert.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="the file to write")
    convert.add_argument(
        "--artifact",
        metavar="A",
        type=Path,
        help="check that the tensors are the parameters of this artifact",
    )
    convert.add_argument(
        "--plain", action="store_true", help="JSON weights without shapes and types: {name: nested list}"
    )
    for option, words in (("--quiet", "print errors only"), ("--no-color", "no colours")):
        names = ("-q", option) if option == "--quiet" else (option,)
        convert.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=words)


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    require_torch()
    from torchlean_core.params.files import Format, format_for, read_tensors, require_floats, write_tensors

    source, out = args.input, args.out
    if args.plain and format_for(out) is not Format.JSON:
        raise UsageError("--plain: only .json files have a plain layout")
    format_for(out)
    refuse_overwriting(out, source, args.artifact)
    given = read_tensors(source)
    arrays, artifact = given.arrays, given.metadata.get("artifact")
    if args.artifact is not None:
        from torchlean_core.params.match import match_tensors, with_attention_scales

        program = lower(load_graph(args.artifact))
        arrays = with_attention_scales(match_tensors(str(source), arrays, program), program)
        artifact = artifact_hash(program.graph)
    require_floats(source, arrays)
    made = given.metadata.get("source") or f"converted from {source.name}"
    write_tensors(out, arrays, artifact, made, plain=args.plain)
    if not args.quiet:
        if given.left_out:
            say(
                f"torchlean: note: step counters are no parameters; left out: {', '.join(given.left_out[:8])}"
            )
        scalars = sum(array.size for array in arrays.values())
        say(
            f"torchlean: wrote {out}: {len(arrays)} tensors, {scalars:,} scalars ({given.format.value} to "
            f"{format_for(out).value})"
        )
    return 0
