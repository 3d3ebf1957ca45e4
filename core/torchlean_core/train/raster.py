"""The loss curve in pixels, through the package `pillow`."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from torchlean_core.train.curve import HEIGHT, WIDTH, Point, Rule, Series, Shape, Words, curve_shapes
from torchlean_core.train.metrics import Entry

_SCALE = 2  # pixels for each unit of the picture, so that it is sharp on dense screens
_FINER = 2  # pillow draws lines without smoothing: a larger drawing is made smaller
_UNIT = _SCALE * _FINER

_PAPER, _TEXT, _TITLE = "#ffffff", "#555555", "#222222"
_RULES = {"grid": "#e4e4e4", "axis": "#999999"}
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}  # pillow's: left, middle or right, on the base line

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def curve_png(entries: Sequence[Entry], title: str) -> bytes:
    """The picture that `curve_svg` gives, as PNG of 1440 x 840 pixels on white paper."""
    image = Image.new("RGB", (WIDTH * _UNIT, HEIGHT * _UNIT), _PAPER)
    draw = ImageDraw.Draw(image)
    fonts = {is_title: ImageFont.load_default(size * _UNIT) for is_title, size in ((False, 12), (True, 15))}
    for shape in curve_shapes(entries, title):
        _draw(draw, shape, fonts)
    file = io.BytesIO()
    image.reduce(_FINER).save(file, "PNG", optimize=True)
    return file.getvalue()


def _draw(draw: ImageDraw.ImageDraw, shape: Shape, fonts: dict[bool, _Font]) -> None:
    if isinstance(shape, Words):
        color, anchor = _TITLE if shape.is_title else _TEXT, _ANCHORS[shape.anchor]
        draw.text(_at(shape.place), shape.text, color, fonts[shape.is_title], anchor)
    elif isinstance(shape, Rule):
        draw.line([_at(shape.start), _at(shape.end)], _RULES[shape.kind], _UNIT)
    else:
        _draw_series(draw, shape)


def _draw_series(draw: ImageDraw.ImageDraw, series: Series) -> None:
    points = [_at(point) for point in series.points]
    if len(points) == 1:
        draw.circle(points[0], 3 * _UNIT, series.color)
    else:
        draw.line(points, series.color, round(1.8 * _UNIT), "curve")
    draw.line([_at(end) for end in series.mark], series.color, 3 * _UNIT)


def _at(point: Point) -> Point:
    return point[0] * _UNIT, point[1] * _UNIT
