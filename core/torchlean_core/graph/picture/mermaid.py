"""Mermaid, as Markdown files show it."""

from __future__ import annotations

import html

from torchlean_core.graph.picture.drawing import Drawing

_BRACKETS = {"input": ("([", "])"), "constant": ("[/", "/]"), "tuple": ("[[", "]]"), "unknown": ("{{", "}}")}


def mermaid(drawing: Drawing) -> str:
    """The graph as a Mermaid flow chart."""
    lines = ["flowchart TD"]
    for number, box in enumerate(drawing.boxes):
        left, right = _BRACKETS.get(box.role, ("[", "]"))
        if box.is_output:
            left, right = "([", "])"
        lines.append(f'  n{number}{left}"{_escape(box.title)}<br/>{_escape(box.shape)}"{right}')
    lines += [f"  n{operand} --> n{user}" for operand, user in drawing.edges]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Text inside quotes: Mermaid reads entities with `#` in place of `&`."""
    return html.escape(text.replace("#", "&#35;")).replace("&amp;#35;", "#35;").replace("&", "#")
