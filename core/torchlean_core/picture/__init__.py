"""Pictures of graphs: DOT, Mermaid, SVG and plain text, of artifacts with errors too as far as they can be read."""

from __future__ import annotations

from typing import Literal

from torchlean_core.check.report import Report
from torchlean_core.errors import UserError
from torchlean_core.graph.clusters import to_depth
from torchlean_core.picture.dot import dot
from torchlean_core.picture.drawing import Drawing, drawing_of, opened_within
from torchlean_core.picture.mermaid import mermaid
from torchlean_core.picture.rails import text
from torchlean_core.picture.scene import scene_of
from torchlean_core.picture.svg import placed_of, svg

FORMATS = ("text", "dot", "mermaid", "svg")
"""What a picture can be written as."""

MAX_SVG_NODES = 1_500
"""Cards that are laid out here; Graphviz does better with more."""

BUDGETS = {"text": (300,), "mermaid": (150,), "svg": (150, 80, 40, 20)}
"""Cards that are seen where no depth is asked for; of SVG the first that is not too high. DOT is for programs, and has
all nodes.
"""

MAX_HEIGHT = 3_000
"""Height of an SVG image that is still read at a glance, where no depth is asked for."""

Depth = int | Literal["all"] | None
"""How many levels of clusters are open; None: as many as the form's budget allows."""

__all__ = ["BUDGETS", "FORMATS", "Depth", "Drawing", "draw", "drawing_of", "picture"]


def picture(report: Report, form: str, name: str, depth: Depth = None) -> str:
    """A picture of an artifact's graph.

    Args:
        report: The check of the artifact.
        form: One of `FORMATS`.
        name: The artifact's name, for titles and messages.
        depth: How many levels of clusters are open.

    Raises:
        UserError: There are no nodes to draw, or too many for this form.
    """
    return draw(drawing_of(report, name), form, name, depth)


def draw(drawing: Drawing, form: str, name: str, depth: Depth = None) -> str:
    """A picture of a drawing; as `picture`."""
    if not drawing.boxes:
        raise UserError(f"{name}: no node can be read; there is nothing to draw")
    if depth is None and form in BUDGETS:
        # Each budget that opens other clusters than the one before, which is looked at only if that is too high.
        opened = dict.fromkeys(opened_within(drawing, budget) for budget in BUDGETS[form])
    else:
        opened = {to_depth(drawing.tree, None if depth in (None, "all") else int(depth)): None}
    first, *further = opened
    scene = scene_of(drawing, first)
    if form != "svg":
        return _WRITERS[form](scene)
    if len(scene.cards) > MAX_SVG_NODES:
        raise UserError(
            f"{name}: {len(scene.cards):,} nodes are too many to lay out as SVG (at most {MAX_SVG_NODES:,}); "
            "open fewer clusters, or draw it as `dot`, and let Graphviz do it"
        )
    placed = placed_of(scene)
    while placed.height > MAX_HEIGHT and further:
        scene = scene_of(drawing, further.pop(0))
        placed = placed_of(scene)
    return svg(scene, placed)


_WRITERS = {"text": text, "dot": dot, "mermaid": mermaid}
