"""The parser that keeps positions and goes on after errors."""

from __future__ import annotations

import json
import re
import time
import tracemalloc

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from torchlean_core.check import check_text
from torchlean_core.text.parser import parse_tree
from torchlean_core.text.parser import values as parser_values
from torchlean_core.text.tree import BAD, MAX_IN_ELEMENT

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


_ESCAPES = [
    *'abfnrtxu"/1',
    "\\u0041",
    "\\ud83d\\ude00",
    "\\uD83D",
    "\\uDE00",
    "\\u12",
    "\\",
    "\\\\",
    "\x01",
    "\t",
]
_NAMES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/", "\\": "\\"}


def _read_by_character(content):
    """What stands in a string, escape by escape, and where in it there are faults."""
    value, faults, position = "", [], 0
    while position < len(content):
        char, behind = content[position], content[position + 1 : position + 2]
        number = re.compile("u([0-9a-fA-F]{4})").match(content, position + 1)
        length = 1 if char != "\\" else 6 if number else 2
        if length == 1:
            value += char
            faults += [position] * (char < " ")
        elif number:
            value += chr(int(number[1], 16))
        elif behind in _NAMES:
            value += _NAMES[behind]
        else:
            value += char + behind
            faults.append(position)
        position += length
    return re.sub(
        "[\ud800-\udbff][\udc00-\udfff]",
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"),
        value,
    ), faults


@settings(max_examples=400)
@given(st.lists(st.sampled_from(_ESCAPES), max_size=30), st.sampled_from([1, 2, 3, 4096]))
def test_strings_are_read_as_character_by_character_wherever_pieces_end(parts, most):
    content = "".join(parts)
    plain = re.fullmatch(r'(?:[^"\\]|\\.)*', content) is not None
    assume(plain)
    small = re.compile(parser_values._PIECE.pattern.replace("4096", str(most)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser_values, "_PIECE", small)
        tree, troubles = parse_tree(f'"{content}"')
    value, faults = _read_by_character(content)
    assert tree.value == value
    assert [trouble.start - 1 for trouble in troubles] == faults[:MAX_IN_ELEMENT]


@pytest.mark.parametrize("escape", ["\\u0041", "\\n", "\\x", "\\u12", "\\ud83d\\ude00"])
def test_a_string_of_nothing_but_escapes_takes_little_time_and_memory(escape):
    count = 100_000
    text = f'{{"nodes": [{{"kind": "{escape * count}"}}]}}'
    parse_tree(text[:1000])
    tracemalloc.start()
    try:
        begin = time.process_time()
        parse_tree(text)
        seconds = time.process_time() - begin
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 5
    assert most < 8 * len(text)


@pytest.mark.parametrize("inner", ["", "[" * 5, '["]", {"a": "\\"]"}]', "[" * 2_000_000])
def test_what_is_nested_too_deep_is_passed_over_quickly(inner):
    closing = "" if inner.count("[") > inner.count("]") + 2 else "]"
    begin = time.process_time()
    tree, troubles = parse_tree("[" * 10_000 + "[" + inner + closing + ("," + "7]") * bool(closing))
    assert time.process_time() - begin < 3
    assert "nested more than 10,000 deep" in [trouble.message for trouble in troubles]
    innermost = tree
    while innermost.items and innermost.items[0].value is not BAD:
        innermost = innermost.items[0]
    assert [item.value for item in innermost.items] == ([BAD, 7] if closing else [BAD])


@pytest.mark.parametrize("depth", [450, 600, 900, 990, 5_000, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_a_field_may_be_nested_as_deep_as_somebody_likes(depth, opening, closing):
    inner = opening * depth + "1" + closing * depth
    nodes = '{"id": 0, "kind": "input", "parents": [], "shape": [1], "x": %s}, {"id": 1, "kind": "relu"}'
    text = '{"input_id": 0, "output_id": 1, "nodes": [' + nodes % inner + "]}"
    document = check_text(text).document
    at = text.index('"relu"')
    edited = text[:at] + " " + text[at:]
    after = document.edited(edited, document.lines.edited(edited, at, at, " "), at, at, " ")
    assert after is None or after[0].value == document.value
