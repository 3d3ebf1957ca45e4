"""From the drafts of a builder to a graph: selections become nodes, what nothing needs goes, ids are given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.capture.builder import SELECT, Draft, GraphBuilder, Provenance, narrowed
from torchlean_core.capture.values import Known, NodeIndex, Shape, Value
from torchlean_core.files import relative_path
from torchlean_core.graph import Graph, Node
from torchlean_core.graph.identity import FIELD
from torchlean_core.graph.views import permute
from torchlean_core.kinds import Dialect, ParamSpec
from torchlean_core.kinds.operators import LINEAR, MATMUL, PERMUTE, TRANSPOSE
from torchlean_core.kinds.spec import payload_name


@dataclass(frozen=True, slots=True)
class Finished:
    """A graph and its parameters.

    Attributes:
        graph: The graph.
        tensors: Its parameters by name, float32.
        unrounded: In float64, those of them that float32 does not hold exactly.
        origins: Where each node comes from, in the order of the nodes.
        payloads: The payload of each node by the artifact's roles, in the order of the nodes.
    """

    graph: Graph
    tensors: dict[str, torch.Tensor]
    unrounded: dict[str, torch.Tensor]
    origins: tuple[Provenance, ...] = ()
    payloads: tuple[Mapping[str, Known], ...] = ()


def finish(b: GraphBuilder, source: Value, outputs: Sequence[Value], extra: Mapping[str, Any]) -> Finished:
    """The graph of what the outputs need, and its parameters by name.

    Raises:
        Refused: The parameters are more than `max_parameters` scalars together.
    """
    b, source, outputs = _expanded(b, source, outputs)
    ids: dict[NodeIndex, int] = {}
    nodes: list[Node] = []
    origins: list[Provenance] = []
    tensors: dict[str, torch.Tensor] = {}
    stored: dict[str, str] = {}
    payloads: list[dict[str, Known]] = []
    for index in _live(b, source, outputs):
        draft = _spelled(b.dialect, b.drafts[index])
        number = ids[index] = len(nodes)
        slots = _slots(b.dialect, draft)
        params = {part: narrowed(known) for part, known in draft.params.items()}
        for part, known in params.items():
            if known.absent:
                continue
            use = payload_name(slots.prefix, slots.specs[part], number)
            name = stored.setdefault(known.name, use) if known.name else use
            tensors.setdefault(name, known.stored.detach())
        parents = tuple(ids[parent] for parent in draft.parents)
        shape = draft.shape if draft.tuple_shapes is None else None
        extras = {name: value for name, value in draft.extra.items() if name not in slots.facts}
        inline = {name: value for name, value in draft.extra.items() if name in slots.facts}
        fields = {
            **extras,
            **_identities(draft, slots, params),
            **_origin(draft.origin, b.debug_targets, b.file),
        }
        origins.append(draft.origin)
        payloads.append({slots.specs[part].role: known for part, known in params.items()})
        nodes.append(
            Node(number, draft.kind, parents, shape, draft.tuple_shapes, draft.fields, fields, inline)
        )
    b.check_size(sum(tensor.numel() for tensor in tensors.values()), "parameters")
    kept = {name: _as_stored(tensor) for name, tensor in tensors.items()}
    rounded = {name: t for name, t in tensors.items() if t.dtype == torch.float64}
    output_ids = tuple(ids[output.index] for output in outputs)
    graph = Graph(tuple(nodes), ids[source.index], output_ids, dict(extra), b.dialect)
    return Finished(graph, kept, rounded, tuple(origins), tuple(payloads))


def _spelled(dialect: Dialect, draft: Draft) -> Draft:
    """A permutation that swaps two axes as the dialect's kind for that, where it has one."""
    if draft.operator is not PERMUTE:
        return draft
    moved = [axis for axis, source in enumerate(draft.fields["perm"]) if source != axis]
    if len(moved) != 2:
        return draft
    shape = [0] * len(draft.shape)
    form = dialect.form(TRANSPOSE, {"axis1": moved[0], "axis2": moved[1]}, [shape])
    return draft if form is None else replace(draft, kind=form.kind.name, fields=form.fields)


