"""A captured model's own names: its `state_dict` as the parameters of the artifact, and back (semantics section 2a)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UserError
from torchlean_core.graph import Graph, Program

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What data parallelism, compilation and training frameworks put in front of the names of a model."""

_SHOWN = 4
FOLDED = "folded."
"""What names begin with of values that were computed of the model's parameters, in a `state_dict` that is written."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """What an artifact says of its model's `state_dict`.

    Attributes:
        names: Its entries, in order.
        tied: Names whose tensor has an earlier one: that.
        folded: Entries that constants of the artifact were computed from.
        further: Entries that are no parameters of the artifact.
    """

    names: tuple[str, ...] = ()
    tied: Mapping[str, str] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    further: tuple[str, ...] = ()

    @classmethod
    def of(cls, program: Program) -> ModelState:
        """From the extra field `captured_from.state`; without it, the names that parameters have."""
        own = [p.model for p in program.parameters() if p.model is not None]
        recorded = _recorded(program.graph)
        names, tied = recorded.get("names"), recorded.get("tied")
        folded = recorded.get("folded")
        known = tuple(names) if _is_texts(names) else tuple(own)
        ties = dict(tied) if isinstance(tied, dict) and _is_texts(list(tied.values())) else {}
        return cls(
            known,
            ties,
            tuple(folded) if _is_texts(folded) else (),
            tuple(name for name in known if name not in own and name not in ties),
        )


def _recorded(graph: Graph) -> Mapping[str, Any]:
    captured = graph.extra.get("captured_from")
    state = captured.get("state") if isinstance(captured, dict) else None
    return state if isinstance(state, dict) else {}


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def without_prefixes(arrays: Mapping[str, Array], known: Collection[str]) -> dict[str, Array]:
    """Tensors under names without what is in front of all of them, if only then some are known."""
    found = dict(arrays)
    while found and not any(name in known for name in found):
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in found)), None)
        if prefix is None:
            # Frameworks keep other state beside the model: what is under the prefix is the model.
            prefix = next((p for p in PREFIXES if any(name.removeprefix(p) in known for name in found)), None)
            if prefix is None:
                return found
            found = {name: array for name, array in found.items() if name.startswith(prefix)}
        found = {name.removeprefix(prefix): array for name, array in found.items()}
    return found


def is_of_model(arrays: Iterable[str], program: Program) -> bool:
    """Whether tensors have the model's names: more of them than have the artifact's."""
    names = set(arrays)
    ours = {use.name for use in program.uses()} | set(program.without)
    return len(names & set(ModelState.of(program).names)) > len(names & ours)


@dataclass(frozen=True, slots=True)
class Taken:
    """A model's `state_dict` as parameters of an artifact.

    Attributes:
        arrays: Parameters by the artifact's names: those that the model has by name.
        carried: Entries without a place among them.
        left: Names of the artifact's tensors that the model has no name for.
    """

    arrays: dict[str, Array]
    carried: dict[str, Array]
    left: tuple[str, ...]


def from_model(
    where: str, arrays: Mapping[str, Array], program: Program, before: Mapping[str, Array]
) -> Taken:
    """Take a model's `state_dict`.

    Args:
        where: What messages begin with: the file.
        arrays: The entries.
        program: The artifact.
        before: Entries as they were captured.

    Raises:
        UserError: Entries are missing, extra or do not agree; or what was folded into constants is another now.
    """
    state = ModelState.of(program)
    expected = {p.model: p for p in program.parameters() if p.model in state.names}
    unknown = [name for name in arrays if name not in state.names]
    if unknown:
        raise UserError(
            f"{where}: TL502 the model that the artifact was captured from has no {_shown(unknown)}: extra"
        )
    found: dict[str, Array] = {}
    for name, first in state.tied.items():
        if name in arrays and first in arrays and not _equal(arrays[name], arrays[first]):
            raise UserError(
                f"{where}: TL502 {shortened(name)} and {shortened(first)} are one tensor in the model, but differ here"
            )
    whole = {**{state.tied[n]: arrays[n] for n in state.tied if n in arrays}, **arrays}
    missing = [name for name in expected if name not in whole]
    if missing:
        raise UserError(
            f"{where}: TL501 {_shown(missing)} is missing"
            if len(missing) == 1
            else (f"{where}: TL501 missing: {_shown(missing)}")
        )
    changed = [
        name
        for name in state.folded
        if name in whole and name in before and not _equal(whole[name], before[name])
    ]
    if changed:
        raise UserError(
            f"{where}: constants of the artifact were computed from {_shown(changed)} when the model was captured, "
            "which is another here; capture the model again with these weights loaded"
        )
    for name, parameter in expected.items():
        found[parameter.name] = whole[name]
    carried = {
        name: array for name, array in whole.items() if name not in expected and name not in state.tied
    }
    left = tuple(p.name for p in program.parameters() if p.model not in expected)
    return Taken(found, carried, left)


@dataclass(frozen=True, slots=True)
class Given:
    """Parameters of an artifact as a `state_dict` of its model.

    Attributes:
        arrays: The entries, in the model's order; what was folded comes last.
        missing: Names of the model that have no value here.
        folded: Names, which say so, of values that were computed of the model's parameters.
    """

    arrays: dict[str, Array]
    missing: tuple[str, ...]
    folded: tuple[str, ...]


def to_model(arrays: Mapping[str, Array], carried: Mapping[str, Array], program: Program) -> Given:
    """Give parameters the names that they have in the model.

    Args:
        arrays: By the artifact's names.
        carried: Entries of the model's `state_dict` without a place among them.
        program: The artifact.

    Raises:
        UserError: The artifact does not say what its parameters are in a model.
    """
    state = ModelState.of(program)
    if not state.names:
        raise UserError(
            "the artifact does not say what its parameters are called in a model; capture it again, or give its own "
            "names"
        )
    own = {p.model: arrays[p.name] for p in program.parameters() if p.model in state.names}
    derived = {name for p in program.parameters() if p.trainable for name in p.derived}
    found, missing = {}, []
    for name in state.names:
        first = state.tied.get(name, name)
        if first in own:
            found[name] = own[first]
        elif first in carried and first not in derived:
            found[name] = carried[first]
        else:
            missing.append(name)
    folded = {f"{FOLDED}{p.name}": arrays[p.name] for p in program.parameters() if p.derived and p.trainable}
    return Given({**found, **folded}, tuple(missing), tuple(folded))


def _equal(a: Array, b: Array) -> bool:
    import numpy as np

    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _shown(names: Collection[str]) -> str:
    few = [shortened(name) for name in list(names)[:_SHOWN]]
    return ", ".join(few) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
