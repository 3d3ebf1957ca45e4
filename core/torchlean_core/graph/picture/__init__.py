"""Pictures of graphs: DOT, Mermaid, SVG and plain text, of artifacts with errors too as far as they can be read."""

from __future__ import annotations

from torchlean_core.check.checker import Report
from torchlean_core.errors import UserError
from torchlean_core.graph.picture.dot import dot
from torchlean_core.graph.picture.drawing import Drawing, drawing_of
from torchlean_core.graph.picture.mermaid import mermaid
from torchlean_core.graph.picture.rails import text
from torchlean_core.graph.picture.svg import svg

FORMATS = ("text", "dot", "mermaid", "svg")
"""What a picture can be written as."""

MAX_SVG_NODES = 1_500
"""Nodes that are laid out here; Graphviz does better with more."""

__all__ = ["FORMATS", "Drawing", "drawing_of", "picture"]


def picture(report: Report, form: str, name: str) -> str:
    """A picture of an artifact's graph.

    Args:
        report: The check of the artifact.
        form: One of `FORMATS`.
        name: The artifact's name, for titles and messages.

    Raises:
        UserError: There are no nodes to draw, or too many for this form.
    """
    drawing = drawing_of(report, name)
    if not drawing.boxes:
        raise UserError(f"{name}: no node can be read; there is nothing to draw")
    if form == "svg" and len(drawing.boxes) > MAX_SVG_NODES:
        raise UserError(
            f"{name}: {len(drawing.boxes):,} nodes are too many to lay out as SVG (at most {MAX_SVG_NODES:,}); "
            "draw it as `dot`, and let Graphviz do it"
        )
    return {"text": text, "dot": dot, "mermaid": mermaid, "svg": svg}[form](drawing)
