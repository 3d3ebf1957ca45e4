"""Lines are found again after edits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torchlean_core.capture.errors import Span
from torchlean_core.live import Moved, split_lines

OLD = ["import torch", "", "def f(x):", "    y = g(x)", "    y = g(y)", "    return y", "", "z = 1"]


def moved(new: list[str]) -> list[int | None]:
    lines = Moved(OLD, new)
    return [lines.line(number) for number in range(1, len(OLD) + 1)]


def test_lines_below_an_insertion_move_down():
    assert moved([*OLD[:1], "import os", *OLD[1:]]) == [1, 3, 4, 5, 6, 7, 8, 9]


def test_a_changed_line_is_gone_and_the_others_stay():
    assert moved([*OLD[:3], "    y = h(x)", *OLD[4:]]) == [1, 2, 3, None, 5, 6, 7, 8]


def test_a_line_that_is_split_is_gone():
    assert moved([*OLD[:3], "    y = g(", "        x)", *OLD[4:]]) == [1, 2, 3, None, 6, 7, 8, 9]


def test_distant_changes_leave_what_stands_between_them():
    new = ["import torch as t", *OLD[1:3], "    # why", *OLD[3:7], "z = 2"]
    assert moved(new) == [None, 2, 3, 5, 6, 7, 8, None]


def test_an_undone_change_brings_a_line_back():
    assert moved(list(OLD)) == list(range(1, 9))


def test_a_span_moves_only_where_its_lines_stay_together():
    span = Span(4, 8, 5, 12)
    down = Moved(OLD, ["", *OLD])
    assert down.span(span) == Span(5, 8, 6, 12)
    assert down.back(5) == 4 and down.back(1) is None
    assert Moved(OLD, [*OLD[:4], "    # between", *OLD[4:]]).span(span) is None


def test_line_ends_make_no_difference():
    assert split_lines("a\r\nb\rc\n\x0cd\u2028e") == ["a", "b", "c", "\x0cd\u2028e"]


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_lines_keep_their_order_and_their_text(old, new):
    found = [Moved(old, new).line(number) for number in range(1, len(old) + 1)]
    there = [line for line in found if line is not None]
    assert there == sorted(set(there))
    assert all(line is None or new[line - 1] == text for line, text in zip(found, old, strict=True))


@given(st.lists(st.sampled_from("abcd")), st.sampled_from("abcdxyz"), st.data())
def test_one_new_line_moves_the_lines_behind_it_by_one(old, line, data):
    place = data.draw(st.integers(0, len(old)))
    lines = Moved(old, [*old[:place], line, *old[place:]])
    assert all(lines.line(number) is not None for number in range(1, len(old) + 1))
