"""Which clusters are open, and what one sees then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from torchlean_core.graph.clusters.tree import Cluster, Tree


@dataclass(frozen=True, slots=True)
class Shown:
    """What is seen of a graph with some clusters open.

    Attributes:
        items: Nodes and closed clusters, in order.
        levels: For each of them, the open clusters around it, from the outside in.
        edges: Pairs (operand, user) of places in `items`, each once, in order of the users.
        place: For every node of the graph the place in `items` where it is seen.
    """

    items: tuple[Cluster | int, ...]
    levels: tuple[tuple[Cluster, ...], ...]
    edges: tuple[tuple[int, int], ...]
    place: tuple[int, ...]


def within(tree: Tree, budget: int) -> frozenset[str]:
    """Keys of the clusters to open so that at most `budget` nodes and closed clusters are seen.

    Clusters open from the outside in, level by level, small ones first, and those that are equal together or not at
    all. What fits as a whole is opened as a whole.
    """
    opened: set[str] = set()
    seen = len(tree.items)
    level = [item for item in tree.items if isinstance(item, Cluster)]
    while level:
        alike: dict[int, list[Cluster]] = {}
        for cluster in level:
            alike.setdefault(cluster.likeness, []).append(cluster)
        following: list[Cluster] = []
        for group in sorted(
            alike.values(), key=lambda group: (len(group) * len(group[0].items), group[0].first)
        ):
            more = sum(len(cluster.items) - 1 for cluster in group)
            if seen + more > budget:
                break
            seen += more
            for cluster in group:
                opened.add(cluster.key)
                following += [item for item in cluster.items if isinstance(item, Cluster)]
        level = sorted(following, key=lambda cluster: cluster.first)
    return frozenset(opened)


def to_depth(tree: Tree, depth: int | None) -> frozenset[str]:
    """Keys of the clusters to open so that `depth` levels of them are open; all of them for None."""
    opened: set[str] = set()
    waiting = [(item, 1) for item in tree.items if isinstance(item, Cluster)]
    while waiting:
        cluster, level = waiting.pop()
        if depth is None or level <= depth:
            opened.add(cluster.key)
            waiting += [(item, level + 1) for item in cluster.items if isinstance(item, Cluster)]
    return frozenset(opened)


def around(tree: Tree, places: Collection[int]) -> frozenset[str]:
    """Keys of the clusters to open so that the nodes at some places are seen."""
    wanted = sorted(places)
    opened: set[str] = set()
    waiting = [item for item in tree.items if isinstance(item, Cluster)]
    while waiting:
        cluster = waiting.pop()
        if bisect_left(wanted, cluster.first) < bisect_right(wanted, cluster.last):
            opened.add(cluster.key)
            waiting += [item for item in cluster.items if isinstance(item, Cluster)]
    return frozenset(opened)


def shown(tree: Tree, edges: Sequence[tuple[int, int]], opened: Collection[str]) -> Shown:
    """What is seen with some clusters open.

    Args:
        tree: The clusters.
        edges: Pairs (operand, user) of places of nodes.
        opened: Keys of the open clusters.
    """
    items: list[Cluster | int] = []
    levels: list[tuple[Cluster, ...]] = []
    place: list[int] = []

    def visit(found: Sequence[Cluster | int], around: tuple[Cluster, ...]) -> None:
        for item in found:
            if isinstance(item, Cluster) and item.key in opened:
                visit(item.items, (*around, item))
                continue
            place.extend([len(items)] * (item.count if isinstance(item, Cluster) else 1))
            items.append(item)
            levels.append(around)

    visit(tree.items, ())
    seen: dict[tuple[int, int], None] = {}
    for operand, user in edges:
        pair = place[operand], place[user]
        if pair[0] != pair[1]:
            seen[pair] = None
    return Shown(tuple(items), tuple(levels), tuple(seen), tuple(place))
