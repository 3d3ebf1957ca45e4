"""Spots, links, renaming, hover texts, hints and the outline."""

from __future__ import annotations

import json

import pytest

from tests.core.navigate.support import INPUT, RELU, links_of, node, spot_of, text_of
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits
from torchlean_core.check.places import place
from torchlean_core.navigate import Links, spot_at
from torchlean_core.navigate.explain import explain
from torchlean_core.navigate.hints import hints
from torchlean_core.navigate.origin import origin_of
from torchlean_core.navigate.outline import entries, matches, search_texts
from torchlean_core.navigate.rename import RenameRefused, rename_edits

ADD = node(2, "add", [0, 1], [1, 4])
TEXT = text_of(INPUT, RELU, ADD)


def mark(text: str, part: str, inside: int = 0) -> str:
    """The text with a mark at its only such part."""
    assert text.count(part) == 1, part
    at = text.index(part) + inside
    return text[:at] + "▮" + text[at:]


@pytest.mark.parametrize(
    ("part", "inside", "path", "on_key", "value"),
    [
        ('"input_id"', 2, ("input_id",), True, 0),
        ('"output_id": 2', 13, ("output_id",), False, 2),
        ('"relu"', 3, ("kind",), False, "relu"),
        ("[0, 1]", 4, ("parents", 1), False, 1),
        ("[0, 1]", 0, ("parents",), False, [0, 1]),
        ('{"id": 2', 0, (), False, None),
    ],
)
def test_a_spot_is_the_innermost_value_or_key(part, inside, path, on_key, value):
    _, spot = spot_of(mark(TEXT, part, inside))
    assert (spot.path, spot.on_key) == (path, on_key)
    assert value is None or spot.value == value
    assert all(start <= spot.span[0] and spot.span[1] <= end for start, end in spot.around)


def test_every_offset_has_a_spot_inside_the_root_and_none_outside():
    text = TEXT + "  "
    document = check_text(text).document
    for offset in range(len(text) + 1):
        spot = spot_at(document, offset)
        assert (spot is not None) == (offset <= len(TEXT))
        assert spot is None or spot.span[0] <= offset <= spot.span[1]


def test_ids_are_named_in_parents_ends_and_nodes_and_nowhere_else():
    links = links_of(TEXT)
    named = {(*use.path, use.index) for use in (*links.declarations(0), *links.uses(0))}
    assert named == {("id", 0), ("input_id", None), ("parents", 0, 1), ("parents", 0, 2)}
    for use in (*links.declarations(0), *links.uses(0)):
        start, end = place(links.report.document, use.index, use.path)
        assert TEXT[start:end] == "0" and links.named(spot_at(links.report.document, start)) == 0
    _, spot = spot_of(mark(TEXT, "[0, 1]", 0))
    assert links.named(spot) is None


def test_ids_out_of_order_and_spelled_oddly_are_followed():
    text = text_of(
        '{"id": 7, "kind": "input", "parents": [], "shape": [1]}',
        '{"id": 9, "kind": "relu", "parents": [7.0], "shape": [1]}',
    )
    links = links_of(text)
    assert links.record(7).index == 0 and [use.index for use in links.uses(7)] == [1]


def test_a_broken_text_still_has_links():
    text = text_of(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4}', ADD, tail="")
    links = links_of(text)
    assert {use.index for use in links.uses(0)} == {None, 1, 2}


# -- renaming -------------------------------------------------------------------------------------------------


def test_the_last_node_can_get_a_greater_id_everywhere():
    links = links_of(TEXT)
    root = json.loads(apply_edits(TEXT, rename_edits(links, 2, "9")))
    assert root["output_id"] == 9 and root["nodes"][2]["id"] == 9
    assert rename_edits(links, 2, "2") == []


def test_a_gap_is_filled_wherever_the_id_is_named():
    text = text_of(INPUT, node(5, "relu", [0], [1, 4]), node(9, "add", [5, 5], [1, 4]), output=9)
    root = json.loads(apply_edits(text, rename_edits(links_of(text), 5, "1")))
    assert root["nodes"][1]["id"] == 1 and root["nodes"][2]["parents"] == [1, 1]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (1, "7", "node 2 uses this node"),
        (2, "1", "belongs to another node"),
        (2, "x", "natural number"),
        (2, "-1", "natural number"),
        (2, "1.0", "natural number"),
        (2, "1" * 40, "natural number"),
        (8, "9", "no node has the id 8"),
    ],
)
def test_an_id_that_breaks_something_is_refused_with_the_reason(old, new, why):
    with pytest.raises(RenameRefused, match=why):
        rename_edits(links_of(TEXT), old, new)


def test_an_id_below_a_parent_an_ambiguous_one_and_a_broken_text_are_refused():
    text = text_of(INPUT, node(5, "relu", [0], [1, 4]), node(9, "abs", [5], [1, 4]), output=9)
    with pytest.raises(RenameRefused, match="not greater than parent 5"):
        rename_edits(links_of(text), 9, "3")
    with pytest.raises(RenameRefused, match="2 nodes have the id 1"):
        rename_edits(links_of(text_of(INPUT, RELU, RELU)), 1, "4")
    with pytest.raises(RenameRefused, match="not valid JSON"):
        rename_edits(links_of(TEXT[:-1]), 2, "9")


# -- texts ----------------------------------------------------------------------------------------------------


