"""Parameters in the artifact itself, in dialects whose nodes can hold them; or why they stay beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.numbers_text import numbers_text
from torchlean_core.capture.values import Known, is_finite
from torchlean_core.graph import Graph, Node
from torchlean_core.text.numbers import Numbers

_MOST = 2
"""Times as many numbers as without repeats, from which on they are too many."""


@dataclass(frozen=True, slots=True)
class Inlined:
    """Where the parameters are.

    Attributes:
        graph: The graph, with them where they are inline.
        reason: Why they are not, in words; None where they are.
    """

    graph: Graph
    reason: str | None


def inlined(graph: Graph, finished: Finished) -> Inlined:
    """The graph with its parameters in its nodes, unless they cannot stand there, or should not.

    Args:
        graph: The graph.
        finished: The same, with the payload of every node.
    """
    if (reason := _against(finished)) is not None:
        return Inlined(graph, reason)
    nodes = [
        _filled(graph, node, payload) for node, payload in zip(graph.nodes, finished.payloads, strict=True)
    ]
    return Inlined(replace(graph, nodes=tuple(nodes)), None)


def _against(finished: Finished) -> str | None:
    once: dict[str, int] = {}
    there: dict[str, torch.Tensor] = {}
    repeats = 0
    for node, payload in zip(finished.graph.nodes, finished.payloads, strict=True):
        for role, known in payload.items():
            if not known.absent and not is_finite(_float32(known)):
                return f"node {node.id} ({node.kind}) has numbers in `{role}` that JSON cannot say (infinite or NaN)"
            if known.name is not None:
                repeats += known.tensor.numel() if known.name in once else 0
                once.setdefault(known.name, known.tensor.numel())
                whole = there.setdefault(known.name, torch.zeros(known.stored.numel(), dtype=torch.bool))
                whole[known.places()] = True
    for name, whole in there.items():
        if not bool(whole.all()):
            return f"of `{name}` they would hold {int(whole.sum()):,} of {whole.numel():,} numbers"
    total = sum(tensor.numel() for tensor in finished.tensors.values())
    if total + repeats > _MOST * total:
        return f"{repeats:,} of their numbers would stand there again, beside {total:,}"
    return None


def _float32(known: Known) -> torch.Tensor:
    return known.tensor.detach().to(device="cpu", dtype=torch.float32)


def _filled(graph: Graph, node: Node, payload: Mapping[str, Known]) -> Node:
    """A node with its payload, and what goes with it."""
    entry = graph.dialect.kind(node.kind)
    if entry is None or not payload:
        return node
    shapes = [graph.nodes[parent].shape or () for parent in node.parents]
    shape = node.shape or ()
    own: dict[str, Any] = {
        fact.name: fact.value(node.fields, shapes, shape) for fact in entry.facts if fact.value is not None
    }
    for spec in entry.params:
        tensor = _float32(payload[spec.role])
        wanted = spec.inline_shape(tuple(tensor.shape))
        # Where the node holds fewer numbers, all of them are equal (an attention's scale).
        held = tensor.reshape(-1)[:1].reshape(()) if wanted == () else tensor.reshape(wanted)
        own[spec.role] = Numbers(numbers_text(held.contiguous()))
    return replace(node, inline={**own, **node.inline})
