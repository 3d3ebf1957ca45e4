"""The parser that keeps positions and goes on after errors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_core.text.parser import parse_tree
from torchlean_core.text.tree import BAD

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=300)
@given(values, st.sampled_from([None, 1, 2]), st.booleans())
def test_valid_json_reads_as_the_standard_library_reads_it(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    tree, troubles = parse_tree(text)
    assert troubles == []
    assert tree is not None and tree.value == value
    assert json.loads(text[tree.start : tree.end]) == value


@settings(max_examples=400)
@given(values, st.data())
def test_any_damage_is_reported_inside_the_text_and_never_raises(value, data):
    text = json.dumps({"k": value, "l": [value]})
    position = data.draw(st.integers(0, len(text)))
    damaged = (
        text[:position] + data.draw(st.text(max_size=3)) + text[position + data.draw(st.integers(0, 3)) :]
    )
    tree, troubles = parse_tree(damaged)
    for trouble in troubles:
        assert 0 <= trouble.start <= trouble.end <= len(damaged)
    assert len({trouble[:4] for trouble in troubles}) == len(troubles)
    try:
        expected = json.loads(damaged, parse_constant=lambda name: pytest.fail("not JSON"))
    except (ValueError, pytest.fail.Exception):
        assert troubles
    else:
        duplicate = all(trouble.code == "TL002" for trouble in troubles)
        assert duplicate
        if not troubles and tree is not None and "." not in damaged and "e" not in damaged:
            assert tree.value == expected


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ('{"a": 1,}', "trailing `,` before `}`", ","),
        ("[1 2]", "expected `,` or `]`", " "),
        ('{"a" 1}', 'expected `:` after the key "a"', '"a"'),
        ('{"a": }', 'the key "a" has no value', '"a"'),
        ("[NaN]", "`NaN` is not JSON: numbers are finite", "NaN"),
        ("[01]", "`01` is not a JSON number", "01"),
        ("[True]", "`True` is Python; JSON writes `true`", "True"),
        ('["a\\x"]', "`\\x` is no JSON escape", "\\x"),
        ("{a: 1}", "expected a key in double quotes, found `a`", "a"),
        ("[1] 2", "unexpected text after the end of the JSON value", "2"),
        ("[,1]", "unexpected `,`", ","),
        ("[1}", "expected `]`, found `}`", "}"),
    ],
)
def test_troubles_say_what_and_where(text, message, marked):
    _, troubles = parse_tree(text)
    assert (troubles[0].message, text[troubles[0].start : troubles[0].end]) == (message, marked)


def test_reading_goes_on_behind_an_error():
    tree, troubles = parse_tree('{"a": [1, 2 3], "b": nope, "c": {"d": 4}')
    assert len(troubles) == 3
    assert tree is not None and tree.value == {"a": [1, 2, 3], "b": BAD, "c": {"d": 4}}


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": [{"id": 0, // one\n {"id": 1}, {"id": 2, /* two */ // three\n {"id": 3}]}',
        '{"nodes": [{"id": 0, "shape": [1, // one\n {"id": 1, "shape": [2]}]}',
        '{"nodes": {"id": 0}, // one\n {"id": 1}}',
        '{"nodes": [{"id": 0}, /* one */ "kind": "relu"}]}',
        '{"nodes": [{"id": 0, "kind": "relu" ,, {"id": 1}]}',
        '{"nodes": [{"id": 0, "shape": [5, 4]2e0"kind": "relu"}]}',
    ],
)
def test_what_is_passed_twice_on_the_way_to_a_lost_bracket_is_told_once(text):
    troubles = [(one.message, one.start) for one in parse_tree(text)[1]]
    assert len(set(troubles)) == len(troubles) and troubles
    comments = sum(message == "JSON has no comments" for message, _ in troubles)
    assert comments == text.count("//") + text.count("/*")


def test_an_unterminated_string_ends_with_its_line():
    tree, troubles = parse_tree('{"a": "open\n, "b": 2}')
    assert "no closing quote" in troubles[0].message
    assert tree is not None and tree.value["b"] == 2


def test_the_number_of_troubles_is_bounded():
    _, troubles = parse_tree("[" + "x " * 10_000 + "]")
    assert len(troubles) <= 110
