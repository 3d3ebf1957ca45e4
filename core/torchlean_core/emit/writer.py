"""Emission as an action on files: what is beside the artifact, what the target is now, what to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torchlean_core.artifact import (
    artifact_hash,
    generated_module_path,
    load_graph,
    params_path,
    require_valid,
)
from torchlean_core.artifact.companions import WEIGHTS
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_lines
from torchlean_core.check.findings import NEEDS_PARAMS, PLAIN
from torchlean_core.emit.class_name import class_name_of
from torchlean_core.emit.formatter import format_source
from torchlean_core.emit.options import EmitOptions
from torchlean_core.emit.provenance import (
    Header,
    State,
    body_hash,
    changes_of,
    is_edited,
    read_header,
    recorded_options,
    state_of,
    with_header,
)
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside, refuse_overwriting, relative_path, require_regular, write_text
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params import ParameterStore
from torchlean_core.params.content import Origin
from torchlean_core.params.held import HeldStore
from torchlean_core.params.resolve import Resolved, is_whole_inline, resolve
from torchlean_core.safekeeping.loss import Loss, WouldReplace


@dataclass(frozen=True, slots=True)
class Emission:
    """What an emission did, whatever it writes.

    Attributes:
        output: The generated file.
        before: What the file was before.
        written: Whether it was written; a fresh file is left alone.
        kept: Where the replaced content of an edited or foreign file was kept, if there was any.
        changed: What changed since a stale file was written, in words.
        doubt: What the parameters that were used are suspected of (TL503), if anything.
    """

    output: Path
    before: State
    written: bool
    kept: Path | None = None
    changed: tuple[str, ...] = ()
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class EmitResult(Emission):
    """What the emission of a module did.

    Attributes:
        weights: The file beside it that values of the artifact were written to, if they are too many for a module.
    """

    weights: Path | None = None


@dataclass(frozen=True, slots=True)
class _Sources:
    """Everything a module is made from, read once.

    Attributes:
        weights: The file beside the module that values of the artifact are written to, if they are too many for
            literals; None where the store is a file that the module can read itself.
    """

    graph: Graph
    program: Program
    store: ParameterStore | None
    header: Header
    options: EmitOptions
    weights: str | None = None


def emit_source(
    graph: Graph,
    store: ParameterStore | None,
    options: EmitOptions,
    *,
    artifact_name: str = "artifact.ir.json",
    params_name: str = "artifact.params.safetensors",
) -> str:
    """Source of a whole generated file, formatted; equal input gives equal bytes.

    Args:
        graph: A graph; one that was built in Python is checked as a file would be.
        store: Its parameters; may be None where it has none.
        options: See there.
        artifact_name: The artifact as the header names it.
        params_name: The parameter file as seen from the module's folder.

    Raises:
        GraphError: The graph has errors.
        UserError: Parameters are missing or do not fit, or inputs have different shapes.
    """
    require_valid(graph)
    program = lower(graph, () if store is None else store.names)
    return _write(_sources(Resolved(program, store), options, artifact_name, params_name))[0]


def module_state(artifact: Path, output: Path | None = None, params: Path | None = None) -> State:
    """What the generated module of an artifact is now, with the options it was emitted with.

    Raises:
        UserError: The artifact has errors, or the parameters do not fit.
    """
    target = output or generated_module_path(artifact)
    text = _read(target)
    if text is None:
        return State.MISSING
    file = params or used_params(text, target, artifact)
    sources = _load(load_graph(artifact), artifact, target, file, recorded_options(text))
    return state_of(text, _as_recorded(sources.header, text))


def used_params(text: str, target: Path, artifact: Path) -> Path | None:
    """The parameter file that a generated module was made from, where that is not what the artifact has by itself."""
    found = read_header(text)
    return None if found is None else recorded_params(found[0], target, artifact)


def recorded_params(header: Header, target: Path, artifact: Path) -> Path | None:
    """The parameter file that a header names, where that is not what the artifact has by itself."""
    if real(target.parent / header.artifact) != real(artifact):
        return None
    if header.params is not None and header.params_sha256 is not None:
        recorded = target.parent / header.params
        if recorded.is_file() and real(recorded) != real(params_path(artifact)):
            return recorded
    return None


def emit_file(
    artifact: Path,
    output: Path | None = None,
    params: Path | None = None,
    changes: dict[str, object] | None = None,
    *,
    force: bool = False,
    check: bool = False,
    ruff: str | None = None,
    ask: bool = False,
) -> EmitResult:
    """Emit the module of an artifact file.

    Args:
        artifact: The artifact.
        output: The file to write; default beside the artifact.
        params: The parameter file; default beside the artifact.
        changes: Options that differ from those the file was emitted with (or from the defaults).
        force: Whether an edited or foreign file may be replaced (it is kept as `.orig`), and a fresh one written
            again, as a newer version of this program may write it otherwise.
        check: Whether to look only, and write nothing.
        ruff: The program that formats; this interpreter's where None.
        ask: Whether parameters that were made for another version of the artifact are refused, too, unless `force`.

    Raises:
        UsageError: A file cannot be read, or the options are wrong.
        UserError: The artifact has errors, or parameters are missing.
        WouldReplace: The file was edited by hand, or was not generated; or, with `ask`, the parameters are doubtful.
    """
    target = output or generated_module_path(artifact)
    text = _read(target)
    file = params or used_params(text or "", target, artifact)
    refuse_overwriting(target, artifact, file or params_path(artifact))
    given = {name: value for name, value in (changes or {}).items() if value is not None}
    graph = load_graph(artifact)
    recorded = recorded_options(text or "").as_mapping()
    if read_header(text or "") is None:  # nothing was emitted here before
        recorded["class_name"] = class_name_of(graph)
    options = EmitOptions.from_mapping({**recorded, **given})
    sources = _load(graph, artifact, target, file, options)
    before = State.MISSING if text is None else state_of(text, _as_recorded(sources.header, text))
    if before is State.FRESH and _lacks_weights(text or "", target):
        before = State.STALE
    if check or (before is State.FRESH and not force):
        found = read_header(text or "")
        changed = changes_of(found[0], _as_recorded(sources.header, text or "")) if found is not None else []
        return EmitResult(target, before, False, changed=tuple(changed))
    doubt = doubt_of(sources.store, sources.header, artifact)
    if before in (State.EDITED, State.FOREIGN) and not force:
        raise WouldReplace([_loss(target, before)], _refusal(target, before), doubt)
    if doubt is not None and ask and not force:
        raise WouldReplace([], doubt=doubt)
    source, weights = _write(sources, ruff)
    if weights:
        require_replaceable(weights_path(target))
    kept = keep_aside(target) if before in (State.EDITED, State.FOREIGN) else None
    try:
        if weights:
            _write_weights(sources, weights_path(target))
        write_text(target, source)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    return EmitResult(target, before, True, kept, (), doubt, weights_path(target) if weights else None)


def doubt_of(store: ParameterStore | None, header: Header, artifact: Path) -> str | None:
    """Whether parameters were made for another version of the artifact (TL503), in words."""
    made_for = None if store is None else store.metadata.get("artifact")
    if store is None or made_for is None or made_for == header.artifact_sha256:
        return None
    return f"{store.file_name} was made for another version of {artifact.name}"


def _as_recorded(header: Header, text: str) -> Header:
    """The header with the file of weights that a module names, whose values the artifact's hash covers."""
    found = read_header(text)
    if found is None or header.params is not None or found[0].params_sha256 is not None:
        return header
    return replace(header, params=found[0].params)


