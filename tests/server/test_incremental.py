"""Whatever is edited, the next version's findings and tokens are those of a fresh open of the same text."""

from __future__ import annotations

import json
import random
import time
from array import array
from itertools import chain, product
from pathlib import Path

import pytest
from benchmarks.artifacts import make_artifact

from tests.spelling import spelled_as_floats
from torchlean_core.check import check_text
from torchlean_core.text import Encoding, LineIndex
from torchlean_ls.documents import Documents
from torchlean_ls.features.semantic_tokens import changes
from torchlean_ls.lsp import types

URI = "file:///m.ir.json"
CASES = Path(__file__).parents[1] / "conformance" / "cases"
GENERAL = Path(__file__).parents[1] / "conformance-general" / "cases"
SNIPPETS = [
    "0", "1", "9", "7.0", "-", "2e0", ",", ", ", "[", "]", "{", "}", '"', ":", "\n", "\r\n", " ", "\\", "𝔸",
    "null", "true",
    '"relu"', '"tanh"', '"add"', '"input"', '"shape": [1]', '"id": 3', ', "axis": 1', '"value_kind": "tuple", ',
    '{"id": 4, "kind": "relu", "parents": [3], "shape": [8, 16]},', '"id": 1, "id": 1', '"a:b"',
]  # fmt: skip


def open_document(text: str) -> Documents:
    documents = Documents()
    documents.encoding = Encoding.UTF16
    documents.open(types.TextDocumentItem(URI, "json", 1, text))
    return documents


def edit(documents: Documents, start: int, end: int, new: str) -> None:
    document = documents.get(URI)
    assert document is not None
    change = types.TextDocumentContentChangeEvent(new, document.range(start, end))
    identifier = types.VersionedTextDocumentIdentifier(URI, document.version + 1)
    documents.change(types.DidChangeTextDocumentParams(identifier, [change]))


def told(report):
    return [
        (f.code, f.severity, f.index, f.node, f.message, f.related, report.range(f)) for f in report.findings
    ]


def same_as_fresh(documents: Documents) -> None:
    document = documents.get(URI)
    assert document is not None
    assert list(document.lines.starts) == list(LineIndex(document.text).starts)
    fresh = check_text(document.text)
    assert told(document.report) == told(fresh)
    assert document.report.dialect is fresh.dialect
    found = document.report.findings
    assert document.report.spans(found) == [fresh.span(finding) for finding in found]
    for index in range(len(fresh.records)):
        assert document.report.document.node_span(index) == fresh.document.node_span(index)


GENERAL_SNIPPETS = [
    *SNIPPETS, '"output_id": 0, ', '"output_ids": [0], ', '"output_ids": [1, 0], ', '"softplus"', '"transpose"',
    '"swap_first_two"', '"axes": [0], ', '"keepdim": true, ', '"axis": 0, ', '"weight": [[1, 2]], ', '"bias": [0], ',
]  # fmt: skip


def general_texts() -> list[str]:
    """Valid files, files with one or two faults, and files without a root field that decides the dialect."""
    paths = [*sorted(GENERAL.glob("valid_*.json"))[:40], *sorted(GENERAL.glob("bad_*.json"))[::9]]
    found = [path.read_text() for path in paths]
    bare = [json.loads(text) for text in found[:12]]
    for root in bare:
        root.pop("output_ids", None)
    return [*found, *map(json.dumps, bare)]


@pytest.mark.parametrize("seed", range(16))
def test_random_edits_of_files_of_the_generalized_dialect(seed):
    draw = random.Random(1000 + seed)
    documents = open_document(draw.choice(general_texts()))
    for step in range(60):
        document = documents.get(URI)
        assert document is not None
        start, end, _ = random_edit(draw, document.text)
        edit(documents, start, end, draw.choice([*GENERAL_SNIPPETS, ""]))
        if step % draw.choice([1, 2, 3]) == 0:
            same_as_fresh(documents)
        if len(documents.get(URI).report.document.troubles) > 3:
            documents = open_document(draw.choice(general_texts()))
    same_as_fresh(documents)


