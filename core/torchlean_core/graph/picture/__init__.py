"""Pictures of graphs: DOT, Mermaid, SVG and plain text, of artifacts with errors too as far as they can be read."""

from __future__ import annotations

from typing import Literal

from torchlean_core.check.checker import Report
from torchlean_core.errors import UserError
from torchlean_core.graph.clusters import around, to_depth, within
from torchlean_core.graph.picture.dot import dot
from torchlean_core.graph.picture.drawing import Drawing, drawing_of
from torchlean_core.graph.picture.mermaid import mermaid
from torchlean_core.graph.picture.rails import text
from torchlean_core.graph.picture.scene import scene_of
from torchlean_core.graph.picture.svg import placed_of, svg

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

_BUDGET_AROUND = 16
_MAX_MARKED = 200
"""Of a comparison so much is seen that nothing happened to, and the clusters around so many nodes are opened."""

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
    marked = [number for number, box in enumerate(drawing.boxes) if box.mark]
    if depth is None and marked and form in BUDGETS:
        opened = within(drawing.tree, _BUDGET_AROUND)
        if len(marked) <= _MAX_MARKED:
            opened |= around(drawing.tree, marked)
        scenes = [scene_of(drawing, opened)]
    elif depth is None and form in BUDGETS:
        scenes = [scene_of(drawing, within(drawing.tree, budget)) for budget in BUDGETS[form]]
    else:
        scenes = [scene_of(drawing, to_depth(drawing.tree, None if depth in (None, "all") else int(depth)))]
    if form != "svg":
        return _WRITERS[form](scenes[0])
    if len(scenes[0].cards) > MAX_SVG_NODES:
        raise UserError(
            f"{name}: {len(scenes[0].cards):,} nodes are too many to lay out as SVG (at most {MAX_SVG_NODES:,}); "
            "open fewer clusters, or draw it as `dot`, and let Graphviz do it"
        )
    for scene in scenes:
        placed = placed_of(scene)
        if placed.height <= MAX_HEIGHT:
            break
    return svg(scene, placed)


_WRITERS = {"text": text, "dot": dot, "mermaid": mermaid}
