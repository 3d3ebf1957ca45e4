"""`torchlean params`: tensors between files of several formats, and into and out of artifacts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact import artifact_hash, load_graph
from torchlean_core.artifact.companions import is_artifact_name
from torchlean_core.cli.console import say
from torchlean_core.environment.extras import require_torch
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting
from torchlean_core.graph import lower

if TYPE_CHECKING:
    from torchlean_core.params.files import Tensors


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
        "--names",
        choices=("artifact", "model"),
        default="artifact",
        help="names of the tensors: the artifact's, or those of the model that it was captured from, for "
        "`model.load_state_dict` (default: artifact)",
    )
    convert.add_argument(
        "--plain", action="store_true", help="JSON weights without shapes and types: {name: nested list}"
    )
    inline = actions.add_parser(
        "inline",
        help="put the parameters into the artifact (generalized dialect)",
        description="Put the parameters into the nodes of an artifact, as later TorchLean reads them: those of "
        "--params, or of the parameter file beside it.",
    )
    inline.add_argument("artifact", metavar="A", type=Path, help="the artifact")
    inline.add_argument("--params", metavar="P", type=Path, help="the file to take them from")
    extract = actions.add_parser(
        "extract",
        help="take the parameters out of the artifact, into the parameter file beside it",
        description="Take the parameters out of the nodes of an artifact, into the parameter file beside it.",
    )
    extract.add_argument("artifact", metavar="A", type=Path, help="the artifact")
    extract.add_argument("--force", action="store_true", help="replace other values in the parameter file")
    use = actions.add_parser(
        "use",
        help="make trained parameters those of the artifact",
        description="Make trained parameters those of the artifact: m.trained.safetensors becomes "
        "m.params.safetensors, or goes into the artifact where its parameters stand there. What is replaced is kept.",
    )
    use.add_argument("artifact", metavar="A", type=Path, help="the artifact")
    use.add_argument("--params", metavar="P", type=Path, help="another file to take them from")
    for parser_of_action in (convert, inline, extract, use):
        for option, words in (("--quiet", "print errors only"), ("--no-color", "no colours")):
            names = ("-q", option) if option == "--quiet" else (option,)
            parser_of_action.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=words)


def run(args: argparse.Namespace) -> int:
    """Convert or move; returns the exit code."""
    if args.action != "convert":
        return _move(args)
    require_torch()
    from torchlean_core.params.files import Format, format_for, read_tensors, require_floats, write_tensors
    from torchlean_core.params.model_names import without_prefixes

    if args.names == "model" and args.artifact is None:
        raise UsageError("--names model: --artifact says what the model's names are")

    source, out = args.input, args.out
    if args.plain and format_for(out) is not Format.JSON:
        raise UsageError("--plain: only .json files have a plain layout")
    format_for(out)
    refuse_overwriting(out, source, args.artifact)
    given = _in_artifact(source) or read_tensors(source)
    made = given.metadata.get("source") or f"converted from {source.name}"
    if args.artifact is not None:
        arrays = _of_artifact(args, given, made)
    else:
        arrays = without_prefixes(given.arrays, ())
        require_floats(source, arrays)
        write_tensors(out, arrays, given.metadata.get("artifact"), made, plain=args.plain)
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


def _move(args: argparse.Namespace) -> int:
    from torchlean_core.params.inline_file import extract_parameters, inline_parameters
    from torchlean_core.params.use import use_parameters

    if args.action == "inline":
        result = inline_parameters(args.artifact, args.params)
    elif args.action == "use":
        result = use_parameters(args.artifact, args.params)
    else:
        result = extract_parameters(args.artifact, force=args.force)
    if not args.quiet:
        say(f"torchlean: {result['message']}")
    return 0


def _in_artifact(path: Path) -> Tensors | None:
    """The parameters that stand in an artifact; None for another file, and one that holds none."""
    from torchlean_core.params.files import Format, Tensors
    from torchlean_core.params.held import inline_arrays
    from torchlean_core.params.resolve import is_inline

    if not is_artifact_name(path.name):
        return None
    program = lower(load_graph(path))
    if not is_inline(program):
        return None
    return Tensors(Format.JSON, inline_arrays(program, str(path)), {"source": f"taken out of {path.name}"})


def _of_artifact(args: argparse.Namespace, given: Tensors, made: str) -> dict[str, Any]:
    """Write the tensors of a file as parameters of an artifact, under its names or the model's; what was written."""
    from torchlean_core.params.files import Format, format_for, write_state, write_tensors
    from torchlean_core.params.format import as_array, write_store
    from torchlean_core.params.match import with_attention_scales
    from torchlean_core.params.model_names import to_model
    from torchlean_core.params.resolve import resolve
    from torchlean_core.params.take import take
    from torchlean_core.params.uses import spread

    found = resolve(load_graph(args.artifact), args.artifact)
    program = found.program
    taken = take(args.input, given, program, found.store)
    arrays = with_attention_scales(taken.arrays, program)
    if args.names == "model":
        carried = {name: as_array(content) for name, content in taken.carried.items()}
        state = to_model(arrays, carried, program)
        write_state(args.out, state.arrays, made)
        if state.missing and not args.quiet:
            words = f"; values computed of them are {', '.join(state.folded[:4])}" if state.folded else ""
            say(
                f"torchlean: warning: the model has more, of which nothing is known here, so load_state_dict needs "
                f"strict=False: {', '.join(state.missing[:8])}{words}"
            )
        return state.arrays
    if format_for(args.out) is Format.SAFETENSORS:
        uses, digest = program.further_uses(), artifact_hash(program.graph)
        try:
            write_store(args.out, arrays, digest, made, None, uses, taken.carried)
        except OSError as error:
            raise UsageError(f"{args.out}: {error.strerror or error}") from error
        return arrays
    # Readers of other files know of no views.
    whole = spread(arrays, program)
    write_tensors(args.out, whole, None, made, plain=args.plain)
    return whole
