"""Values of parameters into the nodes of an artifact, and out of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod
from typing import TYPE_CHECKING

from torchlean_core.errors import UserError
from torchlean_core.graph import Graph, Node, Program
from torchlean_core.kinds import Dialect, Kind, TupleKind
from torchlean_core.kinds.code import DEFAULT_EPS
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.spec import payload_name
from torchlean_core.params.inline_text import numbers_text
from torchlean_core.params.uses import spread
from torchlean_core.text.numbers import numbers_of

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

Payload = dict[str, str]
"""JSON texts of a node's inline fields, in the order of its kind's entry."""

MANY = 20_000_000
"""Numbers in one file from which on a parameter file is the better place."""


def require_inline(dialect: Dialect) -> None:
    """Refuse to put parameters into an artifact whose dialect has no place for them.

    Raises:
        UserError: It has none.
    """
    if not dialect.inline:
        raise UserError(
            f"the artifact is {dialect.name}: that dialect keeps parameters in a file beside it; `torchlean convert` "
            "makes it one that can hold them"
        )


def payloads(
    program: Program, arrays: Mapping[str, Array], only: Collection[int] | None = None
) -> dict[int, Payload]:
    """The inline fields of every node with parameters, by the node's id.

    Args:
        program: The program.
        arrays: All its parameters, by name.
        only: Ids of the nodes that are meant; all where None.

    Raises:
        UserError: A value is no finite number, which JSON does not have; or no float32.
    """
    values = spread(arrays, program)
    graph, dialect = program.graph, program.graph.dialect
    found: dict[int, Payload] = {}
    for node in graph.nodes:
        kind = dialect.kind(node.kind)
        if kind is None or not kind.params or (only is not None and node.id not in only):
            continue
        shape = _projected(graph, node.id) if node.shape is None else node.shape
        if any(payload_name(kind.param_prefix, spec, node.id) in values for spec in kind.params):
            found[node.id] = _payload(graph, node, kind, shape, values)
    return found


def _payload(
    graph: Graph, node: Node, kind: Kind | TupleKind, shape: tuple[int, ...], values: Mapping[str, Array]
) -> Payload:
    import numpy as np

    found: Payload = {}
    parents = [graph.node(parent).shape or () for parent in node.parents]
    for fact in kind.facts:
        if fact.value is not None:
            expected = fact.value(node.fields, parents, shape)
            found[fact.name] = show_shape(expected) if isinstance(expected, list) else show(expected)
    for spec in kind.params:
        name = payload_name(kind.param_prefix, spec, node.id)
        wanted = spec.shape(node.fields, parents, shape)
        array = values.get(name)
        if array is None:
            if spec.neutral is None:
                raise UserError(f"node {node.id} ({node.kind}): {name} has no value")
            array = np.full(wanted, spec.neutral, dtype=np.float32)
        found[spec.role] = _text(f"node {node.id} ({node.kind}): {name}", array, spec.inline_shape(wanted))
    for fact in kind.facts:
        if fact.value is None:
            found[fact.name] = _number(node.inline.get(fact.name, node.extra.get(fact.name)))
    return found


def _number(value: object) -> str:
    found = None if value is None else numbers_of(value)
    return repr(DEFAULT_EPS) if found is None else found.text


def _projected(graph: Graph, owner: int) -> tuple[int, ...]:
    """Shape of the output of an attention."""
    getitem = graph.dialect.getitem.name
    return next((n.shape or () for n in graph.nodes if n.kind == getitem and n.parents[0] == owner), ())


def _text(where: str, array: Array, shape: tuple[int, ...]) -> str:
    import numpy as np

    with np.errstate(over="ignore"):
        single = array.astype(np.float32, copy=False)
    if array.dtype != np.float32 and not np.array_equal(single.astype(array.dtype), array, equal_nan=True):
        raise UserError(
            f"{where} is {array.dtype}: numbers in an artifact are float32, which do not hold it exactly"
        )
    if not bool(np.isfinite(single).all()):
        raise UserError(
            f"{where} is not finite everywhere, and JSON has no number for that: keep it in the store"
        )
    if shape == ():
        first = single.reshape(-1)[:1]
        if single.size and bool((single != first).any()):
            raise UserError(f"{where}: its entries differ, but the artifact has one number for all of them")
        return numbers_text(first.reshape(())) if single.size else "1.0"
    return numbers_text(np.ascontiguousarray(single).reshape(shape))


def numbers_in(program: Program) -> int:
    """How many numbers the parameters of a program are, with every copy."""
    return sum(prod(use.shape) for use in program.uses())
