"""One character lost or too much: every node but the one it stands in is judged as before."""

from __future__ import annotations

import json
import random
import re

import pytest
from benchmarks.artifacts import make_artifact

from tests.core.check.graphs import random_graph
from torchlean_core.check import Report, check_text
from torchlean_core.check.fixing import fix_text

OF_THE_WHOLE = {"TL104", "TL105", "TL402", "TL403"}
"""Findings about the whole graph, and such that are told once per file."""


def artifact(draw: random.Random) -> str:
    """Text of a graph in one of three layouts, with an unknown kind somewhere."""
    layout = draw.choice(["indented", "lines", "minified"])
    if draw.random() < 0.5:
        text = make_artifact(12, draw.randrange(1000), layout)
    else:
        root = random_graph(draw, 10)
        options = {"indented": {"indent": 2}, "lines": {}, "minified": {"separators": (",", ":")}}[layout]
        text = json.dumps(root, sort_keys=draw.random() < 0.5, **options)
    kinds = list(re.finditer(r'"(relu|add|tanh|linear|const)"', text))
    if kinds:
        found = draw.choice(kinds)
        text = text[: found.start()] + '"nope"' + text[found.end() :]
    return text


def told(report: Report) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {index: set() for index in range(len(report.records))}
    for finding in report.findings:
        if finding.index is not None and finding.code not in OF_THE_WHOLE:
            found[finding.index].add(f"{finding.code} {finding.message}")
    return found


def near(report: Report, offset: int) -> set[int]:
    """The node that a place is in, or those it stands between; and those that use them."""
    spans = [report.document.node_span(index) for index in range(len(report.records))]
    places = {i for i, span in enumerate(spans) if span is not None and span[0] <= offset <= span[1]}
    if not places:
        behind = next(
            (i for i, span in enumerate(spans) if span is not None and offset < span[0]), len(spans)
        )
        places = {behind - 1, behind}
    for _ in range(2):
        users = [r.index for r in report.records if r is not None and set(r.parents or ()) & places]
        places |= set(users)
    return places


def judged_alike(text: str, damaged: str, offset: int) -> bool:
    before, after = check_text(text), check_text(damaged)
    if not any(finding.code == "TL001" for finding in after.findings):
        return isinstance(json.loads(damaged), dict)  # still JSON, and another graph
    if len(before.records) != len(after.records):
        return False
    close = near(before, offset)
    old, new = told(before), told(after)
    return all(old[index] == new[index] for index in old if index not in close)


@pytest.mark.parametrize("seed", range(80))
def test_a_structural_character_that_is_lost_or_doubled(seed):
    draw = random.Random(seed)
    text = artifact(draw)
    for offset in draw.sample([i for i, char in enumerate(text) if char in '{}[]",:'], 25):
        for damaged in (text[:offset] + text[offset + 1 :], text[:offset] + text[offset] + text[offset:]):
            assert judged_alike(text, damaged, offset), damaged[max(0, offset - 80) : offset + 80]


def test_a_bracket_typed_anywhere():
    """Some of these can be read in two ways; next to none may lead the reader astray."""
    tried = failed = 0
    for seed in range(100):
        draw = random.Random(seed)
        text = artifact(draw)
        for offset in draw.sample([i for i, char in enumerate(text) if char in '{}[]",:'], 25):
            tried += 1
            damaged = text[:offset] + draw.choice("{}[]") + text[offset:]
            failed += not judged_alike(text, damaged, offset)
    assert tried == 2500 and failed <= 10


def test_of_a_node_with_text_that_cannot_be_read_no_field_is_called_missing():
    text = make_artifact(6, 1)
    cut = text[: text.rindex('"kind"')]
    codes = [finding.code for finding in check_text(cut).findings if finding.index == 5]
    assert "TL010" not in codes


def many(count: int = 40) -> str:
    return make_artifact(count, 3, "lines")


def inserted(line: str) -> str:
    lines = many().splitlines(keepends=True)
    return "".join([*lines[:20], line + "\n", *lines[20:]])


@pytest.mark.parametrize(
    "line",
    [
        '    {"id": 15, "kind": "relu", "parents": [3,',
        '    {"id": 15, "kind": "relu", "parents": [',
        '    {"id": 15, "kind": "re',
        "    {",
        "    // a comment, with words",
        "    # another [one]",
        "<<<<<<< HEAD",
        "    some words",
    ],
)
def test_a_line_that_is_no_node_yet_keeps_to_itself(line):
    text = inserted(line)
    findings = check_text(text).findings
    start = text.index(line + "\n")
    behind = text.index("{", start + len(line))
    assert 1 <= len(findings) <= 3
    assert all(check_text(text).span(finding)[0] <= behind for finding in findings)


def test_the_place_of_lost_nodes_is_found():
    text = many()
    for old, new in [
        ('  "nodes": [\n', ""),
        ('  "nodes"', '  x"nodes"'),
        ('  "nodes"', '  ;"nodes"'),
    ]:
        report = check_text(text.replace(old, new, 1))
        assert len(report.records) == 40 and len(report.findings) <= 2, report.findings


def test_nothing_is_missing_in_a_root_that_cannot_be_read():
    text = (
        '{"nodes": [\n {"id": 0, "kind": "input", "parents": [], "shape": [4]},\n'
        ' {"id": 1, "kind": "relu", "parents": [0,\n {"id": 2, "kind": "tanh", "parents": [1], "shape": [4]}\n'
        '], "format": "torchlean.ir.v1", "input_id": 0, "output_id": 2}\n'
    )
    assert {finding.code for finding in check_text(text).findings} == {"TL001"}
    assert fix_text(text).text == text


def test_keys_of_two_nodes_that_were_read_as_one_are_not_duplicates():
    text = many().replace('{"id": 2, ', '"{id": 2, ', 1)
    assert "TL002" not in {finding.code for finding in check_text(text).findings}
    assert fix_text(text).text == text
