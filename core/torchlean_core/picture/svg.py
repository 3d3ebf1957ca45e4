"""SVG, laid out here: cards in layers, operands above their users, open clusters as frames around what is in them."""

from __future__ import annotations

import html

from torchlean_core.kinds.families import FAMILIES
from torchlean_core.picture.marks import MARKS
from torchlean_core.picture.nested import HEIGHT, Placed, nested
from torchlean_core.picture.scene import Card, Frame, Scene

_CHAR = 7.2
_MARGIN = 16.0
_MAX_LABEL = 36

_STYLE = """
  .torchlean { font: 12px ui-monospace, monospace; background: #fff }
  .torchlean rect { fill: #f6f8fa; stroke: #8c959f } .torchlean text { fill: #1f2328; text-anchor: middle }
  .torchlean .shape { fill: #57606a } .torchlean path { fill: none; stroke: #8c959f }
  .torchlean .tip { fill: #8c959f; stroke: none } .torchlean .constant rect { stroke-dasharray: 3 2 }
  .torchlean .output rect { stroke-width: 2.5 } .torchlean .cluster rect.back { fill: #eaeef2 }
  .torchlean .frame rect { fill: #8c959f; fill-opacity: .07; stroke: #d0d7de }
  .torchlean .frame text { text-anchor: start; fill: #57606a; font-weight: 600 }
"""
_DARK = """
    .torchlean { background: #0d1117 } .torchlean rect { fill: #161b22 } .torchlean text { fill: #e6edf3 }
    .torchlean .shape, .torchlean .frame text { fill: #9198a1 } .torchlean .cluster rect.back { fill: #21262d }
    .torchlean .frame rect { fill: #8b949e; stroke: #3d444d }
"""


def _style() -> str:
    """The style sheet: families and marks have the colours that their tables give them."""
    light = [f"  .torchlean .{one.slug} rect {{ stroke: {one.light} }}" for one in FAMILIES.values()]
    dark = [f"    .torchlean .{one.slug} rect {{ stroke: {one.dark} }}" for one in FAMILIES.values()]
    marks = [
        f"  .torchlean .{mark} rect {{ stroke: {color}; stroke-width: 2.5; fill: {color}; fill-opacity: .15 }}\n"
        f"  .torchlean path.{mark} {{ stroke: {color}; stroke-width: 2 }}"
        for mark, (_, color) in MARKS.items()
    ]
    rules = [
        _STYLE.strip("\n"),
        *light,
        "  @media (prefers-color-scheme: dark) {",
        _DARK.strip("\n"),
        *dark,
        "  }",
    ]
    return "\n".join(["", *rules, *marks, ""])


def placed_of(scene: Scene) -> Placed:
    """Where everything in a scene stands."""
    return nested(scene, [_width(card) for card in scene.cards])


def _width(card: Card) -> float:
    return max(len(_cut(card.signed)), len(_cut(card.detail))) * _CHAR + 20


def svg(scene: Scene, placed: Placed) -> str:
    """The graph as an SVG image.

    Every node is a group with its place (`data-index`) and id (`data-id`), every closed cluster one with its key
    (`data-cluster`).
    """
    width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="torchlean" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">',
        f"<title>{_escape(scene.name)}</title>",
        f"<style>{_style()}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    lines += [_frame(*frame) for frame in placed.frames]
    for points, tip, mark in placed.lines:
        end = ' marker-end="url(#tip)"' if tip else ""
        name = f' class="{mark}"' if mark else ""
        lines.append(f'<path{name} d="{_curve(points)}"{end}/>')
    lines += [_card(scene.cards[card], x, y) for card, (x, y) in placed.cards.items()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _curve(points: list[tuple[float, float]]) -> str:
    """A smooth line through points that go down; where they go up, it goes on in the next column."""
    x, y = points[0][0] + _MARGIN, points[0][1] + _MARGIN
    parts = [f"M{x:.1f} {y:.1f}"]
    for point in points[1:]:
        next_x, next_y = point[0] + _MARGIN, point[1] + _MARGIN
        bend = (next_y - y) / 2 if next_y > y else 40.0
        parts.append(f"C{x:.1f} {y + bend:.1f} {next_x:.1f} {next_y - bend:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return "".join(parts)


def _frame(frame: Frame, x: float, y: float, width: float, height: float) -> str:
    assert frame.cluster is not None
    left, top = x + _MARGIN, y + _MARGIN
    return (
        f'<g class="frame" data-cluster="{_escape(frame.cluster.key)}">'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8"/>'
        f'<text x="{left + 10:.1f}" y="{top + 16:.1f}">{_escape(frame.cluster.title)}</text></g>'
    )


def _card(card: Card, x: float, y: float) -> str:
    width = _width(card)
    x, y = x + _MARGIN, y + _MARGIN
    family = FAMILIES[card.family].slug if card.family else ""
    names = ["node", card.role, family, "output" if card.is_output else "", card.mark]
    box = card.first
    place = f'data-index="{box.index}" data-id="{_escape(box.node_id)}"'
    back = ""
    if card.role == "cluster":
        place = f'data-cluster="{_escape(card.title)}"'
        back = (
            f'<rect class="back" x="{x - width / 2 + 4:.1f}" y="{y + 4:.1f}" width="{width:.1f}" '
            f'height="{HEIGHT:.0f}" rx="6"/>'
        )
    return (
        f'<g class="{" ".join(filter(None, names))}" {place}>'
        f"<title>{_escape(card.title)} {_escape(card.detail)}{''.join(map(_line, card.changes))}</title>{back}"
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT:.0f}" rx="6"/>'
        f'<text x="{x:.1f}" y="{y + 17:.1f}">{_escape(_cut(card.signed))}</text>'
        f'<text class="shape" x="{x:.1f}" y="{y + 32:.1f}">{_escape(_cut(card.detail))}</text></g>'
    )


def _line(change: str) -> str:
    return f"&#10;{_escape(change)}"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"


def _escape(text: str) -> str:
    return html.escape(text)
