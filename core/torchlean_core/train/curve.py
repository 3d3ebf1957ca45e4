"""The loss over the steps of a run, drawn as an SVG file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from torchlean_core.train.metrics import Entry
from torchlean_core.visible import visible

_WIDTH, _HEIGHT = 720, 420
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


def curve_svg(entries: Sequence[Entry], title: str) -> str:
    """The loss, and the validation loss where there is one, of the entries of the metrics."""
    shown = escape(visible(title[:_TITLE]).encode("utf-8", "replace").decode())
    values = [entry[key] for entry in entries for key, _, _ in _SERIES if key in entry]
    vertical = _vertical(min(values), max(values))
    steps = [entry["step"] for entry in entries]
    horizontal = _Scale(min(steps), max(steps), _LEFT, _WIDTH - _RIGHT, logarithmic=False)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{shown}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="26">{shown}</text>',
    ]
    for value in vertical.ticks():
        y = vertical.place(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    base = _HEIGHT - _BOTTOM
    for value in horizontal.ticks(whole=True):
        x = horizontal.place(value)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 5}"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 19}" text-anchor="middle">{int(value)}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">step</text>'
    )
    parts += _lines(entries, horizontal.place, vertical.place)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _lines(
    entries: Sequence[Entry], across: Callable[[float], float], up: Callable[[float], float]
) -> list[str]:
    parts = []
    right = _WIDTH - _RIGHT
    shown = [series for series in _SERIES if any(series[0] in entry for entry in entries)]
    for position, (key, label, color) in enumerate(reversed(shown)):
        points = [(across(entry["step"]), up(entry[key])) for entry in entries if key in entry]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        if len(points) > 1:
            parts.append(f'<polyline class="line" stroke="{color}" points="{path}"/>')
        else:
            parts.append(f'<circle r="3" fill="{color}" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}"/>')
        x = right - 92 * (position + 1)
        parts.append(f'<line stroke="{color}" stroke-width="3" x1="{x}" x2="{x + 18}" y1="22" y2="22"/>')
        parts.append(f'<text x="{x + 24}" y="26">{label}</text>')
    return parts


class _Scale:
    """From values to places on one axis, with round numbers to mark."""

    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool) -> None:
        self._logarithmic = logarithmic
        self._low, self._high = self._of(low), self._of(high)
        if self._high == self._low:  # one point, or all alike: in the middle
            margin = max(abs(self._low) * 1e-3, 1e-6) if low != round(low) or logarithmic else 1.0
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
    return _Scale(low, high, _HEIGHT - _BOTTOM, _TOP, logarithmic=logarithmic)


def _number(value: float) -> str:
    return f"{value:.4g}"