@pytest.mark.parametrize("seed", range(16))
def test_edits_of_values_in_files_of_the_generalized_dialect(seed):
    """Numbers, kinds and names of fields: of the outputs, too, and of what decides the dialect."""
    draw = random.Random(2000 + seed)
    documents = open_document(draw.choice(general_texts()))
    words = ["softplus", "relu", "transpose", "swap_first_two", "input", "reduce_sum", "linear", "conv2d"]
    fields = ["output_ids", "output_id", "axes", "axis", "weight", "bias", "keepdim", "nodes_"]
    for step in range(80):
        document = documents.get(URI)
        assert document is not None
        text = document.text
        numbers = [i for i in range(1, len(text)) if text[i].isdigit() and not text[i - 1].isalnum()]
        quotes = [i for i in range(len(text)) if text[i] == '"' and text[i + 1 : i + 2].isalpha()]
        if draw.random() < 0.6 and numbers:
            start = draw.choice(numbers)
            end = start
            while end < len(text) and text[end].isdigit():
                end += 1
            edit(documents, start, end, str(draw.choice([0, 1, 2, 3, 4, 8])))
        elif quotes:
            start = draw.choice(quotes)
            end = text.find('"', start + 1) + 1
            is_key = text[end : end + 1] == ":"
            edit(documents, start, end, f'"{draw.choice(fields if is_key else words)}"')
        if step % 2 == 0:
            same_as_fresh(documents)
    same_as_fresh(documents)


def random_edit(draw: random.Random, text: str) -> tuple[int, int, str]:
    start = draw.randrange(len(text) + 1)
    end = min(len(text), start + draw.choice([0, 0, 0, 1, 1, 2, 5, 30]))
    return start, end, draw.choice([*SNIPPETS, ""])


def texts() -> list[str]:
    small = [path.read_text() for path in sorted(CASES.glob("valid_*.json"))[:24]]
    return [
        *small,
        *(make_artifact(30, seed, layout) for seed in (1, 2) for layout in ("indented", "lines", "minified")),
        *(spelled_as_floats(make_artifact(30, 3, layout)) for layout in ("indented", "lines", "minified")),
        *map(spelled_as_floats, small[::4]),
    ]


@pytest.mark.parametrize("seed", range(12))
def test_random_edits_that_mostly_break_the_text(seed):
    draw = random.Random(seed)
    documents = open_document(draw.choice(texts()))
    for step in range(60):
        document = documents.get(URI)
        assert document is not None
        edit(documents, *random_edit(draw, document.text))
        if step % draw.choice([1, 2, 3]) == 0:
            same_as_fresh(documents)
    same_as_fresh(documents)


@pytest.mark.parametrize("seed", range(12))
def test_edits_that_mostly_keep_the_text_valid(seed):
    draw = random.Random(100 + seed)
    documents = open_document(make_artifact(40, seed, draw.choice(["indented", "lines", "minified"])))
    for step in range(80):
        document = documents.get(URI)
        assert document is not None
        text = document.text
        tokens = [i for i in range(len(text)) if text[i].isdigit() and not text[i - 1].isalnum()]
        start = draw.choice(tokens)
        end = start
        while text[end].isdigit():
            end += 1
        edit(documents, start, end, str(draw.choice([0, 1, 2, 8, 16, 32, 39, int(text[start:end]) + 1])))
        if step % 3 == 0:
            same_as_fresh(documents)
    same_as_fresh(documents)


@pytest.mark.parametrize("layout", ["indented", "lines", "minified"])
def test_nodes_that_are_inserted_removed_and_moved(layout):
    draw = random.Random(layout)
    text = make_artifact(30, 3, layout)
    documents = open_document(text)
    same_as_fresh(documents)
    for _ in range(60):
        document = documents.get(URI)
        assert document is not None
        count = len(document.report.records)
        place = draw.randrange(count)
        span = document.report.document.node_span(place)
        assert span is not None
        node = document.text[slice(*span)]
        what = draw.randrange(4)
        if what == 0:
            edit(documents, span[0], span[0], node + ",\n")
        elif what == 1:
            edit(documents, span[1], span[1], ", " + node)
        elif what == 2 and count > 3:
            following = document.report.document.node_span(place + 1)
            edit(documents, span[0], following[0] if following else span[1], "")
        else:
            edit(
                documents,
                *span,
                json.dumps({**json.loads(node), "kind": draw.choice(["relu", "input", "tanh"])}),
            )
        same_as_fresh(documents)
        if not document.report.records or documents.get(URI).report.document.troubles:
            documents = open_document(text)


