"""The hash of an artifact: of what it means, whatever its formatting and comments."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from torchlean_core.artifact.write import node_object
from torchlean_core.graph.model import Graph


def artifact_hash(graph: Graph) -> str:
    """SHA-256, in hex, of the canonical form without `debug_target` and other extra text fields.

    Extra fields that hold numbers, booleans or arrays of them count (they can mean something, as `eps` and
    `trainable` do); those that hold text or objects are comments and provenance, and do not.
    """
    nodes = []
    for node in graph.nodes:
        value = node_object(node)
        for name, content in node.extra.items():
            if not _numeric(content):
                del value[name]
        nodes.append(value)
    content = {"input_id": graph.input_id, "output_id": graph.output_id, "nodes": nodes}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _numeric(value: Any) -> bool:
    if isinstance(value, list):
        return all(_numeric(item) for item in value)
    return isinstance(value, int | float)