def _lacks_weights(text: str, target: Path) -> bool:
    """Whether the file is gone that a module reads the values of its artifact from."""
    found = read_header(text)
    if found is None or found[0].params is None or found[0].params_sha256 is not None:
        return False
    return not (target.parent / found[0].params).is_file()


def lost_by_emit(target: Path) -> list[Loss]:
    """What of a person's work an emission would replace."""
    text = _read(target)
    found = None if text is None else read_header(text)
    if text is None or (found is not None and not is_edited(*found)):
        return []
    return [_loss(target, State.FOREIGN if found is None else State.EDITED)]


def _loss(target: Path, before: State) -> Loss:
    what = "a generated module that was edited by hand"
    return Loss(target, what if before is State.EDITED else "a file that was not generated")


def _refusal(target: Path, before: State) -> str:
    if before is State.EDITED:
        return (
            f"{target}: edited by hand since it was generated; --force replaces it and keeps the edited text "
            f"as {target.name}.orig"
        )
    return (
        f"{target}: exists and was not generated by torchlean; name another file with -o "
        f"(for example -o {target.stem}_module.py), or replace it with --force"
    )


def _read(path: Path) -> str | None:
    require_regular(path)
    try:
        return read_lines(path, MOST_SOURCE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _load(graph: Graph, artifact: Path, target: Path, params: Path | None, options: EmitOptions) -> _Sources:
    """The sources of a module; `params` only where a file was named."""
    graph.require_one_input_shape()
    file = params or params_path(artifact)
    found = resolve(graph, artifact, params)
    return _sources(
        found, options, relative(artifact, target), relative(file, target), file, weights_path(target).name
    )


def weights_path(module: Path) -> Path:
    """Where values of an artifact go that are too many for a module: `m.weights.safetensors`."""
    return module.with_name(f"{module.stem}{WEIGHTS}")


def _sources(
    found: Resolved,
    options: EmitOptions,
    artifact_name: str,
    params_name: str,
    params_file: Path | None = None,
    weights: str | None = None,
) -> _Sources:
    program = found.program
    program.graph.require_one_input_shape()
    store = required(found, str(params_file) if params_file is not None else params_name)
    header = expected_header(program, store, options.as_mapping(), artifact_name, params_name)
    held = weights if isinstance(store, HeldStore) else None
    return _Sources(program.graph, program, store, header, options, held)


def required(found: Resolved, name: str) -> ParameterStore | None:
    """The parameters of a program, all of them; None where it needs none.

    Args:
        found: The program, with what there is.
        name: The parameter file, for a message.

    Raises:
        UserError: Some are missing, or do not fit.
    """
    program, store = found.program, found.store
    needed = program.parameters()
    if not needed:
        return None
    if store is None:
        message = (
            f"TL501 no parameter file {name}: the artifact needs {len(needed)} "
            f"tensor{'s' if len(needed) > 1 else ''} (`{needed[0].name}`, …)"
        )
        error = UserError(f"{message}; run `torchlean init`, or name one with --params")
        error.data = {PLAIN: message, NEEDS_PARAMS: True}
        raise error
    store.require(program)
    return store


def expected_header(
    program: Program,
    store: ParameterStore | None,
    options: Mapping[str, object],
    artifact_name: str,
    params_name: str,
) -> Header:
    """The header that emitting now would write, but for the hash of the body.

    Values that stand in the artifact count in its hash, and need none of their own.
    """
    held = isinstance(store, HeldStore) and is_whole_inline(program)
    return Header(
        artifact_name,
        artifact_hash(program.graph),
        params_name if store is not None and not held else None,
        store.sha256 if store is not None and not held else None,
        options,
        "",
    )


def _write(sources: _Sources, ruff: str | None = None) -> tuple[str, bool]:
    """The whole text, and whether it reads the file of `_Sources.weights`."""
    from torchlean_core.emit.source import body_source  # needs numpy; to judge a file does without

    name = sources.weights or sources.header.params
    source = body_source(sources.program, sources.store, name, sources.options)
    uses_weights = sources.weights is not None and "weights = read_weights(" in source
    header = replace(sources.header, params=sources.weights) if uses_weights else sources.header
    body = format_source(source, ruff)
    return with_header(body, replace(header, body_sha256=body_hash(body))), uses_weights


def require_replaceable(path: Path) -> None:
    """Refuse to write weights over a file that no emission wrote.

    Raises:
        UserError: There is such a file.
    """
    if not path.exists():
        return
    if ParameterStore.load(path).metadata.get("origin") != Origin.EMIT.value:
        raise UserError(f"{path}: exists, and was not written by `torchlean emit`; move it away")


def _write_weights(sources: _Sources, path: Path) -> None:
    from torchlean_core.params.format import write_store

    store, program = sources.store, sources.program
    assert store is not None, "what is written has values"
    arrays = {parameter.name: store.numpy(parameter.name) for parameter in program.parameters()}
    digest = artifact_hash(program.graph)
    write_store(path, arrays, digest, f"emitted from {sources.header.artifact}", Origin.EMIT)


def relative(path: Path, target: Path) -> str:
    """The way to a file as the folder of a generated one sees it."""
    return relative_path(real(path), real(target).parent)
