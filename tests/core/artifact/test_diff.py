"""Matching the nodes of two graphs: renumbering is followed, and only what changed is reported."""

from __future__ import annotations

import random

import pytest

from torchlean_core.artifact.diff import diff_graphs
from torchlean_core.graph.model import Graph, Node


class Builder:
    """Builds a graph node by node; ids are given in order."""

    def __init__(self):
        self.nodes = []

    def add(self, kind, *parents, shape=(4,), extra=None, **fields):
        self.nodes.append(Node(len(self.nodes), kind, parents, shape, None, fields, extra or {}))
        return len(self.nodes) - 1

    def graph(self, output=None):
        return Graph(tuple(self.nodes), 0, len(self.nodes) - 1 if output is None else output)


def network(blocks=6, width=4, insert=None, drop=None, tanh=None, comments=False):
    """A residual network of equal blocks: const, add, relu, add."""
    b = Builder()
    shape = (width,)

    def add(kind, *parents):
        extra = {"source": {"line": 10 * len(b.nodes)}} if comments else None
        return b.add(kind, *parents, shape=shape, extra=extra)

    x = add("input")
    for block in range(blocks):
        if block == insert:
            x = add("detach", x)
        y = x
        if block != drop:
            y = add("add", x, add("const"))
        x = add("add", x, add("tanh" if block == tanh else "relu", y))
    return b.graph()


def kinds(nodes):
    return [node.kind for node in nodes]


def renumbered(graph, order):
    """The same graph with its nodes in another (topological) order."""
    place = {old: new for new, old in enumerate(order)}
    nodes = []
    for old in order:
        node = graph.nodes[old]
        parents = tuple(place[parent] for parent in node.parents)
        nodes.append(
            Node(place[old], node.kind, parents, node.shape, node.tuple_shapes, node.fields, node.extra)
        )
    return Graph(tuple(nodes), place[graph.input_id], place[graph.output_id], graph.extra)


def test_equal_graphs_have_no_changes():
    diff = diff_graphs(network(), network())
    assert diff.equal and diff.same_meaning and diff.unchanged == len(network().nodes)


@pytest.mark.parametrize("block", range(6))
def test_an_inserted_node_is_the_only_one_added_and_renumbers_the_rest(block):
    diff = diff_graphs(network(), network(insert=block))
    assert (kinds(diff.added), diff.removed) == (["detach"], ())
    assert {field.name for change in diff.changed for field in change.fields} == {"parents"}
    users = {change.new.id for change in diff.changed}
    assert users == {node.id for node in network(insert=block).nodes if diff.added[0].id in node.parents}


@pytest.mark.parametrize("block", range(6))
def test_removed_nodes_are_the_only_ones_removed(block):
    diff = diff_graphs(network(), network(drop=block))
    assert (sorted(kinds(diff.removed)), diff.added) == (["add", "const"], ())
    assert [change.new.kind for change in diff.changed] == ["relu"]


@pytest.mark.parametrize("block", range(6))
def test_a_changed_kind_is_one_changed_node(block):
    diff = diff_graphs(network(), network(tanh=block))
    assert (diff.added, diff.removed) == ((), ())
    [change] = diff.changed
    assert [(field.name, field.old, field.new) for field in change.fields] == [("kind", "relu", "tanh")]
    assert not change.moved


def test_another_width_changes_every_shape_and_nothing_else():
    old = network()
    diff = diff_graphs(old, network(width=8))
    assert not diff.added and not diff.removed and len(diff.changed) == len(old.nodes)
    assert all([field.name for field in change.fields] == ["shape"] for change in diff.changed)


def test_changes_of_several_sorts_at_once_are_told_apart():
    diff = diff_graphs(network(20), network(20, width=8, insert=3, drop=8, tanh=15))
    assert kinds(diff.added) == ["detach"]
    assert sorted(kinds(diff.removed)) == ["add", "const"]
    changed = [change for change in diff.changed if [field.name for field in change.fields] != ["shape"]]
    assert [change.new.kind for change in changed if any(f.name == "kind" for f in change.fields)] == ["tanh"]


def test_comments_that_all_changed_do_not_confuse_the_matching():
    diff = diff_graphs(network(comments=True), network(insert=2, comments=True))
    assert kinds(diff.added) == ["detach"] and not diff.removed
    assert not any(change.moved for change in diff.changed)


