"""A graph in the other dialect, with its parameters: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.check.findings import PLAIN
from torchlean_core.convert.draft import Draft
from torchlean_core.convert.reach import dropped
from torchlean_core.convert.refusal import ConversionRefused
from torchlean_core.convert.rules import Direction
from torchlean_core.convert.to_classic import TO_CLASSIC
from torchlean_core.convert.to_generalized import TO_GENERALIZED
from torchlean_core.environment.extras import require_numpy
from torchlean_core.graph.lowering import Program, lower
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import ROOT_NAMES, Dialect
from torchlean_core.kinds import operators as ops
from torchlean_core.params.held import HeldStore, inline_arrays
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.uses import gathered, spread

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_DIRECTIONS: Mapping[tuple[Dialect, Dialect], Direction] = {
    (one.source, one.target): one for one in (TO_GENERALIZED, TO_CLASSIC)
}
_RANDOM = (ops.RAND_UNIFORM, ops.BERNOULLI_MASK)
_WORDS = 1 << 64


@dataclass(frozen=True)
class Converted:
    """A graph in another dialect.

    Attributes:
        graph: The graph; in a dialect whose nodes hold their parameters, with them.
        tensors: What belongs into the parameter file beside it, by name; empty where there is nothing.
        is_whole: Whether that is everything that the graph needs, or the parameters themselves are not known and
            these are constants that conversion put in.
        moved: For each node that is left the node that does what it did.
    """

    graph: Graph
    tensors: Mapping[str, Array] = field(default_factory=dict)
    is_whole: bool = True
    moved: Mapping[int, int] = field(default_factory=dict)


def convert_graph(
    graph: Graph, dialect: Dialect, store: ParameterStore | None = None, output: int | None = None
) -> Converted:
    """Say a graph in another dialect (ir-v1-generalized section 10).

    Args:
        graph: A graph without errors.
        dialect: The other dialect.
        store: Its parameters, all of them (`params.resolve`); None: those that stand in the nodes, if any do.
        output: Place of the output that is kept, where the other dialect has one; the nodes that only the others need
            are left out.

    Returns:
        The graph, with values that do not differ by a bit but for the order of sums.

    Raises:
        ConversionRefused: There is no exact counterpart.
        UserError: The parameters do not fit the graph, it is in that dialect already, or numpy is not installed.
    """
    direction = _DIRECTIONS.get((graph.dialect, dialect))
    if direction is None:
        raise ConversionRefused(f"the artifact is in the {graph.dialect.name} dialect already")
    require_numpy()
    program = lower(graph, () if store is None else store.names)
    if store is None and (held := inline_arrays(program, "the artifact")):
        store = HeldStore(Path("artifact"), held, None)
    values = None
    if store is not None:
        store.require(program)
        arrays = {one.name: store.numpy(one.name) for one in program.parameters()}
        values = spread(arrays, program)
    if output is not None:
        program.with_output(output)  # refuses what there is not
    if output is None and len(graph.output_ids) != 1 and not dialect.many_outputs:
        many = f"{dialect.name} has one output, and the artifact has {len(graph.output_ids)}"
        error = ConversionRefused(f"{many}: --output N picks one, 0 to {len(graph.output_ids) - 1}")
        error.data = {**error.data, PLAIN: f"{many}: the command's argument `output` picks one"}
        raise error
    outputs = graph.output_ids if output is None else (graph.output_ids[output],)
    draft = _drafted(graph, direction, values, dropped(graph, outputs))
    extra = {name: value for name, value in graph.extra.items() if name not in ROOT_NAMES}
    found = Graph(
        tuple(draft.nodes),
        draft.place[_input_id(graph, dialect)],
        tuple(draft.place[one] for one in outputs),
        _moved(extra, draft.seat),
        dialect,
    )
    found = _same_draws(program, found, draft.seat)
    tensors = {} if dialect.inline else _stored(program, store, draft, lower(found))
    is_whole = store is not None or not tensors or {p.name for p in lower(found).parameters()} == set(tensors)
    return Converted(found, tensors, is_whole, dict(draft.seat))


def _drafted(
    graph: Graph, direction: Direction, values: Mapping[str, Array] | None, left_out: frozenset[int]
) -> Draft:
    draft = Draft(graph, direction.target, values)
    for node in graph.nodes:
        if node.id not in left_out:
            site = draft.begin(node)
            draft.place[node.id] = direction.rule(site)(site)
    return draft


def _input_id(graph: Graph, dialect: Dialect) -> int:
    """The designated input; where there can be one only, the first of several."""
    if not dialect.one_input:
        return graph.input_id
    kind = graph.node(graph.input_id).kind
    return next(node.id for node in graph.nodes if node.kind == kind and node.shape is not None)


def _same_draws(before: Program, graph: Graph, seat: Mapping[int, int]) -> Graph:
    """The graph with the seeds of random nodes made up for the tensor ids that they are keyed by, too."""
    old = {node.raw: node.id for node in before.nodes if node.operator in _RANDOM}
    if not old:
        return graph
    new = {node.raw: node.id for node in lower(graph).nodes if node.operator in _RANDOM}
    nodes = list(graph.nodes)
    for raw, was in old.items():
        if raw in seat and (now := new[seat[raw]]) != was:
            node: Node = nodes[seat[raw]]
            seed = (node.fields["seed"] + was - now) % _WORDS
            nodes[node.id] = replace(node, fields={**node.fields, "seed": seed})
    return replace(graph, nodes=tuple(nodes))


def _stored(before: Program, store: ParameterStore | None, draft: Draft, after: Program) -> dict[str, Array]:
    """What belongs into the new parameter file: tensors that are named in the model go as they are."""
    named = {one.model: one for one in before.parameters() if one.model is not None}
    found: dict[str, Array] = {}
    for parameter in after.parameters():
        old = named.get(parameter.model) if parameter.model is not None else None
        is_same = old is not None and old.shape == parameter.shape and parameter.model not in draft.changed
        if store is not None and old is not None and is_same:
            found[parameter.name] = store.numpy(old.name)
    rest = {
        use.name: draft.tensors[use.name]
        for use in after.uses()
        if use.parameter.name not in found and use.name in draft.tensors
    }
    wanted = {parameter.name for parameter in after.parameters()}
    made = gathered(rest, after, "the converted artifact", of_uses=True)
    found.update((name, array) for name, array in made.items() if name in wanted)
    return {name: found[name] for name in sorted(found)}


def _moved(extra: Mapping[str, Any], seat: Mapping[int, int]) -> dict[str, Any]:
    """Extra fields of the root, with the ids of nodes in `nodes` of their entries moved along."""
    return {
        name: [_entry(one, seat) for one in value] if isinstance(value, list) else value
        for name, value in extra.items()
    }


def _entry(value: Any, seat: Mapping[int, int]) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("nodes"), list):
        return value
    nodes = [seat.get(one, None) if type(one) is int else one for one in value["nodes"]]
    return {**value, "nodes": [one for one in nodes if one is not None]}
