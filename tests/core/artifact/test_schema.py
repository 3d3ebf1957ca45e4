"""The JSON Schema against both corpora: what is valid validates, and the other dialect's kinds do not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from torchlean_core.artifact.schema import artifact_schema

pytestmark = pytest.mark.thorough

TESTS = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(artifact_schema())


def cases(corpus: str) -> Iterator[tuple[dict[str, Any], Any]]:
    root = TESTS / corpus
    for line in (root / "manifest.jsonl").read_text().splitlines():
        case = json.loads(line)
        content = (root / case["file"]).read_bytes()
        if b"[" * 50 in content or len(content) > 100_000:
            continue  # too deep for this reader, or too long for its patience
        try:
            yield case, json.loads(content, parse_float=_finite)
        except ValueError:
            continue  # no JSON


def _finite(text: str) -> float:
    """A number; 1e400 is an integer to the importer, and infinite to this reader."""
    if math.isinf(float(text)):
        raise ValueError(text)
    return float(text)


@pytest.mark.parametrize("corpus", ["conformance", "conformance-general"])
def test_what_is_valid_validates_and_unknown_kinds_do_not(corpus):
    valid = refused = 0
    for case, value in cases(corpus):
        codes = {code for finding in case["findings"] for code in finding["codes"]}
        if case["ok"]:
            valid += 1
            assert [error.message for error in SCHEMA.iter_errors(value)] == [], case["file"]
        elif codes == {"TL014"}:
            refused += 1
            assert not SCHEMA.is_valid(value), case["file"]
    assert valid > 100 and refused > 3


INPUT = {"id": 0, "kind": "input", "parents": [], "shape": [2, 3]}


def root_of(*nodes: dict[str, Any], **root: Any) -> dict[str, Any]:
    return {"format": "torchlean.ir.v1", "input_id": 0, "nodes": list(nodes), **root}


@pytest.mark.parametrize(
    ("root", "path"),
    [
        (root_of(INPUT, {**INPUT, "id": 1, "kind": "swap_first_two"}, output_ids=[1]), ["nodes", 1, "kind"]),
        (
            root_of(INPUT, {**INPUT, "id": 1, "kind": "softplus", "parents": [0]}, output_id=1),
            ["nodes", 1, "kind"],
        ),
        (root_of(INPUT, output_ids=[]), ["output_ids"]),
        (root_of(INPUT, output_ids=0), ["output_ids"]),
        (root_of(INPUT, output_id=[0]), ["output_id"]),
        (root_of(INPUT), []),
        ({"input_id": 0, "output_ids": [0], "nodes": [INPUT]}, []),
        (root_of({**INPUT, "kind": "const", "values": "1"}, output_ids=[0]), ["nodes", 0, "values"]),
    ],
)
def test_an_error_stands_where_it_is(root, path):
    found = [list(error.absolute_path) for error in SCHEMA.iter_errors(root)]
    assert found and all(one == path for one in found)


def test_both_fields_are_read_as_the_newer_dialect():
    assert SCHEMA.is_valid(root_of(INPUT, output_ids=[0], output_id="ignored"))
