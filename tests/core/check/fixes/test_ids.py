"""Numbering and order: the same graph under other names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.check.fixes.support import (
    INPUT,
    LAYOUTS,
    applied,
    content,
    fixed,
    inline,
    node,
    nodes_of,
    offered,
    one_a_line,
    titles,
)
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits, fixes

GOOD = (INPUT, node(1, "relu", [0], [1, 4]), node(2, "tanh", [1], [1, 4]), node(3, "add", [1, 2], [1, 4]))


def renamed(nodes: Any, names: dict[int, int]) -> list[Any]:
    return [
        {**one, "id": names[one["id"]], "parents": [names[parent] for parent in one["parents"]]}
        for one in nodes
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("step", [2, 10**30])
def test_renumbering_keeps_edges_and_ends(layout, step):
    names = {i: 5 + i * step for i in range(4)}
    text = layout(*renamed(GOOD, names), input_id=5, output_id=5 + 3 * step)
    assert fixed(text, "TL101", "Renumber ids by place") == layout(*GOOD)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sorting_by_id_keeps_every_id(layout):
    nodes = [GOOD[0], GOOD[2], GOOD[1], GOOD[3]]
    text = layout(*nodes)
    found = offered(text, "TL103")
    assert found[0].title == "Sort nodes by id" and found[0].safe and found[0].preferred
    assert applied(text, "TL103", found[0]) == layout(*GOOD)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reordering_puts_parents_first(layout):
    # Ids are places, but node 1 uses node 3.
    nodes = [INPUT, node(1, "add", [0, 3], [1, 4]), node(2, "relu", [0], [1, 4]), node(3, "abs", [2], [1, 4])]
    text = layout(*nodes, output_id=1)
    after = fixed(text, "TL103", "Reorder nodes so that parents come first")
    assert after == layout(
        INPUT, node(1, "relu", [0], [1, 4]), node(2, "abs", [1], [1, 4]), node(3, "add", [0, 2], [1, 4])
    )


def test_a_moved_node_keeps_its_own_text():
    nodes = [INPUT, node(1, "relu", [2], [1, 4], note="a,  b"), node(2, "abs", [0], [1, 4])]
    text = one_a_line(*nodes, output_id=1).replace('"relu", "parents"', '"relu"  ,"parents"')
    after = fixed(text, "TL103", "Reorder")
    moved = '{"id": 2, "kind": "relu"  ,"parents": [1], "shape": [1, 4], "note": "a,  b"}'
    assert moved in after and check_text(after).ok


NEAREST = "Replace parent {} by 0: `input` [1, 4], the nearest that fits"
RENUMBER, REORDER = "Renumber ids by place", "Reorder nodes so that parents come first"


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        # A cycle and a loop have no order; the nearest node is named instead.
        ([INPUT, node(1, "relu", [2], [1, 4]), node(2, "relu", [1], [1, 4])], NEAREST.format(2)),
        ([INPUT, node(1, "relu", [1], [1, 4])], NEAREST.format(1)),
        # An id twice, and a user of it: two readings.
        (
            [INPUT, node(1, "relu", [0], [1, 4]), node(1, "abs", [0], [1, 4]), node(3, "abs", [1], [1, 4])],
            f"{RENUMBER}, keeping edges; a repeated id means the last node before its user",
        ),
        # A parent that would come to be: it goes on to name nothing.
        (
            [INPUT, node(7, "relu", [1], [1, 4]), node(2, "abs", [0], [1, 4])],
            f"{RENUMBER}, keeping edges (1, which names no node, becomes 4)",
        ),
        # No node, and something that may be an id: all others move.
        ([INPUT, 3, node(2, "relu", [3], [1, 4]), node(3, "relu", [0], [1, 4])], REORDER),
        (
            [
                INPUT,
                node(1, "relu", [3], [1, 4]),
                node(2, "relu", ["0"], [1, 4]),
                node(3, "relu", [0], [1, 4]),
            ],
            REORDER,
        ),
    ],
)
def test_a_graph_that_is_not_clear_gets_fixes_that_are_not_safe(nodes, first):
    text = inline(*nodes)
    report = check_text(text)
    finding = next(one for one in report.findings if one.code in ("TL101", "TL103"))
    found = fixes(report, finding)
    assert found[0].title.startswith(first), [fix.title for fix in found]
    assert not any(fix.safe for fix in found)
    applied(text, finding.code, found[0])


def test_a_cycle_does_not_keep_other_nodes_from_their_order():
    cycle = (node(3, "relu", [4], [1, 4]), node(4, "relu", [3], [1, 4]))
    text = inline(INPUT, node(1, "relu", [2], [1, 4]), node(2, "abs", [0], [1, 4]), *cycle)
    after = nodes_of(fixed(text, "TL103", REORDER, 1))
    assert [one["kind"] for one in after[:3]] == ["input", "abs", "relu"] and after[2]["parents"] == [1]
    assert [one["parents"] for one in after[3:]] == [[4], [3]]


def test_a_node_that_was_copied_gets_a_number_and_everybody_behind_it():
    copied = [INPUT, node(1, "relu", [0], [1, 4]), node(1, "relu", [0], [1, 4]), node(2, "abs", [1], [1, 4])]
    last, first = offered(inline(*copied, output_id=2), "TL101")
    assert (last.safe, first.safe) == (False, False)
    assert [one["parents"] for one in nodes_of(apply_edits(inline(*copied, output_id=2), last.edits))][3] == [
        2
    ]
    assert [one["parents"] for one in nodes_of(apply_edits(inline(*copied, output_id=2), first.edits))][
        3
    ] == [1]


def test_an_id_that_is_there_twice_is_set_safely_where_somebody_names_the_one_that_is_missing():
    text = inline(
        INPUT, node(1, "relu", [0], [1, 4]), node(1, "abs", [1], [1, 4]), node(3, "tanh", [2], [1, 4])
    )
    fix = offered(text, "TL101")[0]
    assert fix.title == "Set id to 2" and fix.safe
    assert check_text(applied(text, "TL101", fix)).ok


def test_ids_that_cannot_be_read_do_not_keep_the_others_from_theirs():
    strange = {"id": "x", "kind": "abs", "parents": [0], "shape": [1, 4]}
    text = inline(INPUT, strange, node(5, "relu", [0], [1, 4]), output_id=5)
    after = fixed(text, "TL101", RENUMBER)
    assert [one["id"] for one in nodes_of(after)] == [0, "x", 2] and json.loads(after)["output_id"] == 2
    assert not offered(text, "TL101")[0].safe


def test_parameters_go_by_id_so_renumbering_a_linear_is_not_safe():
    nodes = renamed((INPUT, node(1, "relu", [0], [1, 4]), node(2, "linear", [1], [1, 2])), {0: 0, 1: 1, 2: 5})
    [fix] = offered(inline(*nodes, output_id=5), "TL101")
    assert not fix.safe
    assert fix.title.endswith("(changes 1 node id that parameters or random numbers go by)")


def test_a_linear_before_the_change_keeps_its_id_and_renumbering_is_safe():
    nodes = renamed((INPUT, node(1, "linear", [0], [1, 2]), node(2, "relu", [1], [1, 2])), {0: 0, 1: 1, 2: 5})
    [fix] = offered(inline(*nodes, output_id=5), "TL101")
    assert fix.safe


def test_one_id_is_set_where_nobody_means_the_old_one():
    text = inline(INPUT, node(1, "relu", [0], [1, 4]), node(1, "abs", [0], [1, 4]))
    assert fixed(text, "TL101", "Set id to 2") == text.replace(
        '"id": 1, "kind": "abs"', '"id": 2, "kind": "abs"'
    )


def test_the_input_end_is_the_only_input_node():
    text = inline(INPUT, node(1, "relu", [0], [1, 4]), input_id=1)
    assert fixed(text, "TL104", "Set input_id to 0") == text.replace('"input_id": 1', '"input_id": 0')
    assert offered(text, "TL104")[0].safe


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_output_end_is_a_node_that_nobody_uses_and_a_guess(layout):
    nodes = (INPUT, node(1, "relu", [0], [1, 4]), node(2, "abs", [1], [1, 4]))
    text = layout(*nodes, output_id=9)
    assert fixed(text, "TL104", "Set output_id to 2") == layout(*nodes)
    assert not offered(text, "TL104")[0].safe


def test_a_missing_end_is_added_first():
    after = fixed(inline(INPUT, input_id=None), "TL010", "Add input_id: 0")
    assert json.loads(after) == content(INPUT) and after.startswith('{"input_id": 0, ')


def test_an_end_of_minus_one_is_the_last_node():
    text = inline(INPUT, node(1, "relu", [0], [1, 4]), output_id=-1)
    assert fixed(text, "TL011", "Set output_id to 1") == text.replace("-1", "1")


def test_an_end_behind_a_gap_gets_the_number_of_its_node():
    nodes = renamed((INPUT, node(1, "relu", [0], [1, 4])), {0: 0, 1: 7})
    text = inline(*nodes, output_id=7)
    assert titles(text, "TL104") == ["Renumber ids by place, keeping edges"]
    assert fixed(text, "TL104", RENUMBER) == inline(INPUT, node(1, "relu", [0], [1, 4]))
    assert offered(text, "TL104")[0].safe


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A random valid graph of nodes whose ids nothing goes by."""
    nodes = [INPUT]
    for index in range(1, draw(st.integers(2, 12))):
        parents = draw(st.lists(st.integers(0, index - 1), min_size=1, max_size=2))
        kind = "relu" if len(parents) == 1 else "add"
        nodes.append(node(index, kind, parents, [1, 4], mark=index))
    return nodes


