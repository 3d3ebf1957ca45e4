"""Emission of an ONNX file as an action on files: what the target is now, what to write, and what was compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from torchlean_core.artifact import load_graph, params_path
from torchlean_core.artifact.companions import stem
from torchlean_core.basics.reading import read_regular
from torchlean_core.emit.onnx.model import onnx_model
from torchlean_core.emit.onnx.verify import Verified, verify
from torchlean_core.emit.options import NAMES_OF
from torchlean_core.emit.provenance import Header, State, changed_sources, header_json, header_of
from torchlean_core.emit.writer import (
    Emission,
    doubt_of,
    expected_header,
    recorded_params,
    relative,
    required,
)
from torchlean_core.errors import UsageError
from torchlean_core.files import keep_aside, refuse_overwriting, replacing, require_regular
from torchlean_core.params.resolve import resolve
from torchlean_core.safekeeping.loss import Loss, WouldReplace

_PROVENANCE = "torchlean"
"""Key of the model's metadata that says where it came from."""

_MOST_FILE = 1 << 31
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class OnnxResult(Emission):
    """What the emission of an ONNX file did.

    Attributes:
        nodes: Number of nodes.
        verified: How it agrees with the interpreter; None where nothing was written.
    """

    nodes: int = 0
    verified: Verified | None = None


def onnx_path(artifact: Path) -> Path:
    """`m.onnx` beside the artifact."""
    return artifact.with_name(f"{stem(artifact)}.onnx")


def emit_onnx(
    artifact: Path,
    output: Path | None = None,
    params: Path | None = None,
    names: str | None = None,
    *,
    force: bool = False,
    check: bool = False,
) -> OnnxResult:
    """Emit an artifact as an ONNX file, after comparing it with the interpreter.

    Args:
        artifact: The artifact.
        output: The file to write; default beside the artifact.
        params: The parameter file; default as the file was emitted with, else beside the artifact.
        names: Whose names parameters have, one of `NAMES_OF`; default as the file was emitted with, else the model's
            where the artifact says those.
        force: Whether an edited or foreign file may be replaced (it is kept as `.orig`), and a fresh one written again.
        check: Whether to look only, and write nothing.

    Raises:
        UsageError: A file cannot be read or written.
        UserError: The artifact has errors, parameters are missing, ONNX has no exact form of a node, or what was made
            computes something else.
        WouldReplace: The file was edited, or was not generated.
    """
    target = output or onnx_path(artifact)
    old = _read(target)
    recorded = None if old is None else _header(old)
    file = params or (None if recorded is None else recorded_params(recorded, target, artifact))
    refuse_overwriting(target, artifact, file or params_path(artifact))
    chosen = names or _recorded_names(recorded)
    found = resolve(load_graph(artifact), artifact, file)
    program = found.program
    program.graph.require_one_input_shape()
    beside = file or params_path(artifact)
    store = required(found, str(beside))
    expected = expected_header(
        program, store, {"names": chosen}, relative(artifact, target), relative(beside, target)
    )
    before = State.MISSING if not target.exists() else _state(old, recorded, expected)
    if check or (before is State.FRESH and not force):
        changed = [] if recorded is None else _changes(recorded, expected)
        return OnnxResult(target, before, False, changed=tuple(changed))
    if before in (State.EDITED, State.FOREIGN) and not force:
        raise WouldReplace([_loss(target, before)], _refusal(target, before))
    model = onnx_model(program, store, of_model=chosen == _MODEL)
    onnx.checker.check_model(model, full_check=True)
    verified = verify(model, program, store)
    _sign(model, expected)
    kept = keep_aside(target) if before in (State.EDITED, State.FOREIGN) else None
    try:
        with replacing(target) as temporary:
            temporary.write_bytes(model.SerializeToString(deterministic=True))
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    doubt = doubt_of(store, expected, artifact)
    return OnnxResult(target, before, True, kept, (), doubt, len(model.graph.node), verified)


def _read(path: Path) -> onnx.ModelProto | None:
    """The model that a file holds; None where there is no file, or it holds none."""
    require_regular(path)
    try:
        content = read_regular(path, _MOST_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return None
    return model


def _header(model: onnx.ModelProto) -> Header | None:
    said = next((one.value for one in model.metadata_props if one.key == _PROVENANCE), None)
    return None if said is None else header_of(said)


def _recorded_names(header: Header | None) -> str:
    said = None if header is None else header.options.get("names")
    return said if said in NAMES_OF else _MODEL


def _sign(model: onnx.ModelProto, header: Header) -> None:
    """Write into a model where it came from."""
    said = header_json(replace(header, body_sha256=_body_hash(model)))
    model.metadata_props.add(key=_PROVENANCE, value=said)


def _body_hash(model: onnx.ModelProto) -> str:
    """SHA-256 of a model without what says where it came from."""
    others = [one for one in model.metadata_props if one.key != _PROVENANCE]
    if len(others) != len(model.metadata_props):
        kept = [(one.key, one.value) for one in others]
        whole = model
        model = onnx.ModelProto()
        model.CopyFrom(whole)
        del model.metadata_props[:]
        for key, value in kept:
            model.metadata_props.add(key=key, value=value)
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def _state(model: onnx.ModelProto | None, header: Header | None, expected: Header) -> State:
    if model is None or header is None:
        return State.FOREIGN
    if _body_hash(model) != header.body_sha256:
        return State.EDITED
    return State.STALE if _changes(header, expected) else State.FRESH


def _changes(header: Header, expected: Header) -> list[str]:
    changed = changed_sources(header, expected)
    if dict(header.options) != dict(expected.options):
        changed.append("the options")
    return changed


def _loss(target: Path, before: State) -> Loss:
    edited = before is State.EDITED
    return Loss(
        target, "a generated ONNX file that was edited" if edited else "a file that was not generated"
    )


def _refusal(target: Path, before: State) -> str:
    if before is State.EDITED:
        return (
            f"{target}: edited since it was generated; --force replaces it and keeps it as {target.name}.orig"
        )
    return (
        f"{target}: exists and was not generated by torchlean; name another file with -o "
        f"(for example -o {target.stem}_emitted.onnx), or replace it with --force"
    )
