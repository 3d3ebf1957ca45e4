"""Comments of a generated file that name what a captured artifact came from.

They hold text from the artifact, so nothing but plain ASCII letters, digits and a few signs is let through, and
not much of it: no comment can end its line, or say something else than it seems to.
"""

from __future__ import annotations

import re
from typing import Any

from torchlean_core.graph import Graph, Parameter, TensorNode
from torchlean_core.kinds.operators import CONST

_LONGEST = 60


def node_comment(node: TensorNode) -> str:
    """Where a captured node came from: `conv (line 24): aten.conv2d.default`; "" where nothing is known."""
    where = _module(node)
    source = node.extra.get("source")
    line = source.get("line") if isinstance(source, dict) else None
    if type(line) is int and 0 < line < 10**9:
        where = f"{where} (line {line})" if where else f"line {line}"
    target = _plain(node.extra.get("debug_target"))
    return ": ".join(part for part in (where, target) if part)


def owner_comment(node: TensorNode, parameter: Parameter | None = None) -> str:
    """What a node's parameter, or all of them, were in the captured model: a name, or a submodule; "" if unknown."""
    if parameter is not None and (name := _plain(parameter.model)):
        return name
    return (constant_name(node) if node.operator is CONST else "") or _module(node)


def constant_name(node: TensorNode) -> str:
    """The name that a captured constant had in the model; "" where it has none, or it is not known."""
    name = _plain(node.extra.get("debug_target"))
    return "" if name.startswith(("aten.", "onnx.")) else name


def origin(graph: Graph) -> str:
    """The model that an artifact was captured from: `tiny_cnn.py:TinyCNN`, `m.pt2`; "" where it does not say."""
    captured = graph.extra.get("captured_from")
    if not isinstance(captured, dict):
        return ""
    file, name = captured.get("file"), _plain(captured.get("class"))
    base = _plain(file.replace("\\", "/").rpartition("/")[2]) if isinstance(file, str) else ""
    if "format" in captured and "class" not in captured:
        return base
    return f"{base}:{name}" if base and name else ""


def _module(node: TensorNode) -> str:
    source = node.extra.get("source")
    return _plain(source.get("module")) if isinstance(source, dict) else ""


def _plain(text: Any) -> str:
    """What of a text may stand in a comment."""
    if not isinstance(text, str):
        return ""
    return re.sub(r"[^A-Za-z0-9_.\[\] -]", "", text[: 4 * _LONGEST])[:_LONGEST].strip()