def up_to_names(nodes: list[dict[str, Any]], ends: tuple[int, int]) -> Any:
    """A graph with every id replaced by the mark of its node (the input's is 0)."""
    marks = {one["id"]: one.get("mark", 0) for one in nodes}
    edges = {marks[one["id"]]: (one["kind"], [marks[parent] for parent in one["parents"]]) for one in nodes}
    return edges, [marks[end] for end in ends]


@given(graphs(), st.data())
def test_any_permutation_of_ids_and_places_is_the_same_graph_after_a_rewrite(nodes, data):
    count = len(nodes)
    names = data.draw(st.lists(st.integers(0, 10**20), min_size=count, max_size=count, unique=True))
    if data.draw(st.booleans()):
        names = data.draw(st.permutations(range(count)))
    strange = data.draw(st.permutations(renamed(nodes, dict(enumerate(names)))))
    output = data.draw(st.integers(0, count - 1))
    layout = data.draw(st.sampled_from(LAYOUTS))
    ends = (names[0], names[output])
    text = layout(*strange, input_id=ends[0], output_id=ends[1])
    report = check_text(text)
    for finding in report.findings:
        if finding.code not in ("TL101", "TL103"):
            continue
        # Another parent in the place of one that comes later is another graph.
        found = [fix for fix in fixes(report, finding) if not fix.title.startswith("Replace parent")]
        assert found
        for fix in found:
            after = apply_edits(text, fix.edits)
            root = json.loads(after)
            assert check_text(after).ok
            assert up_to_names(nodes_of(after), (root["input_id"], root["output_id"])) == up_to_names(
                strange, ends
            )
        break
    else:
        assert report.ok
