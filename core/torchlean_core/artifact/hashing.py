"""The hash of an artifact: of what it means, whatever its formatting and comments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from torchlean_core.artifact.write import node_object, root_object
from torchlean_core.graph.identity import FIELD
from torchlean_core.graph.model import Graph
from torchlean_core.kinds import LIST_FIELDS, dialect_of
from torchlean_core.text.numbers import Numbers, numbers_of

SEAL = "artifact_sha256"
"""Field of `captured_from` that holds the hash of the whole artifact as capture wrote it."""


def artifact_hash(graph: Graph) -> str:
    """SHA-256, in hex, of the canonical form without `debug_target` and other extra text fields.

    Extra fields that hold numbers, booleans or arrays of them count (they can mean something, as `eps` and
    `trainable` do); those that hold text or objects are comments and provenance, and do not. `parameters` counts
    but for the spelling of names: of those, which uses share one.

    Of an array of many numbers (weights) its nesting and the float64 numbers next to its own count, whether it is kept
    as text or was read: 1.0 is 1 there, and 1e400 infinite.
    """
    nodes = []
    firsts: dict[str, str] = {}
    for node in graph.nodes:
        value = node_object(node)
        for name, content in node.extra.items():
            if name == FIELD and isinstance(content, Mapping):
                value[name] = {
                    role: _identity(said, f"{node.id} {role}", firsts) for role, said in content.items()
                }
            elif not _numeric(content):
                del value[name]
        for name, content in value.items():
            if name in node.inline and (numbers := numbers_of(content)) is not None:
                # By value, however it is spelled, and whoever read it: 1.0 is 1 to the exact parser.
                value[name] = {"numbers": numbers.digest().hex()}
            elif name not in LIST_FIELDS and isinstance(content, Numbers | list):
                value[name] = _counted(content)
        nodes.append(value)
    ends = graph.dialect.root_json(graph.input_id, graph.output_ids, {})
    del ends["format"]
    return _hash({**ends, "nodes": nodes})


def _counted(content: Any) -> Any:
    """What counts of an array: of many numbers their digest, else itself."""
    numbers = numbers_of(content)
    if numbers is not None and numbers.is_long:
        return {"numbers": numbers.digest().hex()}
    return content.value() if isinstance(content, Numbers) else content


def _identity(said: Any, use: str, firsts: dict[str, str]) -> Any:
    """What counts of one use's identity: for its name stands the first use that has it."""
    if not isinstance(said, Mapping):
        return said
    found = {key: value for key, value in said.items() if key != "derived"}
    if isinstance(name := found.get("name"), str):
        found["name"] = firsts.setdefault(name, use)
    return found


def sealed(graph: Graph) -> Graph:
    """A captured graph that says what it was when it was written, so that an edit can be told from that."""
    captured = graph.extra["captured_from"]
    assert isinstance(captured, Mapping), "only a captured graph is sealed"
    seal = seal_of(root_object(graph))
    return replace(graph, extra={**graph.extra, "captured_from": {**captured, SEAL: seal}})


def seal(graph: Graph) -> str:
    """The hash that a captured graph says it had when it was written; "" where it says none."""
    captured = graph.extra.get("captured_from")
    found = captured.get(SEAL) if isinstance(captured, Mapping) else None
    return found if isinstance(found, str) else ""


def is_sealed(graph: Graph) -> bool:
    """Whether a graph is as capture wrote it."""
    found = seal(graph)
    return bool(found) and found == seal_of(root_object(graph))


def captured_words(graph: Graph) -> str:
    """The model that a graph was captured from, as parameter files name it: `model.py:Name`, `model.pt2`."""
    captured = graph.extra.get("captured_from")
    if not isinstance(captured, Mapping):
        return ""
    file = PurePosixPath(str(captured.get("file"))).name
    return file if "format" in captured and "class" not in captured else f"{file}:{captured.get('class')}"


def seal_of(root: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of an artifact's whole value but for the seal in it.

    Comments and provenance count here, other than in `artifact_hash`: they can be somebody's work, too. How the text
    is formatted does not.
    """
    captured = root.get("captured_from")
    if isinstance(captured, Mapping):
        bare = {name: value for name, value in captured.items() if name != SEAL}
        root = {**root, "captured_from": bare}
    payload, nodes = dialect_of(root).payload_fields, root.get("nodes")
    if payload and isinstance(nodes, list):
        digested = [_digested(node, payload) if isinstance(node, dict) else node for node in nodes]
        root = {**root, "nodes": digested}
    return _hash(root)


def _digested(node: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A node with hashes in place of numbers that may be text or not, and many."""
    found = {name: numbers_of(node[name]) for name in names if name in node}
    hashes = {name: {"numbers": one.digest().hex()} for name, one in found.items() if one is not None}
    return {**node, **hashes}


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_read)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(value: Any) -> Any:
    if isinstance(value, Numbers):
        return value.value()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _numeric(value: Any) -> bool:
    if isinstance(value, Numbers):
        return True
    if isinstance(value, list):
        return all(_numeric(item) for item in value)
    return isinstance(value, int | float)
