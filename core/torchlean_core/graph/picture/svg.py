"""SVG, laid out here: boxes in layers, operands above their users."""

from __future__ import annotations

import html

from torchlean_core.graph.picture.drawing import Box, Drawing
from torchlean_core.graph.picture.layered import layered

_CHAR = 7.2
_HEIGHT = 40.0
_STEP = 78.0
_GAP = 22.0
_MARGIN = 16.0
_MAX_LABEL = 36

_STYLE = """
  .torchlean { font: 12px ui-monospace, monospace; background: #fff }
  .torchlean rect { fill: #f6f8fa; stroke: #8c959f } .torchlean text { fill: #1f2328; text-anchor: middle }
  .torchlean .shape { fill: #57606a } .torchlean path { fill: none; stroke: #8c959f }
  .torchlean .tip { fill: #8c959f; stroke: none }
  .torchlean .input rect { fill: #ddf4ff } .torchlean .layer rect { fill: #fff8c5 }
  .torchlean .constant rect { fill: #eaeef2; stroke-dasharray: 3 2 } .torchlean .unknown rect { stroke: #cf222e }
  .torchlean .output rect { stroke-width: 2.5; stroke: #1f2328 }
  @media (prefers-color-scheme: dark) {
    .torchlean { background: #0d1117 } .torchlean rect { fill: #161b22 } .torchlean text { fill: #e6edf3 }
    .torchlean .shape { fill: #9198a1 } .torchlean .input rect { fill: #0c2d6b }
    .torchlean .layer rect { fill: #3b2e00 }
    .torchlean .constant rect { fill: #21262d } .torchlean .output rect { stroke: #e6edf3 }
  }
"""


def svg(drawing: Drawing) -> str:
    """The graph as an SVG image; every node is a group with its place (`data-index`) and id (`data-id`)."""
    widths = [max(len(_cut(box.title)), len(_cut(box.shape))) * _CHAR + 20 for box in drawing.boxes]
    layout = layered(widths, list(drawing.edges), _GAP)
    width = layout.width + 2 * _MARGIN
    height = (max(layout.layer) + 1) * _STEP - (_STEP - _HEIGHT) + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="torchlean" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">',
        f"<title>{_escape(drawing.name)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    for (start, end), bends in zip(drawing.edges, layout.bends, strict=True):
        points = [(layout.x[start], _top(layout.layer[start]) + _HEIGHT)]
        points += [(x, _top(layer) + _HEIGHT / 2) for x, layer in bends]
        points.append((layout.x[end], _top(layout.layer[end])))
        lines.append(f'<path d="{_curve(points)}" marker-end="url(#tip)"/>')
    for number, box in enumerate(drawing.boxes):
        lines.append(_box(box, layout.x[number] + _MARGIN, _top(layout.layer[number]), widths[number]))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _top(layer: int) -> float:
    return _MARGIN + layer * _STEP


def _curve(points: list[tuple[float, float]]) -> str:
    """A smooth line through points that go down."""
    x, y = points[0]
    parts = [f"M{x + _MARGIN:.1f} {y:.1f}"]
    for next_x, next_y in points[1:]:
        middle = (y + next_y) / 2
        parts.append(
            f"C{x + _MARGIN:.1f} {middle:.1f} {next_x + _MARGIN:.1f} {middle:.1f} {next_x + _MARGIN:.1f} {next_y:.1f}"
        )
        x, y = next_x, next_y
    return "".join(parts)


def _box(box: Box, x: float, y: float, width: float) -> str:
    names = f"node {box.role}{' output' if box.is_output else ''}"
    return (
        f'<g class="{names}" data-index="{box.index}" data-id="{_escape(box.node_id)}">'
        f"<title>{_escape(box.title)} {_escape(box.shape)}</title>"
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT:.0f}" rx="6"/>'
        f'<text x="{x:.1f}" y="{y + 17:.1f}">{_escape(_cut(box.title))}</text>'
        f'<text class="shape" x="{x:.1f}" y="{y + 32:.1f}">{_escape(_cut(box.shape))}</text></g>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"


def _escape(text: str) -> str:
    return html.escape(text)
