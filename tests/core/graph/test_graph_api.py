"""Graphs in Python: look-up with words, damaged graphs to look at, graphs that were built and not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.core.emit.support import artifact_text
from torchlean_core.artifact import ArtifactError, GraphError, parse_graph, require_valid
from torchlean_core.emit import EmitOptions, emit_source
from torchlean_core.errors import UserError
from torchlean_core.graph import Graph, Node, lower, to_sequential

CASES = Path(__file__).parents[2] / "conformance" / "cases"

CHAIN = artifact_text(
    {"kind": "input", "shape": [1, 4]},
    {"kind": "linear", "parents": [0], "shape": [1, 3]},
    {"kind": "relu", "parents": [1], "shape": [1, 3]},
    {"kind": "linear", "parents": [2], "shape": [1, 2]},
)


def built(*nodes: Node, output: int | None = None) -> Graph:
    return Graph((Node(0, "input", (), (1, 4)), *nodes), 0, len(nodes) if output is None else output)


def test_a_node_is_found_by_its_id() -> None:
    assert parse_graph(CHAIN).node(2).kind == "relu"


@pytest.mark.parametrize("node_id", [-1, True, "1", 1.0])
def test_what_is_no_id_is_told(node_id: Any) -> None:
    with pytest.raises(UserError, match="is no node id: a whole number >= 0 is"):
        parse_graph(CHAIN).node(node_id)


def test_an_id_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(UserError, match="the graph has no node 4: its 4 nodes have ids from 0 to 3"):
        parse_graph(CHAIN).node(4)


def test_ends_that_are_no_nodes_are_told() -> None:
    graph = replace(parse_graph(CHAIN), input_id=9, output_ids=(-1,))
    with pytest.raises(UserError, match="input_id: the graph has no node 9"):
        _ = graph.input_shape
    with pytest.raises(UserError, match="output_id: -1 is no node id"):
        _ = graph.output_shape


DAMAGED = artifact_text(
    {"kind": "input", "shape": [1, 4]},
    {"kind": "linear", "parents": [0], "shape": [1, 3]},
    {"kind": "relu", "parents": [1], "shape": [7, 7]},
)


def test_a_damaged_graph_can_be_looked_at_and_lowered_as_it_declares() -> None:
    with pytest.raises(ArtifactError):
        parse_graph(DAMAGED)
    graph = parse_graph(DAMAGED, validate=False)
    assert graph.node(2).shape == graph.output_shape == (7, 7)
    program = lower(graph)
    assert [node.shape for node in program.nodes] == [(1, 4), (1, 3), (7, 7)]


def test_a_text_that_is_no_artifact_is_refused_without_validation_too() -> None:
    with pytest.raises(ArtifactError, match="TL014 unknown kind `rellu`"):
        parse_graph(CHAIN.replace('"relu"', '"rellu"'), validate=False)


def test_every_damaged_case_is_read_or_refused_and_lowered_or_refused_in_words() -> None:
    read = lowered = 0
    for case in sorted(CASES.iterdir()):
        if case.stat().st_size > 100_000:
            continue
        try:
            graph = parse_graph(case.read_text("utf-8", "surrogateescape"), case.name, validate=False)
            read += 1
            lower(graph)
            lowered += 1
        except UserError as error:
            assert str(error)
    assert read > lowered > 400


@pytest.mark.parametrize(
    ("graph", "code"),
    [
        (built(Node(5, "relu", (0,), (1, 4))), "TL101"),
        (built(Node(1, "relu", (2,), (1, 4)), Node(2, "tanh", (1,), (1, 4))), "TL103"),
        (built(Node(1, "relu", (0, 0), (1, 4))), "TL102"),
        (built(Node(1, "relu", (0,), (1, 5))), "TL201"),
        (built(Node(1, "softmax", (0,), (1, 4))), "TL010"),
        (built(Node(1, "relu6", (0,), (1, 4))), "TL014"),
        (built(Node(1, "relu", (0,), (1, 4)), output=7), "TL104"),
        (Graph((), 0, 0), "TL106"),
    ],
)
def test_a_graph_that_was_built_wrong_is_refused_with_the_checkers_findings(graph: Graph, code: str) -> None:
    with pytest.raises(GraphError) as caught:
        emit_source(graph, None, EmitOptions())
    assert code in {finding.code for finding in caught.value.findings}
    assert "the graph has errors: TL" in str(caught.value)


def test_a_graph_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be written as JSON"):
        require_valid(built(Node(1, "relu", (0,), (1, 4), extra={"of": object()})))


def test_a_graph_that_was_built_right_is_emitted() -> None:
    assert "torch.relu" in emit_source(built(Node(1, "relu", (0,), (1, 4))), None, EmitOptions())


def test_layers_are_counted_from_a_start_index() -> None:
    program = lower(parse_graph(CHAIN))
    assert [layer.occurrence for layer in to_sequential(program)] == [0, None, 1]
    layers = to_sequential(program, start=5)
    assert [layer.occurrence for layer in layers] == [5, None, 6]
    assert layers[0].seeds == (10, 11)
    assert [layer.position for layer in layers] == [layer.position for layer in to_sequential(program)]


@pytest.mark.parametrize("start", [-1, 1.0, True])
def test_a_start_index_is_a_whole_number(start: Any) -> None:
    with pytest.raises(UserError, match="start index must be a whole number >= 0"):
        to_sequential(lower(parse_graph(CHAIN)), start)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (built({"id": 1, "kind": "relu"}), r"nodes\[1\] of the graph is of type dict, expected a Node"),  # type: ignore[arg-type]
        (
            built(Node(1, "relu", (0,), (1, 4.0))),
            r"node 1 \(relu\) has the shape \(1, 4\.0\): 4\.0 is of type float",
        ),  # type: ignore[arg-type]
        (built(Node(1, "relu", (0,), (1, True))), r"True is of type bool, expected int"),
        (CHAIN, "expected a Graph, found a value of type str"),
    ],
)
def test_a_graph_of_something_else_than_nodes_and_whole_sizes_is_refused(graph: Any, message: str) -> None:
    for call in (require_valid, lambda graph: emit_source(graph, None, EmitOptions())):
        with pytest.raises(UserError, match=message):
            call(graph)


def test_layers_are_those_of_a_program_not_of_a_graph() -> None:
    with pytest.raises(
        UserError, match=r"expected a Program, found a value of type Graph; lower\(graph\) makes one"
    ):
        to_sequential(parse_graph(CHAIN))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="expected a Program, found a value of type str"):
        to_sequential(CHAIN)  # type: ignore[arg-type]