def test_changes_of_several_versions_are_checked_together():
    documents = open_document(make_artifact(50, 5))
    same_as_fresh(documents)
    for place in (40, 7, 23):
        document = documents.get(URI)
        assert document is not None
        span = document._document.node_span(place)
        at = document.text.index('"shape": [', span[0]) + len('"shape": [')
        edit(documents, at, at, "3, ")
    same_as_fresh(documents)


def test_an_attention_is_judged_again_when_its_operand_changes():
    text = (CASES / "valid_kind_multihead_attention_1.json").read_text()
    report = check_text(text)
    attention = next(r for r in report.records if r is not None and r.kind == "multihead_attention")
    operand = report.records[attention.parents[0]]
    documents = open_document(text)
    same_as_fresh(documents)
    for new in ("9, ", ""):
        document = documents.get(URI)
        tree = document.report.document.tree_of(operand.index)
        shape = tree.member("shape")[1]
        edit(documents, shape.start + 1, shape.items[0].start if new == "" else shape.start + 1, new)
        same_as_fresh(documents)


def test_an_edit_of_one_value_does_not_take_time_in_proportion_to_the_file():
    documents = open_document(make_artifact(20_000, 1))
    document = documents.get(URI)
    start = time.perf_counter()
    assert document.report.ok
    whole = time.perf_counter() - start
    document.prepare()
    best = whole
    at = document.text.index('"shape": [', len(document.text) // 2) + len('"shape": [')
    for number in range(6):
        start = time.perf_counter()
        edit(documents, at, at + 3 * (number % 2), "" if number % 2 else "3, ")
        assert documents.get(URI).report.ok is bool(number % 2)
        best = min(best, time.perf_counter() - start)
    assert best < whole / 4


def test_a_file_of_the_other_dialect_is_edited():
    text = make_artifact(4, 1).replace('"output_id": 3', '"output_ids": [3]')
    documents = open_document(text)
    same_as_fresh(documents)
    for old, new in (('"kind": "input"', '"kind": "relu"'), ('"nodes": [', '"nodes": [ ')):
        document = documents.get(URI)
        assert document is not None
        start = document.text.index(old)
        edit(documents, start, start + len(old), new)
        same_as_fresh(documents)


def test_the_change_from_any_tokens_to_any_others_is_right():
    tokens = ([0, 1, 6, 0, 0], [0, 1, 6, 0, 1], [2, 1, 6, 0, 0])
    results = [list(chain(*chosen)) for count in range(4) for chosen in product(tokens, repeat=count)]
    for old, new in product(results, repeat=2):
        data = list(old)
        for edit in changes(array("I", old), array("I", new)):
            assert edit["start"] % 5 == edit["deleteCount"] % 5 == 0
            data[edit["start"] : edit["start"] + edit["deleteCount"]] = edit["data"]
        assert data == new


def test_an_edited_shape_of_an_input_is_compared_with_the_others() -> None:
    nodes = ", ".join(f'{{"id": {i}, "kind": "input", "parents": [], "shape": [4]}}' for i in range(2))
    text = f'{{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": [{nodes}]}}'
    documents = open_document(text)
    assert not any("refuse such a graph" in finding.message for finding in documents.get(URI).report.findings)
    edit(documents, text.rindex("4"), text.rindex("4") + 1, "5")
    now = documents.get(URI)
    assert any("refuse such a graph" in finding.message for finding in now.report.findings)
    assert told(now.report) == told(check_text(now.text))


@pytest.mark.thorough
def test_a_stray_bracket_before_the_root_is_read_as_in_a_fresh_text():
    """Whether it is too much is known at the end of the text only, so what stands between depends on it."""
    draw = random.Random(16)
    texts = [
        '[{"nodes":[{arents": [\n    2\n   }]}',
        '[{"nodes": [{"id": 0 "kind": "relu"}, {"id": 1]}',
        *("[" + text for path in sorted(CASES.glob("*.json"))[::20] if len(text := path.read_text()) < 2_000),
    ]
    for text in texts:
        for _ in range(15):
            documents = open_document(text)
            for _ in range(2):
                now = documents.get(URI).text
                start = draw.randrange(len(now) + 1)
                end = min(len(now), start + draw.choice([0, 0, 1, 3, 20]))
                edit(
                    documents,
                    start,
                    end,
                    draw.choice(["", "[", "]", "{", "}", "0", "x", '"', ",", *SNIPPETS]),
                )
                same_as_fresh(documents)
