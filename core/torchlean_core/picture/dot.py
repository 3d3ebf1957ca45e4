"""Graphviz' DOT."""

from __future__ import annotations

from torchlean_core.kinds.families import FAMILIES
from torchlean_core.picture.marks import MARKS
from torchlean_core.picture.scene import Frame, Scene

_SHAPES = {
    "input": "ellipse",
    "constant": "note",
    "tuple": "folder",
    "unknown": "octagon",
    "cluster": "box3d",
}


def dot(scene: Scene) -> str:
    """The graph as DOT: `torchlean graph m.ir.json --format dot | dot -Tpng > m.png`."""
    lines = [
        f"digraph {_quote(scene.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, fontname="sans-serif"];',
        '  graph [fontname="sans-serif", style=rounded, color="#8c959f", labeljust=l];',
    ]
    _frame(scene, scene.frame, lines, 1)
    for (operand, user), mark in zip(scene.edges, scene.marks, strict=True):
        line = ", style=dashed" if mark == "removed" else ""
        color = f' [color="{MARKS[mark].color}", penwidth=2{line}]' if mark else ""
        lines.append(f"  n{operand} -> n{user}{color};")
    return "\n".join([*lines, "}"]) + "\n"


def _frame(scene: Scene, frame: Frame, lines: list[str], depth: int) -> None:
    indent = "  " * depth
    for item in frame.items:
        if isinstance(item, Frame):
            cluster = item.cluster
            assert cluster is not None
            lines.append(f"{indent}subgraph {_quote(f'cluster_{cluster.key}')} {{")
            lines.append(f"{indent}  label={_quote(cluster.title)};")
            _frame(scene, item, lines, depth + 1)
            lines.append(f"{indent}}}")
            continue
        card = scene.cards[item]
        label = f"{_escape(card.signed)}\\n{_escape(card.detail)}"
        form = f", shape={_SHAPES[card.role]}" if card.role in _SHAPES else ""
        weight = ", penwidth=2" if card.is_output or card.mark else ""
        color = MARKS[card.mark].color if card.mark else FAMILIES[card.family].light if card.family else ""
        line = f', color="{color}"' if color else ""
        # A family may have the colour of a mark: what changed is filled as well.
        fill = f', style=filled, fillcolor="{MARKS[card.mark].color}26"' if card.mark else ""
        lines.append(f'{indent}n{item} [label="{label}"{form}{line}{fill}{weight}];')


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quote(text: str) -> str:
    return f'"{_escape(text)}"'
