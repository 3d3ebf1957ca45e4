"""What changed between two graphs, by node; ids that only follow from other changes are no changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.artifact.matching import frozen, match_nodes, node_fields
from torchlean_core.basics.sequences import longest_increasing
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds.dialect import INPUT_FIELD


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs.

    Attributes:
        name: Its key.
        old: Its value in the old graph, None where it is missing.
        new: Its value in the new graph, None where it is missing.
        in_old: Whether the old graph has it.
        in_new: Whether the new graph has it.
    """

    name: str
    old: Any
    new: Any
    in_old: bool = True
    in_new: bool = True

    def in_words(self, name: str, show: Callable[[Any], str], arrow: str) -> str:
        """What happened to the field, in a few words.

        Args:
            name: Its key, as it is to be shown.
            show: How a value is to be shown.
            arrow: What stands between the old and the new value.
        """
        if not self.in_old:
            return f"{name}: added {show(self.new)}"
        if not self.in_new:
            return f"{name}: removed {show(self.old)}"
        return f"{name}: {show(self.old)} {arrow} {show(self.new)}"


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node that both graphs have, and that differs.

    Attributes:
        old: The node in the old graph.
        new: The node in the new graph.
        fields: Fields that differ; ids of parents that were only renumbered do not.
        moved: Whether its place relative to the other nodes changed.
    """

    old: Node
    new: Node
    fields: tuple[FieldChange, ...]
    moved: bool


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """What changed between two graphs.

    Attributes:
        root: Fields of the root that differ; those that name nodes only where others are meant, or in another dialect.
        removed: Nodes that only the old graph has, in its order.
        added: Nodes that only the new graph has, in its order.
        changed: Nodes that differ or moved, in the order of the new graph.
        ids: Old to new id of all nodes that both graphs have.
        same_meaning: Whether the graphs have one artifact hash: only comments and layout differ.
    """

    root: tuple[FieldChange, ...]
    removed: tuple[Node, ...]
    added: tuple[Node, ...]
    changed: tuple[NodeChange, ...]
    ids: Mapping[int, int]
    same_meaning: bool

    @property
    def equal(self) -> bool:
        """Whether nothing changed."""
        return not (self.root or self.removed or self.added or self.changed)

    @property
    def unchanged(self) -> int:
        """Number of nodes that both graphs have, and that neither differ nor moved."""
        return len(self.ids) - len(self.changed)


def diff_graphs(old: Graph, new: Graph) -> GraphDiff:
    """What changed from one graph to another; the time is near-linear in their sizes."""
    ids = match_nodes(old, new)
    back = {b: a for a, b in ids.items()}
    in_new_order = sorted(back)
    moved = _moved([back[b] for b in in_new_order])
    changed = []
    for b in in_new_order:
        a = back[b]
        fields = tuple(_node_changes(old.nodes[a], new.nodes[b], ids))
        if fields or a in moved:
            changed.append(NodeChange(old.nodes[a], new.nodes[b], fields, a in moved))
    return GraphDiff(
        tuple(_root_changes(old, new, ids)),
        tuple(node for node in old.nodes if node.id not in ids),
        tuple(node for node in new.nodes if node.id not in back),
        tuple(changed),
        dict(sorted(ids.items())),
        artifact_hash(old) == artifact_hash(new),
    )


def _moved(old_ids: Sequence[int]) -> set[int]:
    """The nodes that must move for the others to stand in order: all but a longest increasing run."""
    return set(old_ids) - {old_ids[position] for position in longest_increasing(old_ids)}


def _node_changes(a: Node, b: Node, ids: Mapping[int, int]) -> Iterator[FieldChange]:
    if tuple(ids.get(parent, -1) for parent in a.parents) != b.parents:
        yield FieldChange("parents", a.parents, b.parents)
    yield from _value_changes(node_fields(a), node_fields(b))


def _root_changes(old: Graph, new: Graph, ids: Mapping[int, int]) -> Iterator[FieldChange]:
    if ids.get(old.input_id) != new.input_id:
        yield FieldChange(INPUT_FIELD, old.input_id, new.input_id)
    a, b = (graph.dialect.outputs_json(graph.output_ids) for graph in (old, new))
    ours, theirs = old.dialect.output_field, new.dialect.output_field
    if ours != theirs:  # also where the same nodes are meant: the files are read by different rules
        yield FieldChange(ours, a, None, in_new=False)
        yield FieldChange(theirs, None, b, in_old=False)
    elif tuple(ids.get(output, -1) for output in old.output_ids) != new.output_ids:
        yield FieldChange(ours, a, b)
    yield from _value_changes(old.extra, new.extra)


def _value_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new or name not in old or frozen(old[name]) != frozen(new[name]):
            yield FieldChange(name, old.get(name), new.get(name), name in old, name in new)
