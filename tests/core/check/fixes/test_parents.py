"""Parents: too many, too few, and such that are no earlier nodes."""

from __future__ import annotations

import json

import pytest

from tests.core.check.fixes.support import INPUT, LAYOUTS, fixed, inline, node, offered, titles
from torchlean_core.check import check_text

RELU = node(1, "relu", [0], [1, 4])
WIDE = node(2, "const", [], [2, 8])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_surplus_parent_goes_without_which_the_node_is_right(layout):
    text = layout(INPUT, RELU, WIDE, node(3, "tanh", [2, 1], [1, 4]))
    assert titles(text, "TL102") == ["Remove parent 2"]
    assert fixed(text, "TL102", "Remove parent 2") == layout(INPUT, RELU, WIDE, node(3, "tanh", [1], [1, 4]))
    assert not offered(text, "TL102")[0].safe


def test_a_parent_given_twice_goes_once():
    text = inline(INPUT, node(1, "relu", [0, 0], [1, 4]))
    assert titles(text, "TL102") == ["Remove parent 0"]
    assert check_text(fixed(text, "TL102", "Remove parent 0")).ok


def test_of_surplus_parents_one_stays_that_nobody_else_uses():
    text = inline(INPUT, RELU, node(2, "tanh", [1], [1, 4]), node(3, "add", [0, 1, 2], [1, 4]))
    assert titles(text, "TL102")[-1] == "Remove parent 2"
    mended = check_text(fixed(text, "TL102", titles(text, "TL102")[0]))
    assert [finding.code for finding in mended.findings] == []
    text = inline(INPUT, RELU, node(2, "tanh", [0, 1], [1, 4]))
    assert titles(text, "TL102") == ["Remove parent 0", "Remove parent 1"]


def test_a_source_has_no_parents():
    text = inline(INPUT, node(1, "const", [0], [1, 4]), node(2, "add", [0, 1], [1, 4]))
    assert check_text(fixed(text, "TL102", "Remove the parents: `const` takes none")).ok


def test_several_surplus_parents_go_together():
    text = inline(INPUT, RELU, WIDE, node(3, "add", [0, 2, 1, 2], [1, 4]))
    assert check_text(fixed(text, "TL102", "Remove parents 2 and 2")).ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_parent_is_the_nearest_that_fits_and_not_the_one_that_there_is(layout):
    text = layout(INPUT, RELU, WIDE, node(3, "add", [1], [1, 4]))
    assert titles(text, "TL102") == [
        "Add parent 0: `input` [1, 4], the nearest that fits",
        "Add parent 1: `relu` [1, 4]",
    ]
    assert fixed(text, "TL102", "Add parent 0") == layout(INPUT, RELU, WIDE, node(3, "add", [1, 0], [1, 4]))


def test_a_missing_first_operand_of_a_product_comes_first():
    text = inline(INPUT, node(1, "const", [], [4, 3]), node(2, "matmul", [1], [1, 3]))
    assert titles(text, "TL102") == ["Add parent 0: `input` [1, 4], the nearest that fits"]
    assert '"parents": [0, 1]' in fixed(text, "TL102", "Add parent 0")


def test_two_missing_parents_are_two_nodes():
    text = inline(INPUT, RELU, node(2, "add", [], [1, 4]))
    assert '"parents": [0, 1]' in fixed(text, "TL102", "Add parents 0 and 1, the nearest that fit")


def test_nothing_is_added_where_nothing_fits():
    assert titles(inline(INPUT, node(1, "const", [], [5]), node(2, "matmul", [1], [1, 3])), "TL102") == []


@pytest.mark.parametrize("parent", [3, 4, 77])
def test_a_parent_that_is_no_earlier_node_becomes_the_nearest_that_fits(parent):
    loop = node(4, "tanh", [3], [1, 4])
    text = inline(INPUT, RELU, WIDE, node(3, "abs", [parent], [1, 4]), loop)
    found = [fix for fix in offered(text, "TL103") if fix.title.startswith("Replace")]
    assert found[0].title == f"Replace parent {parent} by 1: `relu` [1, 4], the nearest that fits"
    assert not found[0].safe
    assert check_text(fixed(text, "TL103", f"Replace parent {parent} by 1")).ok


def test_of_two_wrong_parents_each_is_replaced_by_what_fits_with_another():
    text = inline(
        INPUT, node(1, "const", [], [4, 3]), node(2, "const", [], [9]), node(3, "matmul", [7, 8], [1, 3])
    )
    after = fixed(text, "TL103", "Replace parent 7 by 0")
    assert check_text(fixed(after, "TL103", "Replace parent 8 by 1")).ok


def test_a_negative_parent_is_replaced_too():
    text = inline(INPUT, RELU, node(2, "tanh", [-1], [1, 4]))
    assert check_text(fixed(text, "TL011", "Replace parent [0] by 1")).ok


def test_a_tuple_as_operand_becomes_a_tensor():
    pair = {
        "id": 1,
        "kind": "py_tuple",
        "parents": [0, 0],
        "value_kind": "tuple",
        "tuple_shapes": [[1, 4], [1, 4]],
    }
    text = inline(INPUT, pair, node(2, "relu", [1], [1, 4]))
    assert check_text(fixed(text, "TL301", "Replace parent 1 by 0")).ok


def test_missing_parents_of_the_generalized_dialect_fit_its_rules():
    text = inline(
        node(0, "input", [], [3, 2, 4]),
        node(1, "const", [], [4, 5]),
        node(2, "matmul", [0], [3, 2, 5]),
        output_id=None,
        output_ids=[2],
    )
    assert json.loads(fixed(text, "TL102", "Add parent 1"))["nodes"][2]["parents"] == [0, 1]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("parents", "steps"),
    [
        ([2], [("TL102", "Add parent 1"), ("TL103", "Replace parent 2 by 1")]),
        ([2], [("TL103", "Replace parent 2 by 1"), ("TL102", "Add parent 0")]),
        ([9], [("TL102", "Add parent 0"), ("TL103", "Replace parent 9 by 1")]),
        (["x"], [("TL102", "Add parent 1"), ("TL011", "Replace parent [0] by 0")]),
        ([0, 9, 1], [("TL102", "Remove parent 9")]),
        (["x", 0, 1], [("TL102", "Remove parent [0]")]),
        (["x", 0, 9, 1], [("TL102", "Remove parents [0] and 9")]),
        ([9, 7, 8], [("TL102", "Remove parent"), ("TL103", "Replace parent"), ("TL103", "Replace parent")]),
    ],
)
def test_two_faults_of_a_node_are_mended_one_by_one(layout, parents, steps):
    text = layout(INPUT, RELU, node(2, "add", parents, [1, 4]), node(3, "relu", [2], [1, 4]))
    for code, title in steps:
        before = len(check_text(text).findings)
        text = fixed(text, code, title)
        assert len(check_text(text).findings) < before
    assert check_text(text).ok
