"""Places of the elements of `nodes`, found quickly in valid JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_core.text import document as module
from torchlean_core.text import read_text
from torchlean_core.text.parser import parse_tree

_strings = st.text(alphabet='a"\\{}[],:é', max_size=4)
_values = st.recursive(
    st.one_of(st.integers(), st.none(), _strings),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(_strings, inside, max_size=3)),
    max_leaves=8,
)
_nodes = st.tuples(st.dictionaries(_strings, _values, max_size=3), st.integers(0, 9))


def _inside(value, depth):
    for _ in range(depth):
        value = {"in": value, "and": [value]} if depth < 4 else {"in": value}
    return value


def _places(text):
    nodes = parse_tree(text)[0].member("nodes")[1]
    return [(item.start, item.end) for item in nodes.items]


@given(st.lists(_nodes, min_size=1, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_elements_of_any_depth_stand_where_the_parser_finds_them(found, indent, ascii_only):
    nodes = [{"id": 0, "more": _inside(value, depth)} for value, depth in found]
    text = json.dumps({"nodes": nodes}, indent=indent, ensure_ascii=ascii_only)
    spans = read_text(text).spans
    assert list(zip(spans.starts, spans.ends, strict=True)) == _places(text)


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 7, 200])
def test_depth_alone_does_not_have_the_whole_text_parsed(depth, monkeypatch):
    nodes = [{"id": index, "parameters": _inside({"name": "a}"}, depth)} for index in range(3)]
    if depth < 4:
        nodes[1]["parameters"] = {"W": {"name": "hidden.weight"}, "b": {"name": "hidden.bias"}}
    text = json.dumps({"format": "torchlean.ir.v1", "nodes": nodes})
    expected = _places(text)
    document = read_text(text)

    def parse_all(text):
        raise AssertionError("the whole text is parsed")

    monkeypatch.setattr(module, "parse_tree", parse_all)
    assert list(zip(document.spans.starts, document.spans.ends, strict=True)) == expected