@dataclass(frozen=True, slots=True)
class _Slots:
    """Where the payload of a node goes.

    Attributes:
        prefix: First part of the names in the store.
        specs: Entries of the tensors, by what a draft calls them.
        facts: Names of fields that are a part of the payload and no tensor.
    """

    prefix: str
    specs: Mapping[str, ParamSpec]
    facts: frozenset[str]


def _slots(dialect: Dialect, draft: Draft) -> _Slots:
    entry: Any
    if draft.tuple_shapes is not None:
        entry = dialect.tuple_kinds[draft.kind]
        specs = {spec.stored or spec.role: spec for spec in entry.params}
    elif draft.kind == dialect.getitem.name:
        return _Slots("", {}, frozenset())
    else:
        entry = dialect.tensor_kinds[draft.kind]
        specs = {spec.inner: spec for spec in entry.params}
    return _Slots(entry.param_prefix, specs, frozenset(fact.name for fact in entry.facts))


def _identities(draft: Draft, slots: _Slots, params: Mapping[str, Known]) -> dict[str, Any]:
    """The extra field that says what the payload tensors are; what the kind says already is left out."""
    untrained = {part for part, spec in slots.specs.items() if not spec.trainable}
    if draft.extra.get("trainable") is False:
        untrained |= {"value"}
    frozen = all(not known.trainable for part, known in params.items() if part not in untrained)
    found = {}
    for part, known in params.items():
        identity = known.identity
        # Statistics are never trained; where nothing of the layer is, that they are kept has to be said.
        if identity.trainable is False and part in untrained and not (frozen and untrained < set(params)):
            identity = replace(identity, trainable=None)
        # What a layer can do without has to be named, if only to say that it is there.
        if said := identity.json() or ({"trainable": True} if slots.specs[part].optional else {}):
            found[slots.specs[part].role] = said
    return {FIELD: found} if found else {}


def _live(b: GraphBuilder, source: Value, outputs: Sequence[Value]) -> list[NodeIndex]:
    """What the outputs need, in order, the input first."""
    live = {source.index, *(output.index for output in outputs)}
    for index in reversed(range(len(b.drafts))):
        if index in live:
            live.update(b.drafts[index].parents)
    return [source.index, *(index for index in sorted(live) if index != source.index)]


def _origin(where: Provenance, debug_targets: bool, file: Path) -> dict[str, Any]:
    """The extra fields that say where a node comes from; `file` of `source` is relative to the model file's folder."""
    extra: dict[str, Any] = {}
    if debug_targets and where.debug_target is not None:
        extra["debug_target"] = where.debug_target
    source: dict[str, Any] = {"line": where.line, "module": where.module}
    if where.node is not None:
        source = {"node": where.node.name, "output": where.node.output}
    elif where.stack:
        place = where.stack[-1]
        if place.is_here:
            span = place.span
            source["span"] = [span.line, span.column, span.end_line, span.end_column]
            source["file"] = None if place.file == str(file) else relative_path(Path(place.file), file.parent)
        else:
            source |= {"line": place.span.line, "file": place.file}
    source = {name: value for name, value in source.items() if value is not None}
    if source:
        extra["source"] = source
    return extra