def test_a_hover_has_everything_worth_knowing():
    text = text_of(
        INPUT,
        node(
            1,
            "linear",
            [0],
            [1, 8],
            source={"line": 24, "module": "hidden"},
            debug_target="aten.linear.default",
        ),
        node(2, "relu", [1], [1, 9]),
    )
    links, spot = spot_of(mark(text, '"linear"', 2))
    shown = explain(links, spot)
    for part in (
        "**node 1** · `linear` · `[1, 8]`", "Affine map", "x Wᵀ + b", "F.linear(x, W, b)",
        "operand 0 (`input`) `[1, 4]`",
        "parameter `linear_1_W` `[8, 4]`, 32 values", "parameter `linear_1_b` `[8]`, 8 values", "used by 2 (`relu`)",
        "aten.linear.default", "`hidden`, line 24", "kinds.md#linear",
    ):  # fmt: skip
        assert part in shown, part
    links, spot = spot_of(mark(text, '"relu"', 2))
    shown = explain(links, spot)
    assert (
        "inferred shape `[1, 8]`, declared `[1, 9]`" in shown
        and "[TL201](" in shown
        and "`output_id`" in shown
    )


def test_fields_and_the_root_have_hovers_of_their_own():
    text = text_of(INPUT, node(1, "softmax", [0], [1, 4], axis=1, eps=1))
    for part, shown in (
        ('"axis"', "Axis that sums to 1"),
        ('"shape": [1, 4], "axis"', "[] is a scalar"),
        ('"eps"', "epsilon"),
        ('"nodes"', "topological order"),
        ('"output_id"', "output"),
    ):
        links, spot = spot_of(mark(text, part, 1))
        assert shown in explain(links, spot), part
    links, spot = spot_of("▮" + text)
    assert "2 nodes" in explain(links, spot) and "output: 1 (`softmax`)" in explain(links, spot)
    links, spot = spot_of(mark(text_of(INPUT, RELU), "[0]", 1))
    assert "**node 0**" in explain(links, spot)  # on a parent id: the parent


def test_nothing_in_a_file_breaks_out_of_the_markdown():
    links, spot = spot_of(mark(text_of(INPUT, node(1, "re`lu\n\x1b[31m# x", [0], [1])), '"id": 1', 0))
    shown = explain(links, spot)
    assert "\x1b" not in shown and "\n# x" not in shown


def test_hints_say_kind_and_shape_of_every_parent_in_sight():
    text = text_of(
        INPUT,
        RELU,
        '{"id": 2, "kind": "add",\n "debug_target": "aten.add.Tensor", "parents": [0, 1], "shape": [1, 4]}',
    )
    links = links_of(text)
    shown = text
    for hint in sorted(hints(links, 0, len(text))[0], reverse=True):
        shown = f"{shown[: hint.offset]} {hint.label}{shown[hint.offset :]}"
    assert '"parents": [0 /* input [1, 4] */, 1 /* relu [1, 4] */]' in shown
    assert '"add" /* aten.add.Tensor */' in shown and '"output_id": 2 /* add [1, 4] */' in shown
    start = text.index('{"id": 1')
    assert [hint.label for hint in hints(links, start, start + len(RELU))[0]] == ["/* input [1, 4] */"]
    assert hints(links, 0, len(text), parents=False, targets=False) == ([], 0)


def test_nodes_behind_the_limit_of_hints_are_counted_and_not_looked_at(monkeypatch):
    chain = [f'{{"id": {i}, "kind": "relu", "parents": [{i - 1}], "shape": [1, 4]}}' for i in range(1, 50)]
    links = links_of(text := text_of(INPUT, *chain))
    looked = []
    monkeypatch.setattr(
        "torchlean_core.navigate.hints.place",
        lambda document, index, path: (looked.append(index), place(document, index, path))[1],
    )
    found, left_out = hints(links, 0, len(text), limit=10)
    assert len(found) == 10 and left_out == 50 - 9  # two of the hints are at the root's ends
    assert max(index for index in looked if index is not None) == 8


def test_the_outline_has_every_node_and_is_searched_by_id_kind_module_and_target():
    text = text_of(
        INPUT,
        node(
            1, "linear", [0], [1, 8], source={"line": 2, "module": "encoder.proj"}, debug_target="aten.linear"
        ),
    )
    links = links_of(text)
    assert [(one.name, one.detail, one.role) for one in entries(links)] == [
        ("0 input", "[1, 4]", "input"),
        ("1 linear", "[1, 8] ← 0 · encoder.proj", "layer"),
    ]
    texts = search_texts(links.record(1))
    assert all(matches(texts, query) for query in ("", "1", "lin", "encproj", "aten.l", "1 linear"))
    assert not matches(texts, "relu")


def test_the_origin_is_relative_to_the_artifact(tmp_path):
    text = text_of(INPUT, node(1, "relu", [0], [1, 4], source={"line": 24}))
    root = {**json.loads(text), "captured_from": {"file": "../model.py", "class": "M"}}
    record = Links(check_text(text)).record(1)
    origin = origin_of(root, record, tmp_path / "out" / "m.ir.json")
    assert (origin.file, origin.name, origin.line) == (tmp_path / "out" / ".." / "model.py", "M", 24)
    for odd in (
        None,
        3,
        {},
        {"captured_from": 3},
        {"captured_from": {"file": ""}},
        {"captured_from": {"file": "a\0b"}},
    ):
        assert origin_of(odd, record, tmp_path / "m.ir.json") is None
