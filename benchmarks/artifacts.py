"""Artifacts of any size to measure with: a network of mixed kinds, without errors."""

from __future__ import annotations

import json
import random
from typing import Any


def make_artifact(count: int, seed: int = 0, layout: str = "indented") -> str:
    """Text of a clean artifact.

    Args:
        count: Number of nodes.
        seed: Seed of the choice of kinds and operands.
        layout: `indented` (as `json.dump(indent=2, sort_keys=True)` writes it), `lines` (the canonical form)
            or `minified` (one line).
    """
    draw = random.Random(seed)
    nodes: list[dict[str, Any]] = [{"id": 0, "kind": "input", "parents": [], "shape": [8, 16]}]
    by_shape: dict[tuple[int, ...], list[int]] = {(8, 16): [0]}
    while len(nodes) < count:
        index = len(nodes)
        node = _node(draw, by_shape, nodes)
        nodes.append({"id": index, **node, "debug_target": f"aten.{node['kind']}.default"})
        by_shape.setdefault(tuple(node["shape"]), []).append(index)
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": count - 1, "nodes": nodes}
    if layout == "indented":
        return json.dumps(root, indent=2, sort_keys=True)
    if layout == "minified":
        return json.dumps(root, separators=(",", ":"))
    head = (
        f'{{\n  "format": "torchlean.ir.v1",\n  "input_id": 0,\n  "output_id": {count - 1},\n  "nodes": [\n'
    )
    return head + ",\n".join("    " + json.dumps(node) for node in nodes) + "\n  ]\n}\n"


def _node(
    draw: random.Random, by_shape: dict[tuple[int, ...], list[int]], nodes: list[dict[str, Any]]
) -> dict[str, Any]:
    last = nodes[-1]
    shape = tuple(last["shape"])
    index = last["id"]
    if len(shape) != 2 and draw.randrange(2):
        return {"kind": "linear", "parents": [index], "shape": [draw.choice([64, 128, 256])]}
    if len(shape) != 2:
        fields = {"in_shape": list(shape), "out_shape": [8, shape[0] // 8]}
        return {"kind": "reshape", "parents": [index], "shape": [8, shape[0] // 8], **fields}
    same = by_shape[shape]
    choice = draw.randrange(10)
    if choice < 4:
        kind = draw.choice(["relu", "tanh", "sigmoid", "exp"])
        return {"kind": kind, "parents": [index], "shape": list(shape)}
    if choice < 6:
        other = same[-1 - draw.randrange(min(len(same), 8))]
        return {
            "kind": draw.choice(["add", "mul_elem", "sub"]),
            "parents": [other, index],
            "shape": list(shape),
        }
    if choice == 6:
        rows = [8] + ([16] if shape[0] * shape[1] % 16 == 0 else [])
        target = [draw.choice(rows), 0]
        target[1] = shape[0] * shape[1] // target[0]
        return {
            "kind": "reshape",
            "parents": [index],
            "shape": target,
            "in_shape": list(shape),
            "out_shape": target,
        }
    if choice == 7:
        return {"kind": "softmax", "parents": [index], "shape": list(shape), "axis": 1}
    if choice == 8:
        return {"kind": "permute", "parents": [index], "shape": [shape[1], shape[0]], "perm": [1, 0]}
    fields = {"in_shape": list(shape), "out_shape": [shape[0] * shape[1]]}
    return {"kind": "reshape", "parents": [index], "shape": [shape[0] * shape[1]], **fields}