def _as_stored(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to(device="cpu", dtype=torch.float32).contiguous()


# -- selections -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rows:
    """A selection that is made by taking rows of a linear layer's weight.

    Attributes:
        linear: The layer.
        rows: The rows, in order.
        path: The reshapes and permutations between layer and selection.
    """

    linear: NodeIndex
    rows: tuple[int, ...]
    path: tuple[NodeIndex, ...]


def _expanded(
    b: GraphBuilder, source: Value, outputs: Sequence[Value]
) -> tuple[GraphBuilder, Value, list[Value]]:
    """The same graph with nodes in place of selections."""
    live = _live(b, source, outputs)
    rows = _splits(b, live, outputs)
    new = GraphBuilder(b.max_parameters, file=b.file, dialect=b.dialect)
    values: dict[NodeIndex, Value] = {}
    for index in live:
        draft = b.drafts[index]
        new.provenance = draft.origin
        parents = [values[parent] for parent in draft.parents]
        if index in rows:
            values[index] = _split(new, b, values, draft, rows[index])
        elif draft.kind == "const" and draft.extra:  # not trainable: may equal a matrix that is new
            values[index] = new.const(draft.params["value"], mask=True)
        elif draft.kind == SELECT:
            values[index] = _selected(new, parents[0], draft.fields["axis"], draft.fields["indices"])
        elif _keeps_order(draft):
            values[index] = new.reshape(parents[0], draft.shape)
        elif draft.operator is PERMUTE:
            values[index] = new.permute(parents[0], draft.fields["perm"])
        else:
            values[index] = new.copy(draft, parents)
    new.debug_targets = b.debug_targets
    return new, values[source.index], [values[output.index] for output in outputs]


def _keeps_order(draft: Draft) -> bool:
    return draft.operator is not None and draft.operator.keeps_order


def _selected(b: GraphBuilder, x: Value, axis: int, indices: Sequence[int]) -> Value:
    matrix = torch.zeros(len(indices), x.shape[axis])
    matrix[torch.arange(len(indices)), torch.tensor(indices)] = 1.0
    return apply_matrix(b, x, axis, matrix, "selection matrix")


def apply_matrix(b: GraphBuilder, x: Value, axis: int, matrix: torch.Tensor | Known, why: str) -> Value:
    """Replace an axis by its product with a constant matrix: out[…, j, …] = sum_i matrix[j, i] * x[…, i, …].

    Args:
        b: The builder.
        x: Operand.
        axis: The axis.
        matrix: (new size, size of the axis); plain tensors are constants.
        why: What the matrix stands for, added to `debug_target`.
    """
    size, rank = x.shape[axis], len(x.shape)
    known = matrix if isinstance(matrix, Known) else Known(matrix)
    outputs = known.shape[0]
    b.check_size(outputs * size, f"a constant matrix ({why})")
    transposed = known.moved(permute(1, 0))
    with b.standing_for(why):
        if axis == rank - 1 and b.can_multiply(x.shape, transposed.shape):
            return b.said(MATMUL, x, b.const(transposed))
        if axis == rank - 2 and x.shape[-1] != 1 and b.can_multiply(known.shape, x.shape):
            return b.said(MATMUL, b.const(known), x)
        if math.prod(x.shape[:axis]) == 1 and math.prod(x.shape[axis + 1 :]) != 1:
            columns = b.reshape(x, (size, math.prod(x.shape[axis + 1 :])))
            product = b.said(MATMUL, b.const(known), columns)
            return b.reshape(product, (*x.shape[:axis], outputs, *x.shape[axis + 1 :]))
        last = [i for i in range(rank) if i != axis] + [axis]
        moved = b.permute(x, last)
        rows = b.reshape(moved, (math.prod(moved.shape[:-1]), size))
        product = b.said(MATMUL, rows, b.const(transposed))
        shaped = b.reshape(product, (*moved.shape[:-1], outputs))
        return b.permute(shaped, [last.index(i) for i in range(rank)])


# -- selections of a linear layer's output ------------------------------------------------------------------


def _splits(b: GraphBuilder, live: Sequence[NodeIndex], outputs: Sequence[Value]) -> dict[NodeIndex, _Rows]:
    """The selections that are made by splitting a linear layer's weight.

    They are those of layers of whose result nothing but parts that have no row in common are used: no weight
    is written twice.
    """
    users: dict[NodeIndex, list[NodeIndex]] = {}
    for index in live:
        for parent in b.drafts[index].parents:
            users.setdefault(parent, []).append(index)
    for output in outputs:
        users.setdefault(output.index, []).append(NodeIndex(-1))
    found: dict[NodeIndex, _Rows] = {}
    for index in live:
        if b.drafts[index].operator is not LINEAR or not b.drafts[index].parents:
            continue
        parts = list(_parts(b, users, index, (index,)))
        if not parts or any(part is None for part in parts):
            continue
        taken = [row for _, rows in filter(None, parts) for row in rows.rows]
        payload = b.drafts[index].params.values()
        whole = all(known.rows(part.rows) is not None for _, part in filter(None, parts) for known in payload)
        if whole and len(taken) == len(set(taken)):
            found.update(filter(None, parts))
    return found


def _parts(
    b: GraphBuilder,
    users: Mapping[NodeIndex, Sequence[NodeIndex]],
    index: NodeIndex,
    path: tuple[NodeIndex, ...],
) -> Iterator[tuple[NodeIndex, _Rows] | None]:
    """Each use of a linear layer's result: a selection of some of its rows, or None for any other use."""
    for user in users.get(index, ()):
        draft = None if user < 0 else b.drafts[user]
        if draft is not None and (draft.operator is PERMUTE or _keeps_order(draft)):
            yield from _parts(b, users, user, (*path, user))
        elif draft is not None and draft.kind == SELECT:
            rows = _rows(b, path, draft.fields["axis"], draft.fields["indices"])
            yield None if rows is None else (user, _Rows(path[0], rows, path[1:]))
        else:
            yield None


def _rows(
    b: GraphBuilder, path: Sequence[NodeIndex], axis: int, indices: Sequence[int]
) -> tuple[int, ...] | None:
    """The rows of a weight that a selection takes behind reshapes and permutations; None if not just rows."""
    chosen = torch.tensor(indices)
    for index in reversed(path[1:]):
        draft = b.drafts[index]
        if draft.operator is PERMUTE:
            axis = draft.fields["perm"][axis]
            continue
        inner = b.drafts[draft.parents[0]].shape
        place = _holding(inner, draft.shape, axis)
        if place is None:
            return None
        size = draft.shape[axis]
        before = math.prod(draft.shape[:axis]) // math.prod(inner[:place])
        entries = torch.arange(inner[place]).reshape(before, size, -1)
        axis, chosen = place, entries.index_select(1, chosen).reshape(-1)
    return tuple(chosen.tolist()) if axis == len(b.drafts[path[0]].shape) - 1 else None


def _holding(inner: Shape, outer: Shape, axis: int) -> int | None:
    """The axis before a reshape of which an axis after it is a factor."""
    before, through = math.prod(outer[:axis]), math.prod(outer[: axis + 1])
    for place, size in enumerate(inner):
        start = math.prod(inner[:place])
        if size > 1 and start and before % start == 0 and (start * size) % through == 0:
            return place
    return None


def _split(
    b: GraphBuilder, old: GraphBuilder, values: Mapping[NodeIndex, Value], selection: Draft, split: _Rows
) -> Value:
    """A linear layer with some of the rows, and the reshapes and permutations that followed it."""
    layer = old.drafts[split.linear]
    payload = {}
    for role, known in layer.params.items():
        part = known.rows(split.rows)
        assert part is not None, "a layer is split into views"
        payload[role] = part
    b.provenance = layer.origin.marked(_described(split.rows))
    x = b.add("linear", values[layer.parents[0]], shape=(*layer.shape[:-1], len(split.rows)), params=payload)
    # Where the axis of the selection went on the way, and what is left of it there.
    shapes = [selection.shape]
    axis = selection.fields["axis"]
    for index in reversed(split.path):
        draft, shape = old.drafts[index], shapes[-1]
        if draft.operator is PERMUTE:
            perm = draft.fields["perm"]
            axis = perm[axis]
            shapes.append(tuple(shape[perm.index(place)] for place in range(len(perm))))
            continue
        inner = old.drafts[draft.parents[0]].shape
        place = _holding(inner, draft.shape, axis)
        assert place is not None
        part = inner[place] // draft.shape[axis] * shape[axis]
        axis = place
        shapes.append((*inner[:place], part, *inner[place + 1 :]))
    for index, shape in zip(split.path, reversed(shapes[:-1]), strict=True):
        draft = old.drafts[index]
        x = b.permute(x, draft.fields["perm"]) if draft.operator is PERMUTE else b.reshape(x, shape)
    return x


def _described(rows: Sequence[int]) -> str:
    step = rows[1] - rows[0] if len(rows) > 1 else 1
    if step > 0 and list(rows) == list(range(rows[0], rows[-1] + 1, step)):
        every = f" in steps of {step}" if step > 1 else ""
        return f"rows {rows[0]} to {rows[-1]}{every}"
    return f"{len(rows)} of its rows"
