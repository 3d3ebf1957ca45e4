"""Fixes of the text itself: only what can be mended in one way."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import INPUT, LAYOUTS, fixed, inline, node, offered, titles
from torchlean_core.check import check_bytes, check_text
from torchlean_core.check.fixes import apply_edits, fixes

RELU = node(1, "relu", [0], [1, 4])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("closer", ["]", "}"])
def test_a_trailing_comma_goes(layout, closer):
    text = layout({**INPUT, "note": ", ]"}, RELU)
    place = text.rindex(closer)
    broken = text[:place] + " ," + text[place:]
    assert fixed(broken, "TL001", "Remove the trailing comma") == text[:place] + " " + text[place:]


@pytest.mark.parametrize("old", ["[1, 4, ,]", "[,]", "[1,, 4]"])
def test_a_comma_too_many_elsewhere_may_be_a_missing_value(old):
    broken = inline(INPUT).replace("[1, 4]", old)
    assert titles(broken, "TL001") == []


def test_more_trailing_commas_than_are_told_go_at_once():
    text = inline(INPUT, *(node(i, "relu", [i - 1], [1, 4]) for i in range(1, 200)))
    broken = text.replace("]}", "],}")
    assert titles(broken, "TL001")[0] == "Remove all 201 trailing commas"
    assert apply_edits(broken, offered(broken, "TL001")[0].edits) == text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_comma_between_nodes_is_added(layout):
    text = layout(INPUT, RELU)
    place = text.index("}") + 1
    assert text[place] == ","
    assert fixed(text[:place] + text[place + 1 :], "TL001", "Add the missing comma") == text


def test_a_comma_between_members_is_added():
    text = inline(INPUT, RELU)
    assert fixed(text.replace('1, "kind"', '1 "kind"'), "TL001", "Add the missing comma") == text


BRACKETS = [
    ("}, {", ", {", "Add the missing `}`"),
    ("}, {", "} {", "Add the missing comma"),
    ("}, {", "}}, {", "Remove this `}`"),
    ("}, {", "}], {", "Remove this `]`"),
    ("}, {", "}, ", "Add the missing `{`"),
    ("}, {", "}, {{", "Remove this `{`"),
    ('[0], "shape"', '[0, "shape"', "Add the missing `]`"),
    ('[0], "shape"', '[0]], "shape"', "Remove this `]`"),
    ('"nodes": [', '"nodes": ', "Add the missing `[`"),
    ('"nodes": [', '"nodes": [[', "Remove this `[`"),
    ("{", "", "Add the missing `{`"),
]


@pytest.mark.parametrize(("right", "wrong", "title"), BRACKETS)
def test_a_bracket_is_added_or_removed(right, wrong, title):
    text = inline(INPUT, RELU, node(2, "tanh", [1], [1, 4]))
    broken = text.replace(right, wrong, 1)
    assert broken != text
    mended = fixed(broken, "TL001", title)
    assert mended.replace(" ", "") == text.replace(" ", "")


def test_two_numbers_without_a_comma_may_be_one():
    assert titles(inline(INPUT).replace("[1, 4]", "[1 4]"), "TL001") == []


def test_python_constants_become_json():
    text = inline(INPUT, node(1, "const", [], [2], trainable=True), RELU, output_id=0)
    broken = text.replace("true", "True")
    assert fixed(broken, "TL001", "Change `True` to `true`") == text


def test_of_two_equal_members_the_earlier_goes_safely():
    text = inline(INPUT, RELU)
    broken = text.replace('"kind": "relu"', '"kind": "relu", "kind": "relu"')
    assert fixed(broken, "TL002", "Remove the repeated `kind`") == text
    assert offered(broken, "TL002")[0].safe


def test_of_two_unequal_members_the_last_is_kept_as_torchlean_reads_it():
    text = inline(INPUT, RELU)
    broken = text.replace('"kind": "relu"', '"kind": "tanh", "kind": "relu"')
    assert fixed(broken, "TL002", "Remove the earlier `kind`") == text
    assert not offered(broken, "TL002")[0].safe


def test_a_byte_order_mark_goes():
    text = inline(INPUT, RELU)
    report = check_bytes(("\ufeff" + text).encode())
    [fix] = fixes(report, report.findings[0])
    assert fix.safe and apply_edits(report.document.text, fix.edits) == text
    assert apply_edits("\ufeff" + text, fix.edits) == text


def test_a_byte_order_mark_in_an_open_text_is_all_that_is_wrong_with_it():
    text = inline(INPUT, node(1, "rlu", [0], [1, 4]))
    report = check_text("\ufeff" + text)
    assert [finding.code for finding in report.findings] == ["TL003", "TL014"]
    assert report.span(report.findings[0]) == (0, 1)
    [fix] = fixes(report, report.findings[0])
    assert fix.safe and apply_edits(report.document.text, fix.edits) == text


def test_a_file_that_is_not_utf8_has_no_fixes():
    content = inline(INPUT, node(1, "rlu", [0], [1, 4], note="\xe9")).encode().replace(b"\\u00e9", b"\xff")
    report = check_bytes(content)
    assert {finding.code for finding in report.findings} == {"TL003", "TL014"}
    assert [fixes(report, finding) for finding in report.findings] == [[], []]
