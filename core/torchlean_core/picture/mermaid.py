"""Mermaid, as Markdown files show it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import count

from torchlean_core.picture.marks import MARKS
from torchlean_core.picture.scene import Frame, Scene

_BRACKETS = {
    "input": ("([", "])"),
    "constant": ("[/", "/]"),
    "tuple": ("[[", "]]"),
    "unknown": ("{{", "}}"),
    "cluster": ("[[", "]]"),
}


def mermaid(scene: Scene) -> str:
    """The graph as a Mermaid flow chart."""
    lines = ["flowchart TD"]
    _frame(scene, scene.frame, lines, 1, count())
    lines += [f"  n{operand} --> n{user}" for operand, user in scene.edges]
    for mark, (_, color) in MARKS.items():
        links = [str(number) for number, one in enumerate(scene.marks) if one == mark]
        if links:
            dashes = ",stroke-dasharray:4 3" if mark == "removed" else ""
            lines.append(f"  linkStyle {','.join(links)} stroke:{color},stroke-width:3px{dashes}")
        marked = [f"n{number}" for number, card in enumerate(scene.cards) if card.mark == mark]
        if marked:
            lines.append(f"  classDef {mark} stroke:{color},stroke-width:3px")
            lines.append(f"  class {','.join(marked)} {mark}")
    return "\n".join(lines) + "\n"


def _frame(scene: Scene, frame: Frame, lines: list[str], depth: int, numbers: Iterator[int]) -> None:
    indent = "  " * depth
    for item in frame.items:
        if isinstance(item, Frame):
            assert item.cluster is not None
            lines.append(f'{indent}subgraph c{next(numbers)}["{_escape(item.cluster.title)}"]')
            _frame(scene, item, lines, depth + 1, numbers)
            lines.append(f"{indent}end")
            continue
        card = scene.cards[item]
        left, right = _BRACKETS.get(card.role, ("[", "]"))
        if card.is_output and card.role != "cluster":
            left, right = "([", "])"
        lines.append(f'{indent}n{item}{left}"{_escape(card.signed)}<br/>{_escape(card.detail)}"{right}')


def _escape(text: str) -> str:
    """Text inside quotes: Mermaid reads entities with `#` in place of `&`."""
    escaped = html.escape(text.replace("#", "\0"), quote=False).replace('"', "&quot;").replace("&", "#")
    return escaped.replace("\0", "#35;")
