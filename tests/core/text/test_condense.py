"""Long arrays of numbers in nodes: one value to both readers, and to an edit."""

from __future__ import annotations

import json
import random
import re

import pytest

from torchlean_core.check import check_text
from torchlean_core.check.checker import Check
from torchlean_core.text import Document, LineIndex, read_text
from torchlean_core.text.condense import LONG, condense
from torchlean_core.text.numbers import Numbers
from torchlean_core.text.parser import parse_tree
from torchlean_core.text.tree import BAD, HUGE, Tree

pytestmark = pytest.mark.thorough


def weights(draw: random.Random, shape: list[int]):
    if not shape:
        return draw.choice([draw.gauss(0, 1), draw.gauss(0, 1) * 1e-7, draw.randrange(-9, 9), -0.0])
    return [weights(draw, shape[1:]) for _ in range(shape[0])]


def artifact(draw: random.Random, count: int = 8) -> str:
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [4, 4]}]
    for index in range(1, count):
        node = {"id": index, "kind": draw.choice(["relu", "tanh"]), "parents": [index - 1], "shape": [4, 4]}
        for name in draw.sample(["weight", "bias", "values", "gamma", "table"], draw.randrange(3)):
            shape = draw.choice([[3], [200], [20, 10], [6, 5, 3, 3], [2, 0], [300, 1]])
            node[name] = weights(draw, shape)
        if draw.random() < 0.3:
            node["source"] = {"module": "é", "table": weights(draw, [150]), "text": "[" + "1, " * 300 + "1]"}
        items = list(node.items())
        draw.shuffle(items)
        nodes.append(dict(items))
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": count - 1, "nodes": nodes}
    if draw.random() < 0.3:
        root["table"] = weights(draw, [200])
    items = list(root.items())
    draw.shuffle(items)
    options = draw.choice([{"indent": 2}, {}, {"separators": (",", ":")}])
    return json.dumps(dict(items), ensure_ascii=draw.random() < 0.5, **options)


