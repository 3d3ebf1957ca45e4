"""Artifact files whose parameters are put in, taken out or replaced, and the parameter file beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlean_core.artifact import artifact_hash, params_path
from torchlean_core.artifact.hashing import captured_words, is_sealed, seal, sealed
from torchlean_core.artifact.load import graph_of, load_document
from torchlean_core.artifact.payload_text import Fields, with_fields
from torchlean_core.check.checker import check_document
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside, write_pieces
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params.content import Content, Origin, write_with_metadata
from torchlean_core.params.format import write_store
from torchlean_core.params.inline import MANY, numbers_in, payloads, require_inline
from torchlean_core.params.resolve import resolve
from torchlean_core.params.store import ParameterStore
from torchlean_core.text import Document, Numbers

if TYPE_CHECKING:
    import torch

    from torchlean_core.params.format import Array


def inline_parameters(artifact: Path, params: Path | None = None) -> dict[str, Any]:
    """Put the parameters of an artifact into it: those of a file that is named, or of the one beside it.

    The file beside it stays, with the same values, made for what the artifact is now: the model's other entries have no
    place in nodes. What only it had is kept as `.orig` where others take its place.

    Returns:
        `parameters`, `scalars`, `kept` (path, or null), `message`.

    Raises:
        UserError: There are none, they do not fit, or the dialect has no place for them.
        UsageError: A file cannot be read or written.
    """
    document = load_document(artifact)
    graph = graph_of(check_document(document), str(artifact))
    require_inline(graph.dialect)
    found = resolve(graph, artifact, params)
    program, store = found.program, found.store
    if store is None:
        raise UsageError(
            f"{params_path(artifact)} does not exist: there are no parameters to put into {artifact}"
        )
    store.require(program)
    arrays = {parameter.name: store.numpy(parameter.name) for parameter in program.parameters()}
    if not arrays:
        raise UserError(f"{artifact}: no node has parameters")
    is_captures = store.metadata.get("origin") == Origin.CAPTURE
    new = _write(artifact, document, graph, payloads(program, arrays), reseal=is_captures)
    kept = _follow(params_path(artifact), graph, new, arrays, store)
    scalars = sum(array.size for array in arrays.values())
    message = f"{artifact}: {len(arrays)} tensors, {scalars:,} scalars put into the file"
    if numbers_in(program) > MANY:
        message += "; that many are read and checked faster from a parameter file: `torchlean params extract`"
    if kept is not None:
        message += f"; {params_path(artifact).name} had others, which are kept as {kept.name}"
    return {
        "parameters": len(arrays),
        "scalars": scalars,
        "kept": None if kept is None else str(kept),
        "message": message,
    }


def extract_parameters(artifact: Path, *, force: bool = False) -> dict[str, Any]:
    """Take the parameters out of an artifact, into the parameter file beside it.

    Returns:
        `parameters`, `scalars`, `output`, `message`.

    Raises:
        UserError: It holds none; or the file beside it has others, unless `force`.
        UsageError: A file cannot be read or written.
    """
    document = load_document(artifact)
    graph = graph_of(check_document(document), str(artifact))
    found = resolve(graph, artifact)
    program, store = found.program, found.store
    holders = [node.id for node in graph.nodes if node.inline]
    if not holders or store is None:
        raise UserError(f"{artifact}: holds no parameters")
    if found.issues and not force:
        raise UserError(
            f"{found.issues[0].code} {found.issues[0].message}; --force replaces those in the file"
        )
    store.require(program)
    out = params_path(artifact)
    arrays = {parameter.name: store.numpy(parameter.name) for parameter in program.parameters()}
    carried = store.carried()
    origin = Origin.CAPTURE if is_sealed(graph) else None
    source = captured_words(graph) if origin is not None else store.metadata.get("source", artifact.name)
    changes: dict[int, dict[str, str | None]] = {}
    for node in graph.nodes:
        if node.inline:
            # An epsilon means the same without the rest; everything else goes.
            kind = graph.dialect.kind(node.kind)
            extras = getattr(kind, "extras", ())
            changes[node.id] = {name: None for name in node.inline if name not in extras}
    _store(out, lower(_changed(graph, changes), list(arrays)), arrays, source, origin, carried)
    _write(artifact, document, graph, changes, reseal=True)
    scalars = sum(array.size for array in arrays.values())
    return {
        "parameters": len(arrays),
        "scalars": scalars,
        "output": str(out),
        "message": f"{artifact}: {len(arrays)} tensors, {scalars:,} scalars taken out, into {out.name}",
    }


def write_inline(
    artifact: Path,
    program: Program,
    tensors: Mapping[str, torch.Tensor],
    source: str,
    origin: Origin | None,
    carried: Mapping[str, Content],
) -> str:
    """Write tensors where the parameters of an artifact are: into the nodes that hold theirs, others into the store.

    Returns:
        The hash of the artifact as it is now.

    Raises:
        UserError: A value is no finite number.
        UsageError: A file cannot be written.
    """
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    graph = program.graph
    holders = [node.id for node in graph.nodes if node.inline]
    new = _write(artifact, load_document(artifact), graph, payloads(program, arrays, holders), reseal=False)
    held = {use.parameter.name for use in program.uses() if use.inline is not None}
    out = params_path(artifact)
    beside = set(ParameterStore.load(out).names) if out.exists() else set()
    rest = {name: array for name, array in arrays.items() if name not in held or name in beside}
    if rest or carried:
        _store(out, lower(new, list(arrays)), rest, source, origin, carried)
    return artifact_hash(new)


def _write(
    artifact: Path, document: Document, graph: Graph, changes: Mapping[int, Fields], *, reseal: bool
) -> Graph:
    """Write other fields into nodes; the artifact as it is then.

    Args:
        artifact: The file.
        document: Its text.
        graph: What the text says.
        changes: The fields by the place of their node.
        reseal: Whether an artifact that is as capture wrote it stays so, with what was only moved.
    """
    new = _changed(graph, changes)
    pieces = with_fields(document, changes)
    if reseal and is_sealed(graph):
        before, after = seal(graph), seal(sealed(new))
        pieces = (piece.replace(before, after) for piece in pieces)
    try:
        write_pieces(artifact, pieces)
    except OSError as error:
        raise UsageError(f"{artifact}: cannot be written ({error.strerror or error})") from error
    return new


def _changed(graph: Graph, changes: Mapping[int, Fields]) -> Graph:
    """A graph whose nodes have other inline fields, given as their texts."""
    nodes = []
    for node in graph.nodes:
        inline = dict(node.inline)
        kind = graph.dialect.kind(node.kind)
        tensors = {spec.role for spec in kind.params} if kind is not None else set()
        for name, text in changes.get(node.id, {}).items():
            if text is None:
                inline.pop(name, None)
            else:
                inline[name] = Numbers(text) if name in tensors else json.loads(text)
        extra = {name: value for name, value in node.extra.items() if name not in inline}
        nodes.append(replace(node, inline=inline, extra=extra))
    return replace(graph, nodes=tuple(nodes))


def _store(
    path: Path,
    program: Program,
    arrays: Mapping[str, Array],
    source: str,
    origin: Origin | None,
    carried: Mapping[str, Content],
) -> None:
    try:
        write_store(
            path, arrays, artifact_hash(program.graph), source, origin, program.further_uses(), carried
        )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _follow(
    path: Path, before: Graph, after: Graph, arrays: Mapping[str, Array], source: ParameterStore
) -> Path | None:
    """Make the parameter file beside an artifact agree with what the artifact holds now.

    Returns:
        Where its values are kept, if they were others.
    """
    if not path.exists():
        return None
    store = ParameterStore.load(path)
    others = [
        name
        for name, array in arrays.items()
        if name in store.tensors and not np.array_equal(store.numpy(name), array, equal_nan=True)
    ]
    if others:
        kept = keep_aside(path)
        made = source.metadata.get("source", f"as in {source.path.name}")
        _store(path, lower(after, list(arrays)), arrays, made, None, store.carried())
        return kept
    if store.metadata.get("artifact") == artifact_hash(before):
        _renew(path, store, after)
    return None


def _renew(path: Path, store: ParameterStore, graph: Graph) -> None:
    """Say in a parameter file that it was made for a graph."""
    content = {
        name: Content(info.dtype, info.shape, memoryview(b"".join(store.pieces(name))))
        for name, info in store.tensors.items()
    }
    metadata = {key: value for key, value in store.metadata.items() if key != "sha256"}
    try:
        write_with_metadata(path, content, {**metadata, "artifact": artifact_hash(graph)})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
