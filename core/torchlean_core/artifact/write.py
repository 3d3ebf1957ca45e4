"""Writing artifacts in the canonical form: one node per line, fields in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import DIALECTS, NODE_FIELDS
from torchlean_core.text.numbers import json_text

ROOT_ORDER = tuple(
    dict.fromkeys(name for dialect in DIALECTS.values() for name in dialect.root_fields if name != "nodes")
)
NODE_ORDER = tuple(NODE_FIELDS)
"""Fields in canonical order; others follow as they stand."""


def node_object(node: Node) -> dict[str, Any]:
    """The JSON object of a node, fields in canonical order: common, the kind's own, extra."""
    value: dict[str, Any] = {"id": node.id, "kind": node.kind, "parents": list(node.parents)}
    if node.tuple_shapes is not None:
        value["value_kind"] = "tuple"
        value["tuple_shapes"] = [list(shape) for shape in node.tuple_shapes]
    else:
        value["shape"] = list(node.shape or ())
    for name, content in node.fields.items():
        value[name] = list(content) if isinstance(content, tuple) else content
    value.update(node.inline)
    value.update(node.extra)
    return value


def root_object(graph: Graph) -> dict[str, Any]:
    """The JSON object of a whole artifact."""
    root = graph.dialect.root_json(graph.input_id, graph.output_ids, graph.extra)
    return {**root, "nodes": [node_object(node) for node in graph.nodes]}


def canonical_text(root: Mapping[str, Any]) -> str:
    """Text of an artifact's root object in the canonical form: one root field and one node per line."""
    keys = [key for key in ROOT_ORDER if key in root]
    keys += [key for key in root if key not in keys and key != "nodes"]
    lines = [f"  {_dump(key)}: {_dump(root[key])}" for key in keys]
    nodes = root.get("nodes")
    if isinstance(nodes, list):
        body = ",\n".join(
            f"    {_node_text(node) if isinstance(node, dict) else _dump(node)}" for node in nodes
        )
        lines.append(f'  "nodes": [\n{body}\n  ]' if nodes else '  "nodes": []')
    elif "nodes" in root:
        lines.append(f'  "nodes": {_dump(nodes)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def serialize_graph(graph: Graph) -> str:
    """Text of a graph in the canonical form; parsing it gives an equal graph back."""
    return canonical_text(root_object(graph))


def ordered_node(node: dict[str, Any]) -> dict[str, Any]:
    """A node's JSON object with its fields in canonical order."""
    keys = [key for key in NODE_ORDER if key in node]
    return {key: node[key] for key in [*keys, *(key for key in node if key not in keys)]}


def _node_text(node: dict[str, Any]) -> str:
    """A node's JSON object, whose payload is text already."""
    fields = ordered_node(node).items()
    return "{" + ", ".join(f"{_dump(name)}: {_dump(value)}" for name, value in fields) + "}"


def _dump(value: Any) -> str:
    return json_text(value, ensure_ascii=False)
