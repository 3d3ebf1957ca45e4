"""Clusters: by module, by repetition, by length; deterministic, and the same while nodes are edited."""

from __future__ import annotations

import random

import pytest

from torchlean_core.graph.clusters import Cluster, Part, Tree, around, clusters_of, shown, to_depth, within
from torchlean_core.graph.clusters.build import MAX_ITEMS


def parts(*nodes: tuple[str, tuple[int, ...], str | None]) -> list[Part]:
    """Nodes of (kind, parents, module path or None)."""
    return [
        Part(kind, parents, None if path is None else tuple(filter(None, path.split("."))), str(place))
        for place, (kind, parents, path) in enumerate(nodes)
    ]


def chain(kinds: list[str]) -> list[Part]:
    return parts(*((kind, (place - 1,) if place else (), None) for place, kind in enumerate(kinds)))


def residual(blocks: int, modules: bool = False) -> list[Part]:
    """An input and blocks of five nodes with a residual edge each."""
    nodes: list[tuple[str, tuple[int, ...], str | None]] = [("input", (), "")]
    for number in range(blocks):
        path = f"layers.{number}" if modules else None
        start = len(nodes) - 1
        for offset, kind in enumerate(("norm", "linear", "relu", "linear")):
            nodes.append((kind, (start + offset,), path))
        nodes.append(("add", (start, start + 4), path))
    return parts(*nodes)


def flat(tree: Tree) -> list[Cluster]:
    found, waiting = [], list(tree.items)
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, Cluster):
            found.append(item)
            waiting += item.items
    return found


def titles(items) -> list[str | int]:
    return [item.title if isinstance(item, Cluster) else item for item in items]


def test_nodes_of_a_module_are_a_cluster_and_a_module_of_one_node_is_none():
    tree = clusters_of(
        parts(
            ("input", (), ""),
            ("linear", (0,), "body.fc"),
            ("relu", (1,), "body"),
            ("linear", (2,), "head"),
        )
    )
    assert titles(tree.items) == [0, "body", 3]
    assert titles(tree.items[1].items) == [1, 2]


def test_a_module_that_is_called_twice_is_two_clusters():
    tree = clusters_of(
        parts(
            ("input", (), ""),
            *(("relu", (place,), "shared") for place in range(2)),
            ("tanh", (2,), ""),
            *(("relu", (place,), "shared") for place in (3, 4)),
        )
    )
    assert [cluster.key for cluster in flat(tree)] == ["shared", "shared#2"]


def test_a_node_that_nothing_is_known_of_stays_with_its_neighbours():
    known = residual(3, modules=True)
    unknown = [
        part if place != 8 else Part(part.kind, part.parents, None, "8") for place, part in enumerate(known)
    ]
    assert [cluster.key for cluster in flat(clusters_of(unknown))] == [
        cluster.key for cluster in flat(clusters_of(known))
    ]


def test_a_list_of_equal_modules_says_how_many():
    [layers, *_] = flat(clusters_of(residual(24, modules=True)))
    assert (layers.title, layers.repeat) == ("layers ×24", 24)
    assert titles(layers.items)[:2] == ["layers.0", "layers.1"]


def test_repeated_blocks_are_found_without_modules_and_cut_where_one_value_passes():
    tree = clusters_of(residual(12))
    assert titles(tree.items) == [0, "linear, norm, relu, … ×12"]
    assert [(block.first, block.last) for block in tree.items[1].items][:2] == [(1, 5), (6, 10)]


def test_a_repetition_survives_a_node_that_is_being_edited():
    named = residual(12, modules=True)
    before = flat(clusters_of(named))
    named[13] = Part("rel", named[13].parents, named[13].module, "13")
    after = flat(clusters_of(named))
    assert [(one.key, one.first, one.last, one.repeat) for one in before] == [
        (one.key, one.first, one.last, one.repeat) for one in after
    ]


def test_keys_stay_when_a_node_is_put_into_a_module():
    named = residual(12, modules=True)
    longer = [
        Part(part.kind, tuple(p + (p >= 13) for p in part.parents), part.module, part.node_id)
        for part in named
    ]
    longer.insert(13, Part("tanh", (12,), None, "13"))
    assert [one.key for one in flat(clusters_of(longer))] == [one.key for one in flat(clusters_of(named))]


@pytest.mark.parametrize("count", [121, 1_000, 10_000])
def test_what_does_not_repeat_is_cut_into_sections(count):
    draw = random.Random(count)
    tree = clusters_of(chain([draw.choice("abcdefgh") for _ in range(count)]))
    assert len(tree.items) <= MAX_ITEMS
    assert all(len(cluster.items) <= MAX_ITEMS for cluster in flat(tree))


def test_a_small_graph_has_no_clusters():
    assert titles(clusters_of(chain(["input", *["linear", "relu"] * 6])).items) == list(range(13))


@pytest.mark.parametrize(
    "nodes", [residual(40), residual(40, modules=True), chain(["relu"] * 1_000), chain(["a", "b"] * 300), []]
)
def test_clusters_are_nested_pieces_of_the_order(nodes):
    tree = clusters_of(nodes)
    assert tree == clusters_of(nodes)
    keys = [cluster.key for cluster in flat(tree)]
    assert len(keys) == len(set(keys))

    def places(items) -> list[int]:
        return [
            place for item in items for place in (places(item.items) if isinstance(item, Cluster) else [item])
        ]

    assert places(tree.items) == list(range(len(nodes)))
    for cluster in flat(tree):
        assert places(cluster.items) == list(range(cluster.first, cluster.last + 1))
        assert len(cluster.items) > 1


def test_what_is_open_fits_the_budget_and_equal_clusters_open_together():
    tree = clusters_of(residual(24, modules=True))
    for budget in (1, 10, 30, 60, 1_000):
        opened = within(tree, budget)
        seen = shown(tree, (), opened)
        assert len(seen.items) <= max(budget, len(tree.items))
        assert sum(key.startswith("layers.") for key in opened) in (0, 24)
    assert within(tree, 1_000) == to_depth(tree, None)


def test_edges_of_what_is_closed_are_joined_and_never_lead_back():
    nodes = residual(24, modules=True)
    edges = [(parent, place) for place, part in enumerate(nodes) for parent in part.parents]
    seen = shown(clusters_of(nodes), edges, {"layers"})
    assert seen.edges == tuple((place, place + 1) for place in range(24))


def test_around_opens_what_is_needed_to_see_a_node():
    nodes = residual(24, modules=True)
    assert around(clusters_of(nodes), [13]) == {"layers", "layers.2"}
    assert around(clusters_of(nodes), []) == frozenset()


def test_a_path_of_many_names_is_no_deep_recursion():
    deep = ".".join("a" for _ in range(24))
    assert len(flat(clusters_of(parts(("input", (), ""), *((("relu"), (n,), deep) for n in range(3)))))) == 1
