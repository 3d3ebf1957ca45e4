"""Formatting: the canonical form, which means the same and changes nothing the second time."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from torchlean_core.artifact.layout import CannotFormat, format_document, format_node
from torchlean_core.artifact.write import canonical_text
from torchlean_core.text import read_bytes, read_text

CASES = sorted((Path(__file__).parents[2] / "conformance" / "cases").glob("*.json"))


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]')


def exact(text: str) -> object:
    """The parsed value, numbers and keys as they are spelled."""
    return json.loads(
        text,
        parse_float=str,
        parse_int=str,
        parse_constant=str,
        object_pairs_hook=lambda pairs: sorted(pairs, key=repr),
    )


@pytest.mark.thorough
def test_the_corpus_is_formatted_without_a_change_of_meaning():
    formatted = 0
    for path in CASES:
        content = path.read_bytes()
        if len(content) > 200_000:
            continue
        document = read_bytes(content)
        try:
            text = format_document(document)
        except CannotFormat:
            assert document.troubles or not isinstance(document.value, dict), path.name
            continue
        formatted += 1
        assert Counter(_TOKEN.findall(text)) == Counter(_TOKEN.findall(document.text)), path.name
        if "nested" not in path.name:  # too deep for Python's own parser
            assert exact(text) == exact(document.text), path.name
        assert format_document(read_text(text)) == text, path.name
    assert formatted > 100


def test_the_form_is_that_of_written_artifacts():
    root = {
        "x": [1, {"a": None}],
        "nodes": [{"shape": [1], "kind": "input", "parents": [], "id": 0}, 3],
        "format": "torchlean.ir.v1",
        "output_id": 0,
        "input_id": 0,
    }
    assert format_document(read_text(json.dumps(root, indent=3))) == canonical_text(root)
    assert format_document(read_text('{"nodes": []}')) == canonical_text({"nodes": []})


def test_numbers_and_strings_keep_their_spelling():
    text = (
        '{"input_id": 0.0, "output_id": 1e0, "nodes": [{"shape": [1e2, 20e-1, %s], "note": "\\u00e9\\/", "id": -0}]}'
        % ("1" + "0" * 40)
    )
    after = format_document(read_text(text))
    for spelled in ("0.0", "1e0", "1e2, 20e-1, 1" + "0" * 40, '"\\u00e9\\/"', '"id": -0'):
        assert spelled in after


@pytest.mark.parametrize(
    "text", ['{"nodes": [', '{"a": 1, "a": 2}', "[]", "", '{"nodes": [{"id": 0, "id": 1}]}', "NaN"]
)
def test_a_text_that_is_broken_is_left_alone(text):
    with pytest.raises(CannotFormat):
        format_document(read_text(text))


def test_one_node_goes_on_one_line():
    document = read_text('{"nodes": [\n{\n "shape": [\n1], "id": 0}]}')
    assert format_node(document, 0) == '{"id": 0, "shape": [1]}'
    assert format_node(document, 4) is None
