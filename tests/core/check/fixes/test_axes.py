"""Axes that the operand has not."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import INPUT, fixed, inline, node, offered, titles
from torchlean_core.check import check_text

CUBE = node(0, "input", [], [2, 3, 4])


@pytest.mark.parametrize("axis", [3, 7, 10**20])
def test_an_axis_becomes_the_last_one_or_another(axis):
    text = inline(CUBE, node(1, "softmax", [0], [2, 3, 4], axis=axis))
    assert titles(text, "TL203") == ["Set axis to 2, the last axis", "Set axis to 1", "Set axis to 0"]
    fix = offered(text, "TL203")[0]
    assert fix.preferred and not fix.safe
    assert check_text(fixed(text, "TL203", "Set axis to 2")).ok


def test_the_only_axis_with_which_the_shape_is_right_is_offered_alone():
    text = inline(CUBE, node(1, "reduce_mean", [0], [3, 4], axis=3))
    assert titles(text, "TL203") == ["Set axis to 0"]


def test_where_the_shape_is_wrong_too_the_last_axis_is_offered():
    text = inline(CUBE, node(1, "reduce_mean", [0], [9], axis=3))
    assert offered(text, "TL203")[0].title == "Set axis to 2, the last axis (another error shows then)"


def test_a_scalar_has_no_axis_to_offer():
    assert titles(inline(node(0, "input", [], []), node(1, "softmax", [0], [], axis=0)), "TL203") == []


def test_a_negative_axis_in_range_is_the_one_that_pytorch_means():
    text = inline(CUBE, node(1, "softmax", [0], [2, 3, 4], axis=-2))
    (fix,) = offered(text, "TL011")
    assert fix.title == "Set axis to 1" and fix.safe


def test_a_negative_axis_is_counted_also_where_a_parent_is_too_many():
    text = inline(CUBE, node(1, "softmax", [0, 0], [2, 3, 4], axis=-1))
    assert [fix.safe for fix in offered(text, "TL011")] == [True]


def test_an_entry_of_axes_becomes_the_last_axis():
    outputs = {"output_id": None, "output_ids": [1]}
    text = inline(INPUT, node(1, "reduce_sum", [0], [1], axes=[5], keepdim=False), **outputs)
    assert check_text(fixed(text, "TL203", "Set axes[0] to 1, the last axis")).ok
