"""Where an artifact's parameters are: in a file that was named, in the artifact itself, in the file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torchlean_core.artifact.companions import params_path
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params.held import HeldStore, inline_arrays
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.validate import ParamIssue


class Resolved(NamedTuple):
    """An artifact with its parameters.

    Attributes:
        program: The lowered artifact.
        store: Its parameters; None where there are none anywhere.
        issues: Tensors that stand in both places with other values (TL502): the artifact's count.
    """

    program: Program
    store: ParameterStore | None
    issues: tuple[ParamIssue, ...] = ()


def resolve(graph: Graph, artifact: Path, params: Path | None = None) -> Resolved:
    """The parameters of a graph: a file that is named counts alone; else the artifact, then the file beside it.

    Args:
        graph: The artifact.
        artifact: Where it is.
        params: The file that was named.

    Raises:
        UsageError: The file that was named cannot be read.
        UserError: A file is not a parameter file, or copies of one tensor in the artifact do not agree.
    """
    path = params_path(artifact) if params is None else params
    base = ParameterStore.load(path) if params is not None or path.exists() else None
    program = lower(graph, () if base is None else base.names)
    if params is not None:
        return Resolved(program, base)
    arrays = inline_arrays(program, str(artifact))
    if not arrays:
        return Resolved(program, base)
    store = HeldStore(artifact, arrays, base)
    return Resolved(program, store, _conflicts(program, store))


def is_inline(program: Program) -> bool:
    """Whether any parameter stands in the artifact."""
    return any(use.inline is not None for use in program.uses())


def is_whole_inline(program: Program) -> bool:
    """Whether all parameters stand in the artifact."""
    return is_inline(program) and all(use.inline is not None for use in program.uses())


def _conflicts(program: Program, store: HeldStore) -> tuple[ParamIssue, ...]:
    base = store.base
    if base is None:
        return ()
    import numpy as np

    found = []
    for parameter in program.parameters():
        name = parameter.name
        if name not in store.held or name not in base.tensors:
            continue
        ours, theirs = store.numpy(name), base.numpy(name)
        if ours.shape != theirs.shape or not np.array_equal(ours, theirs.astype(ours.dtype), equal_nan=True):
            message = (
                f"{parameter.owner}: {name} stands in the artifact and, with other values, in {base.path.name}: "
                "the artifact's count"
            )
            found.append(ParamIssue("TL502", message, parameter.node, name))
    return tuple(found)
