"""Nodes with long arrays of numbers: written, formatted, hashed and compared."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from torchlean_core.artifact import parse_graph, serialize_graph
from torchlean_core.artifact.diff import diff_graphs
from torchlean_core.artifact.hashing import artifact_hash, seal_of
from torchlean_core.artifact.layout import format_document
from torchlean_core.artifact.write import root_object
from torchlean_core.text import Numbers, read_text
from torchlean_core.text.numbers import json_text


def artifact(weight: str, field: str = "weight") -> str:
    return (
        '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": [\n'
        '{"id": 0, "kind": "input", "parents": [], "shape": [8]},\n'
        f'{{"{field}": {weight}, "id": 1, "kind": "linear", "parents": [0], "shape": [100]}}\n]}}\n'
    )


def rows(number: str = "0.125", separator: str = ", ") -> str:
    row = "[" + separator.join([number, "-2.50", "1e-3", "7", "0", "1E5", "-0.0", "3"]) + "]"
    return "[" + separator.join([row] * 100) + "]"


def as_lists(graph):
    nodes = tuple(
        replace(node, extra={k: v.value() if isinstance(v, Numbers) else v for k, v in node.extra.items()})
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def test_a_graph_with_weights_is_written_and_read_again():
    text = artifact(rows())
    graph = parse_graph(text)
    assert isinstance(graph.node(1).extra["weight"], Numbers)
    written = serialize_graph(graph)
    assert rows() in written and written.count("\n") == 9
    assert json.loads(written) == json.loads(text)
    assert parse_graph(written) == graph == as_lists(graph)
    assert serialize_graph(as_lists(graph)) == serialize_graph(graph).replace("-2.50", "-2.5").replace(
        "1e-3", "0.001"
    ).replace("1E5", "100000.0")


@pytest.mark.parametrize("separator", [",", " ,\n      ", ", "])
def test_formatting_keeps_weights_on_the_line_of_their_node_and_their_spelling(separator):
    text = artifact(rows(separator=separator))
    formatted = format_document(read_text(text))
    assert rows() in formatted and formatted.count("\n") == 9
    assert format_document(read_text(formatted)) == formatted
    assert json.loads(formatted) == json.loads(text)


def test_a_text_that_was_read_exactly_is_formatted_alike():
    text = artifact(rows(separator=",\n")).replace('"id": 1', '"other": 1e400, "id": 1')
    document = read_text(text)
    assert document.exact and rows() in format_document(document)


def test_the_hash_is_of_values_whatever_they_are_kept_as():
    graph = parse_graph(artifact(rows()))
    digest = artifact_hash(graph)
    assert artifact_hash(as_lists(graph)) == digest
    assert artifact_hash(parse_graph(artifact(rows("1.25e-1", ",\n")))) == digest
    assert artifact_hash(parse_graph(artifact(rows("0.126")))) != digest
    assert artifact_hash(parse_graph(artifact(rows(), "other"))) != digest
    assert artifact_hash(parse_graph(artifact(f"[{rows()}]"))) != digest
    assert seal_of(root_object(graph)) == seal_of(json.loads(artifact(rows())))


def test_few_numbers_count_as_themselves():
    spaced = parse_graph(artifact("[" + "1.5," + " " * 600 + "2]"))
    assert isinstance(spaced.node(1).extra["weight"], Numbers)
    assert artifact_hash(spaced) == artifact_hash(parse_graph(artifact("[1.5, 2]")))
    assert diff_graphs(spaced, parse_graph(artifact("[1.5, 2]"))).equal


def test_a_difference_in_weights_is_one_change():
    old, new = parse_graph(artifact(rows())), parse_graph(artifact(rows("0.126")))
    assert diff_graphs(old, as_lists(old)).equal
    assert diff_graphs(old, parse_graph(artifact(rows("1.25e-1", ",")))).equal
    diff = diff_graphs(old, new)
    assert [field.name for change in diff.changed for field in change.fields] == ["weight"]
    assert not diff.same_meaning


def test_a_value_is_dumped_with_the_text_of_its_numbers():
    numbers = parse_graph(artifact(rows())).node(1).extra["weight"]
    assert json_text({"a": [numbers, 1]}, indent=1) == f'{{\n "a": [\n  {rows()},\n  1\n ]\n}}'
    with pytest.raises(TypeError):
        json_text([object()])
