"""A file of tensors as the parameters of an artifact, whatever names it has: the artifact's own, or the model's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.graph import Program
from torchlean_core.params.content import Content
from torchlean_core.params.files import Tensors
from torchlean_core.params.format import as_array, as_content
from torchlean_core.params.match import match_tensors
from torchlean_core.params.model_names import ModelState, from_model, is_of_model, without_prefixes
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.uses import gathered

if TYPE_CHECKING:
    from torchlean_core.params.format import Array


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of an artifact.

    Attributes:
        arrays: By the artifact's names.
        carried: Entries of the model's `state_dict` without a place among them.
        of_model: Whether they came under the model's names.
    """

    arrays: dict[str, Array]
    carried: dict[str, Content]
    of_model: bool


def take(
    path: Path,
    given: Tensors,
    program: Program,
    existing: ParameterStore | None,
    optional: Collection[str] = (),
) -> Parameters:
    """The tensors of a file as the parameters of a program.

    Args:
        path: The file.
        given: What it holds.
        program: The program.
        existing: Parameters of the program as they were: what a model has no name for stays as there.
        optional: Names that may be missing.

    Raises:
        UserError: Tensors are missing, extra, of another shape or type, or do not agree; the first few are named.
    """
    where = str(path)
    state = ModelState.of(program)
    ours = {use.name for use in program.uses()} | set(program.without)
    stripped = without_prefixes({**given.arrays, **given.carried}, {*ours, *state.names})
    further = {name: array for name, array in stripped.items() if name in state.further}
    arrays = {name: array for name, array in stripped.items() if name not in further}
    before = {} if existing is None else existing.carried()
    carried = {**before, **{name: as_content(array) for name, array in further.items()}}
    if not is_of_model(stripped, program):
        found = match_tensors(where, gathered(arrays, program, where), program, optional)
        return Parameters(found, _known(carried, state), of_model=False)
    known = {name: as_array(content) for name, content in before.items()}
    if existing is not None:
        stored = {p.model: p.name for p in program.parameters() if p.name in existing.tensors}
        known.update((model, existing.numpy(name)) for model, name in stored.items() if model in state.folded)
    taken = from_model(where, {**arrays, **further}, program, known)
    rest = {} if existing is None else {n: existing.numpy(n) for n in taken.left if n in existing.tensors}
    found = match_tensors(where, {**taken.arrays, **rest}, program, optional)
    carried.update((name, as_content(array)) for name, array in taken.carried.items())
    return Parameters(found, _known(carried, state), of_model=True)


def _known(carried: Mapping[str, Content], state: ModelState) -> dict[str, Content]:
    return {name: content for name, content in carried.items() if name in state.further}
