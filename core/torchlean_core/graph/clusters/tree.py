"""The tree of clusters as values: nested pieces of the order of the nodes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A node as clustering sees it.

    Attributes:
        kind: What nodes that do the same have in common.
        parents: Places of its operands; all smaller than its own.
        module: The path of the module that it was captured from; empty for the model itself, None where nothing says.
        node_id: Its id, as text.
    """

    kind: str
    parents: tuple[int, ...]
    module: tuple[str, ...] | None
    node_id: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes that follow one another and belong together. Because they do, a graph of clusters has no cycles.

    Attributes:
        key: What it is recognized by in a later version of the graph.
        name: How it is called, without what stands around it.
        first: Place of its first node.
        last: Place of its last node.
        items: What is in it, in order: clusters, and places of nodes.
        repeat: How many equal items it consists of; 0 where it is no repetition.
        likeness: A number that clusters of equal structure have in common.
    """

    key: str
    name: str
    first: int
    last: int
    items: tuple[Cluster | int, ...]
    repeat: int
    likeness: int

    @property
    def count(self) -> int:
        """How many nodes are in it."""
        return self.last - self.first + 1

    @property
    def title(self) -> str:
        """Its name, and how often it repeats."""
        return f"{self.name} ×{self.repeat}" if self.repeat else self.name


@dataclass(frozen=True, slots=True)
class Tree:
    """All clusters of a graph.

    Attributes:
        items: What stands at the top, in order: clusters, and places of nodes.
    """

    items: tuple[Cluster | int, ...]


EMPTY = Tree(())
