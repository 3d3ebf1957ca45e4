"""Fixes of shapes: one node, or everything that depends on it."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import INPUT, LAYOUTS, errors, fixed, inline, node, offered, titles
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits

CHAIN = (INPUT, node(1, "relu", [0], [1, 3]), node(2, "tanh", [1], [1, 3]), node(3, "abs", [2], [1, 3]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_shape_is_set_and_nothing_else(layout):
    text = layout(INPUT, node(1, "relu", [0], [1, 3]), node(2, "tanh", [1], [1, 4]))
    [fix] = offered(text, "TL201", 1)
    assert fix.title == "Set shape to inferred [1, 4]" and fix.safe and fix.preferred
    after = fixed(text, "TL201", fix.title, 1)
    assert after == layout(INPUT, node(1, "relu", [0], [1, 4]), node(2, "tanh", [1], [1, 4]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_shape_is_propagated_to_everything_that_depends_on_it(layout):
    found = titles(layout(*CHAIN), "TL201")
    assert found == [
        "Set shape to inferred [1, 4] and propagate to 2 nodes that depend on it",
        "Set shape to inferred [1, 4] (another error shows then)",
    ]
    after = fixed(layout(*CHAIN), "TL201", found[0])
    assert after == layout(*({**one, "shape": [1, 4]} for one in CHAIN))


def test_one_shape_alone_is_not_safe_where_a_user_fails_then():
    branch, single = offered(inline(*CHAIN), "TL201")
    assert branch.preferred and not single.preferred
    assert not single.safe and branch.safe


def test_one_shape_alone_is_not_offered_where_it_makes_more_errors():
    users = (node(i, "tanh", [1], [1, 3]) for i in range(2, 5))
    text = inline(INPUT, node(1, "relu", [0], [1, 3]), *users)
    [fix] = offered(text, "TL201")
    assert fix.title.endswith("propagate to 3 nodes that depend on it")
    assert fix.safe and fix.preferred and check_text(apply_edits(text, fix.edits)).ok


def test_repeated_shapes_and_the_leading_dims_of_linear_follow():
    text = inline(
        INPUT,
        node(1, "relu", [0], [2, 4]),
        node(2, "linear", [1], [2, 5]),
        node(3, "flatten", [2], [10], value_shape=[2, 5]),
    )
    after = fixed(text, "TL201", "Set shape to inferred [1, 4] and propagate")
    assert after == inline(
        INPUT,
        node(1, "relu", [0], [1, 4]),
        node(2, "linear", [1], [1, 5]),
        node(3, "flatten", [2], [5], value_shape=[1, 5]),
    )


def test_what_cannot_follow_is_left_alone():
    reshape = node(2, "reshape", [1], [3], in_shape=[1, 3], out_shape=[3])
    text = inline(INPUT, node(1, "relu", [0], [1, 3]), reshape)
    [fix] = offered(text, "TL201")
    assert not fix.safe
    after = apply_edits(text, fix.edits)
    assert [finding.code for finding in errors(check_text(after))] == ["TL209"]


def test_a_projection_gets_its_components_shape():
    attention = {
        "id": 1, "kind": "multihead_attention", "parents": [0, 0, 0], "value_kind": "tuple",
        "tuple_shapes": [[2, 3, 4], [2, 3, 3]], "embed_dim": 4, "num_heads": 1, "batch_first": True,
        "dropout_zero": True,
    }  # fmt: skip
    x = node(0, "input", [], [2, 3, 4])
    text = inline(x, attention, node(2, "tuple_getitem", [1], [2, 3, 5], index=0))
    after = fixed(text, "TL302", "Set shape to inferred [2, 3, 4]")
    assert after == text.replace("[2, 3, 5]", "[2, 3, 4]")


def test_a_shape_before_an_attention_is_judged_by_its_projections():
    attention = {
        "id": 2, "kind": "multihead_attention", "parents": [1, 1, 1], "value_kind": "tuple",
        "tuple_shapes": [[2, 3, 5], [2, 3, 3]], "embed_dim": 5, "num_heads": 1, "batch_first": True,
        "dropout_zero": True,
    }  # fmt: skip
    relu = node(1, "relu", [0], [2, 3, 5])
    text = inline(
        node(0, "input", [], [2, 3, 4]), relu, attention, node(3, "tuple_getitem", [2], [2, 3, 5], index=0)
    )
    assert titles(text, "TL201") == []  # the projection would fail twice


def test_leading_dims_of_linear_are_inferred():
    text = inline(INPUT, node(1, "linear", [0], [2, 7]))
    assert fixed(text, "TL202", "Set shape to inferred [1, 7]") == text.replace("[2, 7]", "[1, 7]")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_repeated_shape_is_the_parents(layout):
    good = node(1, "reshape", [0], [4], in_shape=[1, 4], out_shape=[4])
    text = layout(INPUT, {**good, "in_shape": [4, 1]})
    assert fixed(text, "TL209", "Set in_shape to the parent's shape [1, 4]") == layout(INPUT, good)
    assert offered(text, "TL209")[0].safe


def test_a_repeated_shape_is_not_safe_where_the_node_fails_then():
    text = inline(INPUT, node(1, "reshape", [0], [6], in_shape=[2, 3], out_shape=[6]))
    [fix] = offered(text, "TL209")
    assert not fix.safe


def test_dimensions_of_any_size_are_kept():
    big = 10**40
    text = inline(node(0, "input", [], [big]), node(1, "relu", [0], [3]))
    assert fixed(text, "TL201", "Set shape to inferred") == text.replace("[3]", f"[{big}]")
