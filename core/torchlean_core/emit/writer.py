"""Emission as an action on files: what is beside the artifact, what the target is now, what to write."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from torchlean_core.artifact import (
    artifact_hash,
    generated_module_path,
    load_graph,
    params_path,
    require_valid,
)
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
from torchlean_core.files import keep_aside, refuse_overwriting, require_regular, write_text
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params import ParameterStore
from torchlean_core.safekeeping.loss import Loss, WouldReplace


@dataclass(frozen=True, slots=True)
class EmitResult:
    """What an emission did.

    Attributes:
        output: The generated file.
        before: What the file was before.
        written: Whether it was written; a fresh file is left alone.
        kept: Where the replaced text of an edited or foreign file was kept, if there was any.
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
class _Sources:
    """Everything a module is made from, read once."""

    graph: Graph
    program: Program
    store: ParameterStore | None
    header: Header
    options: EmitOptions


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
    return _write(_sources(graph, store, options, artifact_name, params_name))


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
    return state_of(
        text, _load(artifact, target, file, recorded_options(text), named=params is not None).header
    )


def used_params(text: str, target: Path, artifact: Path) -> Path:
    """The parameter file of a generated module: the one it was made from, else the one beside the artifact."""
    found = read_header(text)
    if found is not None and found[0].params is not None:
        recorded = target.parent / found[0].params
        if recorded.is_file():
            return recorded
    return params_path(artifact)


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
    refuse_overwriting(target, artifact, file)
    given = {name: value for name, value in (changes or {}).items() if value is not None}
    options = EmitOptions.from_mapping({**recorded_options(text or "").as_mapping(), **given})
    sources = _load(artifact, target, file, options, named=params is not None)
    before = State.MISSING if text is None else state_of(text, sources.header)
    if check or (before is State.FRESH and not force):
        found = read_header(text or "")
        changed = changes_of(found[0], sources.header) if found is not None else []
        return EmitResult(target, before, False, changed=tuple(changed))
    doubt = _doubt(sources, artifact)
    if before in (State.EDITED, State.FOREIGN) and not force:
        raise WouldReplace([_loss(target, before)], _refusal(target, before), doubt)
    if doubt is not None and ask and not force:
        raise WouldReplace([], doubt=doubt)
    source = _write(sources, ruff)
    kept = keep_aside(target) if before in (State.EDITED, State.FOREIGN) else None
    try:
        write_text(target, source)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    return EmitResult(target, before, True, kept, doubt=doubt)


def _doubt(sources: _Sources, artifact: Path) -> str | None:
    """Whether the parameters were made for another version of the artifact (TL503), in words."""
    store = sources.store
    made_for = None if store is None else store.metadata.get("artifact")
    if store is None or made_for is None or made_for == sources.header.artifact_sha256:
        return None
    return f"{store.path.name} was made for another version of {artifact.name}"


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
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _load(artifact: Path, target: Path, file: Path, options: EmitOptions, *, named: bool) -> _Sources:
    graph = load_graph(artifact)
    store = ParameterStore.load(file) if named or file.exists() else None
    return _sources(graph, store, options, _relative(artifact, target), _relative(file, target), file)


def _sources(
    graph: Graph,
    store: ParameterStore | None,
    options: EmitOptions,
    artifact_name: str,
    params_name: str,
    params_file: Path | None = None,
) -> _Sources:
    graph.require_one_input_shape()
    program = lower(graph)
    needed = program.parameters()
    if not needed:
        store = None
    elif store is None:
        name = str(params_file) if params_file is not None else params_name
        raise UserError(
            f"TL501 no parameter file {name}: the artifact needs {len(needed)} "
            f"tensor{'s' if len(needed) > 1 else ''} (`{needed[0].name}`, …); run `torchlean init`, or name one "
            "with --params"
        )
    else:
        store.require(program)
    header = expected_header(graph, store, options, artifact_name, params_name)
    return _Sources(graph, program, store, header, options)


def expected_header(
    graph: Graph, store: ParameterStore | None, options: EmitOptions, artifact_name: str, params_name: str
) -> Header:
    """The header that emitting now would write, but for the hash of the body."""
    return Header(
        artifact_name,
        artifact_hash(graph),
        params_name if store is not None else None,
        store.sha256 if store is not None else None,
        options.as_mapping(),
        "",
    )


def _write(sources: _Sources, ruff: str | None = None) -> str:
    from torchlean_core.emit.source import body_source  # needs numpy; to judge a file does without

    source = body_source(sources.program, sources.store, sources.header.params, sources.options)
    body = format_source(source, ruff)
    return with_header(body, replace(sources.header, body_sha256=body_hash(body)))


def _relative(path: Path, target: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), target.resolve().parent)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