def test_comments_alone_keep_the_meaning():
    diff = diff_graphs(network(), network(comments=True))
    assert not diff.equal and diff.same_meaning


def test_a_moved_node_is_reported_and_its_neighbours_are_not():
    b = Builder()
    x = b.add("input")
    left, middle, right = b.add("relu", x), b.add("tanh", x), b.add("exp", x)
    b.add("add", b.add("add", left, middle), right)
    diff = diff_graphs(b.graph(), renumbered(b.graph(), [0, 2, 3, 1, 4, 5]))
    assert [(change.new.kind, change.fields, change.moved) for change in diff.changed] == [("relu", (), True)]
    assert diff.ids == {0: 0, 1: 3, 2: 1, 3: 2, 4: 4, 5: 5}


def test_an_output_that_moved_to_another_node_is_a_root_change():
    old, new = network(2), network(2)
    diff = diff_graphs(old, Graph(new.nodes, 0, 3, new.extra))
    assert [(field.name, field.old, field.new) for field in diff.root] == [("output_id", 8, 3)]


def test_swapped_operands_are_a_change_of_parents():
    def difference(swap):
        b = Builder()
        x = b.add("input")
        pair = [b.add("relu", x), b.add("tanh", x)]
        b.add("sub", *(reversed(pair) if swap else pair))
        return b.graph()

    [change] = diff_graphs(difference(False), difference(True)).changed
    assert [(f.name, f.old, f.new) for f in change.fields] == [("parents", (1, 2), (2, 1))]


def test_true_is_not_one_and_a_missing_field_is_not_null():
    def with_field(**extra):
        b = Builder()
        b.add("input", extra=extra)
        return b.graph()

    [change] = diff_graphs(with_field(x=1), with_field(x=True)).changed
    assert change.fields[0].new is True
    [change] = diff_graphs(with_field(x=None), with_field()).changed
    assert (change.fields[0].in_old, change.fields[0].in_new) == (True, False)


@pytest.mark.parametrize("seed", range(8))
def test_any_renumbering_of_a_graph_has_the_same_nodes(seed):
    rng = random.Random(seed)
    b = Builder()
    b.add("input")
    for index in range(1, 60):
        count = rng.choice([1, 1, 2])
        b.add(
            rng.choice("relu tanh exp".split()) if count == 1 else "add", *rng.choices(range(index), k=count)
        )
    graph = b.graph()
    order, ready = [], {0}
    while ready:
        node = rng.choice(sorted(ready))
        order.append(node)
        done = set(order)
        ready = {n.id for n in graph.nodes if n.id not in done and set(n.parents) <= done}
    diff = diff_graphs(graph, renumbered(graph, order))
    assert not diff.added and not diff.removed and not diff.root
    assert all(change.fields == () and change.moved for change in diff.changed)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_reported_is_what_there_is(seed):
    rng = random.Random(seed)

    def graph():
        b = Builder()
        b.add("input")
        for index in range(1, 40):
            count = rng.choice([0, 1, 1, 2])
            kind = {0: "const", 1: rng.choice("relu tanh".split()), 2: "add"}[count]
            b.add(kind, *rng.choices(range(index), k=count), shape=(rng.choice([2, 4]),))
        return b.graph()

    old, new = graph(), graph()
    diff = diff_graphs(old, new)
    assert {node.id for node in diff.removed} | set(diff.ids) == set(range(40))
    assert {node.id for node in diff.added} | set(diff.ids.values()) == set(range(40))
    assert len(set(diff.ids.values())) == len(diff.ids)
    changed = {change.old.id for change in diff.changed}
    for a, b in diff.ids.items():
        if a not in changed:
            assert old.nodes[a].kind == new.nodes[b].kind and old.nodes[a].shape == new.nodes[b].shape
            assert tuple(diff.ids[parent] for parent in old.nodes[a].parents) == new.nodes[b].parents


@pytest.mark.thorough
def test_ten_thousand_nodes_take_seconds_even_where_little_is_alike():
    rng = random.Random(1)

    def graph():
        b = Builder()
        b.add("input")
        for _ in range(9_999):
            b.add("relu", 0, shape=(rng.randrange(10**9),))
        return b.graph()

    diff = diff_graphs(graph(), graph())
    assert len(diff.ids) == 10_000
