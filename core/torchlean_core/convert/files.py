"""An artifact file in the other dialect: read, converted, and written with its parameters, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlean_core.artifact import artifact_hash, load_graph, params_path, parse_graph, serialize_graph
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.convert.graph import Converted, convert_graph
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside, refuse_overwriting, replacing
from torchlean_core.graph import Graph, lower
from torchlean_core.kinds import Dialect
from torchlean_core.params.content import Content, Origin
from torchlean_core.params.resolve import resolve
from torchlean_core.params.store import ParameterStore
from torchlean_core.safekeeping.find import lost_by_writing_params

if TYPE_CHECKING:
    from torchlean_core.params.format import Array


class Written(NamedTuple):
    """What a conversion wrote.

    Attributes:
        output: The artifact.
        params: The parameter file beside it, where one was written.
        kept: Where the parameter file that stood there is kept, where that held somebody's work.
        replaced: Where the file that stood in the artifact's place is kept, where it was another.
        nodes: Number of nodes.
        notes: What is worth knowing, in words.
    """

    output: Path
    params: Path | None
    kept: Path | None
    nodes: int
    notes: tuple[str, ...]
    replaced: Path | None = None


def convert_file(
    artifact: Path, out: Path, dialect: Dialect, params: Path | None = None, output: int | None = None
) -> Written:
    """Convert an artifact, with its parameters where there are any.

    Args:
        artifact: The artifact.
        out: Where to write it; parameters that the dialect has no place for go beside it.
        dialect: The dialect to write.
        params: The file of its parameters; None: those in the artifact and in the file beside it, if there are any.
        output: Place of the output to keep, where the dialect has one.

    Raises:
        ConversionRefused: It has no exact counterpart; nothing is written.
        UserError: It has errors, or the parameters do not fit it; nothing is written.
        UsageError: A file cannot be read or written, or the output is one of the inputs.
    """
    refuse_overwriting(out, artifact, params)
    beside, ours = params_path(artifact), params_path(out)
    graph = load_graph(artifact)
    store, notes = _parameters(graph, artifact, params)
    found = convert_graph(graph, dialect, store, output)
    carried = {} if store is None else store.carried()
    if found.tensors:
        refuse_overwriting(ours, artifact, params, beside)
    if real(ours) == real(beside) and (found.tensors or beside.exists()):
        raise UsageError(
            f"{out}: its parameter file would be {ours.name}, which is that of {artifact}; give it another name"
        )
    made = f"converted from {artifact.name}"
    if store is not None:
        made = store.metadata.get("source", made)
    written = write_converted(found, out, made, carried)
    return written._replace(notes=(*notes, *written.notes))


def write_converted(found: Converted, out: Path, source: str, carried: Mapping[str, Content]) -> Written:
    """Write a graph that was converted and, beside it, its parameters: both or none.

    Args:
        found: The graph.
        out: The artifact's file.
        source: Where the parameters come from, in words.
        carried: Entries of the model's `state_dict` that go with the parameters.

    Raises:
        UserError: What would be written has errors.
        UsageError: A file cannot be written.
    """
    try:
        text = serialize_graph(found.graph)
    except (TypeError, ValueError) as error:  # a number with too many digits to be expanded
        raise UserError(f"an extra field holds a number that cannot be written: {error}") from error
    parse_graph(text, f"the conversion for {out}")
    ours, kept = params_path(out), None
    replaced = keep_aside(out) if _is_another(out, text) else None
    if found.tensors and lost_by_writing_params(ours):
        kept = keep_aside(ours)
    try:
        with replacing(out) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
            if found.tensors:
                _write_store(ours, found, source, carried)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror or error})") from error
    notes = tuple(_doubts(found, ours, carried))
    return Written(out, ours if found.tensors else None, kept, len(found.graph.nodes), notes, replaced)


def _is_another(path: Path, text: str) -> bool:
    """Whether a file holds something, and not a text."""
    return (
        path.is_file()
        and path.stat().st_size > 0
        and read_regular(path, MOST_ARTIFACT) != text.encode("utf-8")
    )


def _parameters(graph: Graph, artifact: Path, params: Path | None) -> tuple[ParameterStore | None, list[str]]:
    """The parameters of an artifact, and what is doubtful about them.

    Raises:
        UsageError: A file cannot be read.
        UserError: It is no file of parameters, or the artifact holds other values than the file beside it.
    """
    from torchlean_core.params.files import Format, format_of

    if params is not None and format_of(params) is not Format.SAFETENSORS:
        return _taken(graph, params), []
    found = resolve(graph, artifact, params)
    if found.issues:
        raise UserError(f"{artifact}: {found.issues[0].code} {found.issues[0].message}")
    if found.store is None:
        return None, []
    issues = found.store.validate(found.program, values=False)
    return found.store, [f"{one.code} {one.message}" for one in issues if not one.is_error]


def _taken(graph: Graph, params: Path) -> ParameterStore:
    """Parameters of a file in another format than safetensors, under the artifact's names or the model's."""
    from torchlean_core.params.files import read_tensors
    from torchlean_core.params.held import HeldStore
    from torchlean_core.params.match import with_attention_scales
    from torchlean_core.params.take import take

    given = read_tensors(params)
    program = lower(graph, list(given.arrays))
    taken = take(params, given, program, None)
    return HeldStore(params, with_attention_scales(taken.arrays, program), None)


def _write_store(path: Path, found: Converted, source: str, carried: Mapping[str, Content]) -> None:
    import numpy as np

    from torchlean_core.params.format import write_store

    program = lower(found.graph)
    arrays: dict[str, Array] = dict(found.tensors)
    for name, absent in program.without.items():
        arrays[name] = np.full(absent.parameter.shape, absent.neutral, dtype=np.float32)
    uses: dict[str, Any] = program.further_uses()
    write_store(path, arrays, artifact_hash(found.graph), source, Origin.CONVERT, uses, carried)


def _doubts(found: Converted, params: Path, carried: Mapping[str, Content]) -> list[str]:
    notes = []
    if not found.is_whole:
        notes.append(
            f"{params.name} holds the constants that conversion put in; the parameters themselves are not known: "
            "`torchlean init --force` adds them"
        )
    if not found.tensors and carried:
        names = ", ".join(sorted(carried)[:4])
        notes.append(f"entries of the model's state_dict that no node uses are left out: {names}")
    if not found.tensors and params.exists():
        notes.append(f"{params.name} stands beside it, and is no part of this conversion")
    return notes
