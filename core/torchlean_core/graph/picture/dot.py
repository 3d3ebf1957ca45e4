"""Graphviz' DOT."""

from __future__ import annotations

from torchlean_core.graph.picture.drawing import Drawing

_SHAPES = {"input": "ellipse", "constant": "note", "tuple": "folder", "unknown": "octagon"}


def dot(drawing: Drawing) -> str:
    """The graph as DOT: `torchlean graph m.ir.json --format dot | dot -Tpng > m.png`."""
    lines = [
        f"digraph {_quote(drawing.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, fontname="sans-serif"];',
    ]
    for number, box in enumerate(drawing.boxes):
        label = f"{_escape(box.title)}\\n{_escape(box.shape)}"
        form = f", shape={_SHAPES[box.role]}" if box.role in _SHAPES else ""
        weight = ", penwidth=2" if box.is_output else ""
        lines.append(f'  n{number} [label="{label}"{form}{weight}];')
    lines += [f"  n{operand} -> n{user};" for operand, user in drawing.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quote(text: str) -> str:
    return f'"{_escape(text)}"'
