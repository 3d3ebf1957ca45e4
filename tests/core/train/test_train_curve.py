"""The loss curve as a picture: what is on it, in both formats, and where it goes."""

import importlib.util
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.train.curve import curve_svg
from torchlean_core.train.job import run

SPACE = {"svg": "http://www.w3.org/2000/svg"}
needs_pillow = pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs the package pillow")


def train(**request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, lambda event: None)


def entries(*losses):
    return [{"step": k + 1, "loss": loss, "lr": 0.1} for k, loss in enumerate(losses)]


def curve_png(*arguments):
    from torchlean_core.train import raster  # needs pillow

    return raster.curve_png(*arguments)


def pixels(png):
    from PIL import Image

    return Image.open(io.BytesIO(png)).convert("RGB")


def places(image, color):
    """Where an image is nearly of a color, as rows (x, y) in the units of the SVG."""
    near = (np.abs(np.asarray(image).astype(int) - color) < 24).all(axis=2)
    return np.argwhere(near)[:, ::-1] / 2


BLUE, ORANGE = (0x1F, 0x77, 0xB4), (0xD9, 0x66, 0x2B)

LOSSES = [
    [0.5],
    [0.5, 0.5, 0.5],
    [0.0, 0.0],
    [1e9, 1e-9],
    [1.0, 0.009],
    [-3.0, -4.0],
    [1.0000001, 1.0000002],
    [1e-30, 2e-30],
    [3e38, 1e30],
]


def test_the_curve_shows_both_losses(folder):
    train(steps=40, val_split=0.25, lr=0.05)
    root = ET.parse("m.loss.svg").getroot()
    assert len(root.findall("svg:polyline", SPACE)) == 2
    words = {text.text for text in root.findall("svg:text", SPACE)}
    assert {"training", "validation", "step", "m: loss, adam, synthetic data"} <= words


def test_a_flat_curve_of_huge_losses_is_drawn():
    root = ET.fromstring(curve_svg(entries(3.6e29, 3.6e29, 3.6e29), "m"))
    assert len(root.find("svg:polyline", SPACE).get("points").split()) == 3


@pytest.mark.parametrize("losses", LOSSES)
def test_every_point_of_a_curve_is_on_the_paper(losses):
    root = ET.fromstring(curve_svg(entries(*losses), "a <b> & \x1b\udc80 c"))
    points = [
        tuple(map(float, point.split(",")))
        for line in root.findall("svg:polyline", SPACE)
        for point in line.get("points").split()
    ]
    points += [(float(c.get("cx")), float(c.get("cy"))) for c in root.findall("svg:circle", SPACE)]
    assert len(points) == len(losses)
    assert all(70 <= x <= 705 and 40 <= y <= 370 for x, y in points)
    assert 2 <= len(root.findall("svg:line[@class='grid']", SPACE)) <= 12


def test_a_title_that_is_too_long_ends_in_dots():
    (title,) = ET.fromstring(curve_svg(entries(1.0), "m" * 57)).findall("svg:text[@class='title']", SPACE)
    assert title.text == "m" * 55 + "…"


@needs_pillow
@pytest.mark.parametrize("losses", LOSSES)
def test_every_curve_can_be_drawn_in_pixels(losses):
    image = pixels(curve_png(entries(*losses), "a <b> & \x1b\udc80 \u635f\u5931"))
    assert image.size == (1440, 840)
    assert any(70 <= x <= 705 and 40 <= y <= 370 for x, y in places(image, BLUE))


@needs_pillow
def test_pixels_are_where_the_vectors_are():
    both = [{**entry, "val_loss": entry["loss"] / 2} for entry in entries(8.0, 4.0, 2.0)]
    root = ET.fromstring(curve_svg(both, "m"))
    image = pixels(curve_png(both, "m"))
    for line, color in zip(root.findall("svg:polyline", SPACE), (ORANGE, BLUE), strict=True):
        assert line.get("stroke") == "#{:02x}{:02x}{:02x}".format(*color)
        near = places(image, color)
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert np.abs(near - (x, y)).max(axis=1).min() <= 1.5
    assert pixels(curve_png(entries(8.0, 4.0), "m")).getpixel((2, 2)) == (255, 255, 255)
    assert len(places(pixels(curve_png(entries(8.0, 4.0), "m")), ORANGE)) == 0


@needs_pillow
def test_equal_runs_give_equal_pictures():
    assert curve_png(entries(3.0, 1.0), "m") == curve_png(entries(3.0, 1.0), "m")


@needs_pillow
@pytest.mark.parametrize(
    ("name", "start"), [("c.png", b"\x89PNG\r\n"), ("C.PNG", b"\x89PNG"), ("c.svg", b"<svg")]
)
def test_the_ending_of_the_name_says_the_format(folder, name, start):
    result = train(steps=3, curve=name)
    assert result["curve"] == name
    assert Path(name).read_bytes().startswith(start)
    assert not Path("m.loss.svg").exists()


@needs_pillow
def test_the_command_takes_a_curve(folder, capsys):
    assert main(["train", "m.ir.json", "--steps", "3", "--curve", "c.png", "-o", "o.safetensors"]) == 0
    assert "wrote o.safetensors, o.metrics.jsonl and c.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ("c.jpg", r"c\.jpg: the curve is drawn as \.svg or \.png"),
        ("c", r"c: the curve is drawn as"),
        ("no/c.svg", "no/c.svg: there is no folder no"),
        ("d.svg", r"d\.svg: is a folder"),
        ("p.png", r"p\.png: would be the trained parameters and the curve"),
        ("./sub/../p.png", "would be the trained parameters and the curve"),
    ],
)
def test_curves_that_cannot_be_written_are_refused_before_anything_runs(folder, curve, message):
    Path("d.svg").mkdir()
    Path("sub").mkdir()
    with pytest.raises(UsageError, match=message):
        train(curve=curve, out="p.png")
    assert {path.name for path in folder.iterdir()} == {"m.ir.json", "d.svg", "sub"}


def test_a_png_without_pillow_is_refused_before_anything_runs(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "PIL" else find(name, *rest)
    )
    with pytest.raises(UsageError, match=r"needs the package pillow: pip install 'torchlean-ls\[png\]'"):
        train(curve="c.png")
    assert [path.name for path in folder.iterdir()] == ["m.ir.json"]
    assert train(steps=2, curve="c.svg")["curve"] == "c.svg"
