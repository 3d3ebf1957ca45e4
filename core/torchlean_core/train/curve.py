"""The loss over the steps of a run, drawn: what is on the picture, and the picture as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from torchlean_core.basics.visible import visible
from torchlean_core.train.metrics import Entry

WIDTH, HEIGHT = 720, 420
"""Size of the picture, in the units of all places on it."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 20, 44, 52
_TITLE = 56  # characters that fit beside the legend
_LOG_FROM = 50  # a loss that spans this factor is drawn on a logarithmic axis

_SERIES = (("loss", "training", "#1f77b4"), ("val_loss", "validation", "#d9662b"))

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #555 }
.title { font-size: 15px; fill: #222 }
.grid { stroke: #e4e4e4 }
.axis { stroke: #999 }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round }
.paper { fill: #fff }
@media (prefers-color-scheme: dark) {
  text { fill: #aaa } .title { fill: #eee } .grid { stroke: #383838 } .axis { stroke: #666 }
  .paper { fill: #1e1e1e }
}"""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text.

    Attributes:
        place: Where it is, on its base line.
        text: What it says; no control characters.
        anchor: Which part of it is there: start, middle or end.
        is_title: Whether it is the title, which is larger and darker.
    """

    place: Point
    text: str
    anchor: str = "start"
    is_title: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line that helps to read the curves.

    Attributes:
        start: One end.
        end: The other.
        kind: `grid` or `axis`.
    """

    start: Point
    end: Point
    kind: str


@dataclass(frozen=True, slots=True)
class Series:
    """One loss over the steps, and its mark in the legend.

    Attributes:
        points: Its points, from left to right.
        color: Its color, `#rrggbb`.
        mark: The ends of its mark.
    """

    points: tuple[Point, ...]
    color: str
    mark: tuple[Point, Point]


Shape = Words | Rule | Series


def curve_shapes(entries: Sequence[Entry], title: str) -> list[Shape]:
    """What is on the picture, from back to front.

    Args:
        entries: The entries of the metrics, at least one.
        title: A line over the picture; what does not fit is left out.
    """
    short = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
    words = visible(short).encode("utf-8", "replace").decode()
    values = [entry[key] for entry in entries for key, _, _ in _SERIES if key in entry]
    vertical = _vertical(min(values), max(values))
    steps = [entry["step"] for entry in entries]
    left, right, base = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
    horizontal = _Scale(min(steps), max(steps), left, right, logarithmic=False)
    shapes: list[Shape] = [Words((left, 26), words, is_title=True)]
    for value in vertical.ticks():
        y = vertical.place(value)
        shapes.append(Rule((left, y), (right, y), "grid"))
        shapes.append(Words((left - 8, y + 4), f"{value:.4g}", "end"))
    for value in horizontal.ticks(whole=True):
        x = horizontal.place(value)
        shapes.append(Rule((x, base), (x, base + 5), "axis"))
        shapes.append(Words((x, base + 19), str(int(value)), "middle"))
    shapes.append(Rule((left, base), (right, base), "axis"))
    shapes.append(Words(((left + right) / 2, HEIGHT - 12), "step", "middle"))
    return shapes + _curves(entries, horizontal.place, vertical.place)


def _curves(
    entries: Sequence[Entry], across: Callable[[float], float], up: Callable[[float], float]
) -> list[Shape]:
    shapes: list[Shape] = []
    shown = [series for series in _SERIES if any(series[0] in entry for entry in entries)]
    for position, (key, label, color) in enumerate(reversed(shown)):
        points = tuple((across(entry["step"]), up(entry[key])) for entry in entries if key in entry)
        x = WIDTH - _RIGHT - 92 * (position + 1)
        shapes.append(Series(points, color, ((x, 22), (x + 18, 22))))
        shapes.append(Words((x + 24, 26), label))
    return shapes


def curve_svg(entries: Sequence[Entry], title: str) -> str:
    """The loss, and the validation loss where there is one, of the entries of the metrics, as SVG."""
    shapes = curve_shapes(entries, title)
    shown = next(escape(shape.text) for shape in shapes if isinstance(shape, Words) and shape.is_title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{shown}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for shape in shapes:
        parts += _svg(shape)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg(shape: Shape) -> list[str]:
    if isinstance(shape, Words):
        kind = ' class="title"' if shape.is_title else ""
        anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
        x, y = shape.place
        return [f'<text{kind} x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(shape.text)}</text>']
    if isinstance(shape, Rule):
        return [f'<line class="{shape.kind}" {_ends(shape.start, shape.end)}/>']
    if len(shape.points) == 1:
        x, y = shape.points[0]
        curve = f'<circle r="3" fill="{shape.color}" cx="{x:.1f}" cy="{y:.1f}"/>'
    else:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        curve = f'<polyline class="line" stroke="{shape.color}" points="{path}"/>'
    return [curve, f'<line stroke="{shape.color}" stroke-width="3" {_ends(*shape.mark)}/>']


def _ends(start: Point, end: Point) -> str:
    return f'x1="{start[0]:.1f}" x2="{end[0]:.1f}" y1="{start[1]:.1f}" y2="{end[1]:.1f}"'


class _Scale:
    """From values to places on one axis, with round numbers to mark."""

    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool) -> None:
        self._logarithmic = logarithmic
        self._low, self._high = self._of(low), self._of(high)
        if self._high == self._low:  # one point, or all alike: in the middle
            least = 1e-6 if low != round(low) or logarithmic else 1.0
            margin = max(abs(self._low) * 1e-3, least)
            self._low, self._high = self._low - margin, self._high + margin
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where a value is."""
        share = (self._of(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self, *, whole: bool = False) -> list[float]:
        """Round values between the ends."""
        if self._logarithmic:
            decades = range(math.ceil(self._low), math.floor(self._high) + 1)
            factors = (1,) if len(decades) > 3 else (1, 2, 5)
            exponents = range(math.floor(self._low), math.ceil(self._high) + 1)
            marks = [factor * 10.0**exponent for exponent in exponents for factor in factors]
            step = max(1, len(decades) // 8) if len(decades) > 3 else 1
            inside = [mark for mark in marks if self._low - 1e-9 <= math.log10(mark) <= self._high + 1e-9]
            return inside[::step]
        rough = (self._high - self._low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step_ = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        if whole:
            step_ = max(1.0, step_)
        first = math.ceil(self._low / step_ - 1e-9)
        return [k * step_ for k in range(first, math.floor(self._high / step_ + 1e-9) + 1)]

    def _of(self, value: float) -> float:
        return math.log10(value) if self._logarithmic else value


def _vertical(low: float, high: float) -> _Scale:
    """From the bottom up; a loss that falls far is shown on a logarithmic axis, another from zero."""
    logarithmic = low > 0 and high / low >= _LOG_FROM
    if not logarithmic and 0 <= low < high / 2:
        low = 0.0
    return _Scale(low, high, HEIGHT - _BOTTOM, _TOP, logarithmic=logarithmic)