def kinds(value):
    """A value with types instead of what they hold."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return "numbers" if isinstance(value, Numbers) else value


def plainly(value):
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plainly(item) for item in value]
    return value.value() if isinstance(value, Numbers) else value


@pytest.mark.parametrize("seed", range(60))
def test_both_readers_keep_the_same_arrays_as_text(seed):
    text = artifact(random.Random(seed))
    document = read_text(text)
    assert not document.exact
    tree, troubles = parse_tree(text)
    assert tree is not None and not troubles
    assert kinds(tree.value) == kinds(document.value)
    assert plainly(document.value) == json.loads(text) == plainly(tree.value)
    for index, node in enumerate(document.value["nodes"]):
        start, end = document.node_span(index)
        inside = document.tree_of(index)
        assert (inside.start, inside.end) == (start, end)
        assert json.loads(text[start:end]) == plainly(node) == plainly(inside.value)
        for key, value in node.items():
            is_long = key in ("weight", "bias", "values", "gamma", "table") and (
                len(text_of(inside, key, text)) >= LONG
            )
            assert isinstance(value, Numbers) == is_long
            if is_long:
                assert value.text == text_of(inside, key, text) and inside.member(key)[1].items == []
    exactly = document.exactly()
    assert list(exactly.spans.starts) == list(document.spans.starts)
    assert list(exactly.spans.ends) == list(document.spans.ends)


def text_of(tree: Tree, key: str, text: str) -> str:
    value = tree.member(key)[1]
    return text[value.start : value.end]


def long(number: str, count: int = 300) -> str:
    return "[" + ", ".join([number] * count) + "]"


def node(field: str, value: str) -> str:
    return (
        '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 0, "nodes": [{"id": 0, "kind": "input", '
        f'"parents": [], "shape": [4], {field}: {value}}}]}}'
    )


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ('"weight"', long("1.5"), True),
        ('"weight"', long("[1, -2e-5]"), True),
        ('"weight"', long("1e400"), True),
        ('"weight"', long("1.5", 20), False),
        ('"weight"', long("true"), False),
        ('"weight"', long("1.5")[:-1] + ", null]", False),
        ('"weight"', long("1.5")[:-1] + ', "1"]', False),
        ('"weight"', long("1.5")[:-1] + ", {}]", False),
        ('"w\\u0065ight"', long("1.5"), False),
        ('"perm"', long("1"), False),
        ('"kind"', long("1"), False),
        ('"source"', '{"weight": ' + long("1.5") + "}", False),
        ('"note"', '"{\\"a\\": ' + long("1.5") + '"', False),
        ('"note"', '", a: ' + long("1.5") + '"', False),
        ('"note"', '"\\u00230", "weight": ' + long("1"), True),
    ],
)
def test_which_arrays_are_kept(field, value, kept):
    text = node(field, value)
    for found in (read_text(text), read_text(text).exactly()):
        if '"perm"' not in text and "\\u0023" not in text:
            last = list(found.value["nodes"][0].values())[-1]
            assert isinstance(last, Numbers) is kept
        if "1e400" not in text and "\\u0023" not in text:
            assert plainly(found.value) == json.loads(text)


def test_a_string_that_looks_like_what_stands_for_an_array_stays_one():
    text = node('"note"', '"\\u00230", "weight": ' + long("1") + ', "other": "#0", "more": "##1"')
    read = plainly(read_text(text).value)
    assert read == json.loads(text)
    assert read["nodes"][0]["note"] == "#0"


@pytest.mark.parametrize(
    "bad", ["1,,2", "01", "1.", "NaN", "+1", "1 2", "-", "1e", "0x1", "1]", "[1", "'1'", ".5", "1,"]
)
@pytest.mark.parametrize("place", [0, 150, 299])
def test_trouble_in_an_array_is_found_at_its_place(bad, place):
    numbers = ["1.25"] * 300
    numbers[place] = bad
    array = "[" + ", ".join(numbers) + "]"
    text = node('"weight"', array)
    at = text.index(array) + 1 + 6 * place
    found = [finding for finding in check_text(text).findings if finding.code == "TL001"]
    assert found and all(finding.span is not None for finding in found)
    near = min(abs(finding.span[0] - at) for finding in found if finding.span is not None)
    if bad in ("[1", "1]") or (bad == "1," and place == 299):
        return  # where it is missing or too much is told by what stands behind
    assert near <= 4


def test_a_damaged_array_has_the_values_that_can_be_read():
    text = node('"weight"', long("1.5")[:-1] + ", x, [2, 3], 4]")
    value = read_text(text).value["nodes"][0]["weight"]
    assert value == [1.5] * 300 + [BAD, [2, 3], 4]


@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "-1E-99999999999999999999", "0e00099999999999999999999"]
)
def test_an_exponent_of_too_many_digits_is_reported_where_it_stands(number):
    text = node('"weight"', long("1.5")[:-1] + f", {number}, 2]")
    found = check_text(text).findings
    assert [finding.code for finding in found] == ["TL001"]
    start, end = found[0].span
    assert text[start:end] == number and "19 digits" in found[0].message


def test_numbers_with_many_digits_are_kept_and_not_expanded():
    text = node('"weight"', long("1.5")[:-1] + f", 1e10001, {'7' * 10_001}, 1e400]")
    report = check_text(text)
    value = report.document.value["nodes"][0]["weight"]
    assert isinstance(value, Numbers) and report.findings == []
    assert value.value()[-3:] == [HUGE, HUGE, 10**400]


def test_a_field_that_is_no_array_says_what_it_found():
    text = (
        node('"bias"', long("1.5"))
        .replace('"input"', '"softmax"')
        .replace('"shape"', f'"axis": {long("1")}, "shape"')
    )
    messages = [finding.message for finding in check_text(text).findings if finding.code == "TL011"]
    assert messages == ["axis must be a natural number, found an array of 300"]


def same(document: Document, text: str) -> None:
    fresh = read_text(text)
    assert document.text == text
    assert plainly(document.value) == plainly(fresh.value)
    assert document.troubles == fresh.troubles
    assert document.spans is not None and fresh.spans is not None
    assert list(document.spans.starts) == list(fresh.spans.starts)
    assert list(document.spans.ends) == list(fresh.spans.ends)


@pytest.mark.parametrize("seed", range(20))
def test_edits_inside_and_outside_of_arrays(seed):
    draw = random.Random(seed)
    text = artifact(draw)
    lines = LineIndex(text)
    document = read_text(text, lines)
    check = Check(document)
    check.report()
    for _ in range(25):
        start = draw.randrange(len(text))
        end = min(len(text), start + draw.choice([0, 0, 1, 2, 30]))
        new = draw.choice(["", "1", ".", ",", " ", "]", "[", '"', "e", "x", "-", "{", "}", "12, 13", "\n"])
        before = text
        text = text[:start] + new + text[end:]
        edited = document.edited(text, lines.edited(text, start, end, new), start, end, new)
        lines = LineIndex(text)
        if edited is None:
            document = read_text(text, lines)
            check = Check(document)
        else:
            document, change = edited
            same(document, text)
            check.update(document, [change])
        report = check.report()
        fresh = check_text(text)
        assert [(f.code, f.message, report.span(f)) for f in report.findings] == [
            (f.code, f.message, fresh.span(f)) for f in fresh.findings
        ]
        if draw.random() < 0.7:  # most typing is put right again
            text = before
            lines = LineIndex(text)
            document = read_text(text, lines)
            check = Check(document)


def test_an_edit_of_another_node_leaves_an_array_as_it_is():
    draw = random.Random(3)
    text = artifact(draw, 12)
    document = read_text(text)
    arrays = {
        id(value) for raw in document.value["nodes"] for value in raw.values() if isinstance(value, Numbers)
    }
    assert len(arrays) > 2
    at = re.search(r'"kind": ?"(?:relu|tanh)"', text).end() - 2
    new = text[:at] + "x" + text[at:]
    edited = document.edited(new, LineIndex(new), at, at, "x")
    assert edited is not None
    index = document.spans.starts.count_up_to(at) - 1
    left = {
        id(value)
        for place, raw in enumerate(edited[0].value["nodes"])
        for value in raw.values()
        if isinstance(value, Numbers) and place != index
    }
    assert left <= arrays and left


def test_what_has_no_long_array_is_not_condensed():
    assert condense(json.dumps({"nodes": [{"id": 0, "weight": [1.5] * 50}] * 50})) is None
    assert condense('{"a": "' + "1, " * 1000 + '"}') is None
