"""Whether a generated module is what emitting its artifact now would write."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torchlean_core.artifact.companions import params_path
from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.emit.provenance import Header, changes_of, is_edited, read_header, recorded_options
from torchlean_core.emit.writer import used_params
from torchlean_core.errors import UserError
from torchlean_core.graph import Program
from torchlean_core.params import ParameterStore
from torchlean_core.params.resolve import is_inline, is_whole_inline, resolve


class Judgement(NamedTuple):
    """What is wrong with a generated module."""

    code: str
    message: str


def judge_module(
    text: str, module: Path, artifact: Path, program: Program | None, *, values: bool
) -> Judgement | None:
    """What is wrong with a generated module; None where it is fresh, or was not generated.

    Args:
        text: Its text.
        module: Where it is.
        artifact: Where its artifact is.
        program: The artifact as it is now; None where nothing can be computed with it.
        values: Whether the hash of a parameter file whose metadata have none may be computed, which reads it.
    """
    found = read_header(text)
    if found is None:
        return None
    header, body = found
    if is_edited(header, body):
        return Judgement("TL512", f"{module.name} was edited by hand since it was generated")
    if program is None:
        return None
    expected = Header(
        header.artifact,
        artifact_hash(program.graph),
        header.params,
        _params_hash(header, text, module, artifact, program, values),
        recorded_options(text).as_mapping(),
        header.body_sha256,
    )
    changed = changes_of(header, expected)
    if not changed:
        return None
    return Judgement(
        "TL511", f"{module.name} is stale: {' and '.join(changed)} changed since it was generated"
    )


def _params_hash(
    header: Header, text: str, module: Path, artifact: Path, program: Program, values: bool
) -> str | None:
    """The hash of the parameters as they are now; the recorded one where that cannot be told."""
    path = used_params(text, module, artifact) or params_path(artifact)
    if not program.parameters() or not path.is_file():
        return None
    if used_params(text, module, artifact) is None and is_inline(program):
        if is_whole_inline(program):
            return None
        try:  # the file has those that the artifact has not
            found = resolve(program.graph, artifact).store if values else None
            return header.params_sha256 if found is None else found.sha256
        except UserError:
            return None
    try:
        store = ParameterStore.load(path)
        return store.sha256 if values or "sha256" in store.metadata else header.params_sha256
    except UserError:
        return None  # what is wrong with it is said of the file itself
