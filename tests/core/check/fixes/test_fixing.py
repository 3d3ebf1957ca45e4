"""Mending whole texts: it ends, is done after one time, and never makes a file worse."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.check.fixes.support import INPUT, LAYOUTS, errors, inline, minified, node, one_a_line
from tests.core.check.fixes.test_corpus import cases
from torchlean_core.check import check_text
from torchlean_core.check.fixes import Edit, apply_edits
from torchlean_core.check.fixes.pieces import Pieces
from torchlean_core.check.fixing import fix_text

pytestmark = pytest.mark.thorough

MANY = 10_000


def texts():
    for path in cases("conformance"):
        try:
            yield path.name, path.read_bytes().decode()
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize("unsafe", [False, True])
def test_the_corpus_gets_better_and_is_done_after_one_time(unsafe):
    mended = 0
    for name, text in texts():
        result = fix_text(text, unsafe=unsafe)
        before, after = errors(check_text(text)), errors(result.report)
        assert len(after) <= len(before), name
        assert errors(check_text(result.text)) == after, name
        assert apply_edits(text, result.edits) == result.text, name
        assert bool(result.applied) == result.changed, name
        assert fix_text(result.text, unsafe=unsafe).text == result.text, name
        mended += bool(before) and not after
    assert mended > (400 if unsafe else 100)


def test_a_clean_text_stays_as_it_is():
    text = inline(INPUT, node(1, "relu", [0], [1, 4]))
    result = fix_text(text)
    assert result.text == text and not result.changed and result.applied == () and result.edits == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_several_families_of_fixes_work_together(layout):
    good = layout(INPUT, node(1, "softmax", [0], [1, 4], axis=1), node(2, "relu", [1], [1, 4]))
    nodes = (INPUT, node(5, "Softmax", [0], [1, 3], axis=-1), node(9, "relu", [5], [1, 3]))
    broken = layout(*nodes, output_id=9, format=None)
    place = broken.rindex("}")
    result = fix_text("\ufeff" + broken[:place] + "," + broken[place:])
    assert result.text == good
    assert [code for code, _ in result.applied] == [
        "TL003",
        "TL001",
        "TL101",
        "TL013",
        "TL014",
        "TL011",
        "TL201",
    ]


def test_unsafe_fixes_wait_to_be_asked_for():
    text = inline(INPUT, node(1, "rlu", [0], [1, 4]))
    assert not fix_text(text).changed
    assert fix_text(text, unsafe=True).report.ok


def test_codes_can_be_selected_and_ignored():
    text = inline(INPUT, node(1, "relu", [0], [1, 3]), format=None)
    assert [code for code, _ in fix_text(text, select=["TL2"]).applied] == ["TL201"]
    assert [code for code, _ in fix_text(text, ignore=["TL201"]).applied] == ["TL013"]
    assert fix_text("\ufeff" + text, select=["TL2"]).text.startswith("\ufeff")


def test_a_shape_that_would_break_something_else_does_not_keep_others_out():
    reshape = node(2, "reshape", [1], [3], in_shape=[1, 3], out_shape=[3])
    text = inline(INPUT, node(1, "relu", [0], [1, 3]), reshape, node(3, "abs", [0], [1, 5]))
    result = fix_text(text)
    assert [code for code, _ in result.applied] == ["TL201"]
    assert result.text == text.replace("[1, 5]", "[1, 4]")


@pytest.mark.parametrize(
    "nodes",
    [
        [node(i, "relu", [i - 1], [1, 3]) for i in range(1, MANY)],
        [node(i, "relu", [0], [1, 3]) for i in range(1, MANY)],
        [node(i, "softmax", [i - 1], [1, 4], axis=-1) for i in range(1, MANY)],
        [node(2 * i, "relu", [2 * i - 2], [1, 4]) for i in range(1, MANY)],
    ],
    ids=["chain", "comb", "fields", "ids"],
)
def test_ten_thousand_findings_take_a_few_rounds(nodes):
    start = time.process_time()
    result = fix_text(minified(INPUT, *nodes, output_id=nodes[-1]["id"]))
    assert result.report.ok
    assert time.process_time() - start < 30


def test_ten_thousand_insertions_are_written_once():
    x = node(0, "input", [], [4])
    fields = {"from_shape": [4], "to_shape": [4, 4]}
    nodes = [node(i, "broadcast_to", [0], [4, 4], **fields) for i in range(1, 3_000)]
    result = fix_text(one_a_line(x, *nodes))
    assert "TL401" not in {finding.code for finding in result.report.findings}
    assert len(result.report.records) == 1 + 2 * 2_999


@given(st.text(max_size=30), st.data())
def test_rounds_of_edits_are_one_edit_of_the_first_text(text, data):
    pieces, present = Pieces(text), text
    for _ in range(data.draw(st.integers(0, 4))):
        cuts = sorted(data.draw(st.sets(st.integers(0, len(present)), max_size=6)))
        edits = [
            Edit(a, b, data.draw(st.text("ab", max_size=3)))
            for a, b in zip(cuts[::2], cuts[1::2], strict=False)
        ]
        pieces.apply(edits)
        present = apply_edits(present, edits)
        assert apply_edits(text, pieces.edits()) == present


def test_a_field_that_repeats_a_shape_is_set_before_what_follows_from_it():
    text = inline(INPUT, node(1, "flatten", [0], [8], value_shape=[2, 4]))
    mended = fix_text(text, unsafe=True)
    assert mended.report.ok and '"value_shape": [1, 4]' in mended.text and '"shape": [4]' in mended.text


def test_many_fixes_that_help_nothing_keep_no_other_out():
    quoted = [node(i, "const", [], ["2"]) for i in range(1, 101)]  # to read them brings out two errors each
    users = [node(100 + i, "relu", [(i + 1) // 2], [1, 9]) for i in range(1, 201)]
    good = node(301, "softmax", [0], [1, 4], axis=-1)
    text = inline(INPUT, *quoted, *users, good)
    result = fix_text(text)
    assert [title for _, title in result.applied] == ["Set axis to 1"]
    assert result.text == text.replace('"axis": -1', '"axis": 1')


def test_a_parent_is_looked_for_after_shapes_are_mended():
    text = inline(INPUT, node(1, "relu", [0], [1, 5]), node(2, "tanh", [2], [1, 4]))
    assert '"parents": [1]' in fix_text(text, unsafe=True).text


DAMAGED = one_a_line(
    INPUT,
    node(1, "linear", [0], [1, 8]),
    node(7, "Relu", [1], [1, 9]),
    node(3, "add", [2], [1, 8]),
    node(4, "tanh", [3], [1, 8]),
    node(6, "relu", [5, 4], [1, 8]),
    node(7, "relu", [7], [1, 8]),
)


def test_no_node_is_removed_because_a_parent_was_guessed():
    result = fix_text(DAMAGED, unsafe=True)
    assert len(result.report.records) == 7
    assert not any(code == "TL403" for code, _ in result.applied)


def test_unused_nodes_are_removed_where_that_alone_is_asked_for():
    text = one_a_line(
        INPUT, node(1, "relu", [0], [1, 4]), node(2, "tanh", [0], [1, 4]), node(3, "exp", [2], [1, 4])
    )
    assert fix_text(text, unsafe=True).text == text
    assert fix_text(text, select=["TL403"]).text == text, "it is not safe"
    result = fix_text(text, unsafe=True, select=["TL403"])
    assert [record.raw["kind"] for record in result.report.records] == ["input", "tanh", "exp"]
