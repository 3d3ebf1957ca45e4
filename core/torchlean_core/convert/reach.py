"""What an output needs."""

from __future__ import annotations

from collections.abc import Iterable

from torchlean_core.graph.model import Graph


def dropped(graph: Graph, outputs: Iterable[int]) -> frozenset[int]:
    """Nodes that only outputs other than some need: what reaches no output at all stays, with all that it needs."""
    wanted = _needed(graph, outputs)
    others = _needed(graph, graph.output_ids) - wanted
    idle = (node.id for node in graph.nodes if node.id not in wanted and node.id not in others)
    return frozenset(others - _needed(graph, (*idle, graph.input_id)))


def _needed(graph: Graph, ends: Iterable[int]) -> set[int]:
    found = set(ends)
    for node in reversed(graph.nodes):
        if node.id in found:
            found.update(node.parents)
    return found
