"""Model files of packages are loaded as `python -m package.module` would load them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.packages import package_of
from torchlean_core.capture.target import Target

LAYERS = "from torch import nn\n\n\nclass Block(nn.Linear):\n    def __init__(self):\n        super().__init__(4, 4)\n"
MODEL = """\
from torch import nn

from {} import Block


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(Block())
"""


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


LAYOUTS = {
    "a package": ("tpk/model.py", {"tpk/__init__.py": "", "tpk/layers.py": LAYERS}, ".layers"),
    "a deeper package": (
        "tpk/a/b/model.py",
        {"tpk/__init__.py": "", "tpk/a/__init__.py": "", "tpk/a/b/__init__.py": "", "tpk/layers.py": LAYERS},
        "...layers",
    ),
    "a deeper package by its full name": (
        "tpk/a/model.py",
        {"tpk/__init__.py": "", "tpk/a/__init__.py": "", "tpk/layers.py": LAYERS},
        "tpk.layers",
    ),
    "a folder without __init__": ("tpk/model.py", {"tpk/layers.py": LAYERS}, ".layers"),
    "folders without __init__": ("tpk/a/model.py", {"tpk/layers.py": LAYERS}, "..layers"),
    "a folder without __init__ in a package": (
        "tpk/a/model.py",
        {"tpk/__init__.py": "", "tpk/layers.py": LAYERS},
        "..layers",
    ),
    "what an imported file needs": (
        "tpk/a/model.py",
        {"tpk/layers.py": LAYERS, "tpk/a/others.py": "from ..layers import Block\n"},
        ".others",
    ),
    "a src layout": (
        "src/tpk/a/model.py",
        {"src/tpk/__init__.py": "", "src/tpk/a/__init__.py": "", "src/tpk/layers.py": LAYERS},
        "tpk.layers",
    ),
    "a project without packages": (
        "models/model.py",
        {"pyproject.toml": "", "tpk/layers.py": LAYERS},
        "tpk.layers",
    ),
    "a package that imports the file": (
        "tpk/model.py",
        {"tpk/__init__.py": "from .model import Net\n", "tpk/layers.py": LAYERS},
        ".layers",
    ),
    "the package itself": ("tpk/__init__.py", {"tpk/layers.py": LAYERS}, ".layers"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_imports_of_a_package_are_found(tmp_path: Path, layout: str) -> None:
    name, files, imported = LAYOUTS[layout]
    written(tmp_path, {**files, name: MODEL.format(imported)})
    module = load_model(Target(tmp_path / name, "Net")).module
    assert [type(part).__name__ for part in module] == ["Block"]  # type: ignore[union-attr]


def test_a_file_that_its_package_imports_runs_once(tmp_path: Path) -> None:
    text = MODEL.format(".layers") + "\n\nprint('once')\n"
    written(
        tmp_path,
        {"tpk/__init__.py": "from .model import Net\n", "tpk/layers.py": LAYERS, "tpk/model.py": text},
    )
    loaded = load_model(Target(tmp_path / "tpk/model.py", "Net"))
    assert type(loaded.module) is sys.modules["tpk"].Net


def test_a_file_beside_others_is_in_no_package(tmp_path: Path) -> None:
    written(tmp_path, {"model.py": MODEL.format("layers"), "layers.py": LAYERS})
    assert package_of(tmp_path / "model.py", MODEL.format("layers")) is None


def test_a_folder_that_a_module_of_python_hides_is_told(tmp_path: Path) -> None:
    written(tmp_path, {"colorsys/layers.py": LAYERS, "colorsys/model.py": MODEL.format(".layers")})
    with pytest.raises(CaptureError, match="is called like a module that there is already"):
        load_model(Target(tmp_path / "colorsys/model.py", "Net"))


def test_where_a_missing_module_lies_is_told(tmp_path: Path) -> None:
    written(tmp_path, {"tpk/layers.py": LAYERS, "models/model.py": MODEL.format("tpk.layers")})
    with pytest.raises(CaptureError) as caught:
        load_model(Target(tmp_path / "models/model.py", "Net"))
    assert "No module named 'tpk'" in str(caught.value)
    assert f"it lies in {tmp_path}: a pyproject.toml in that folder" in str(caught.value)
    assert caught.value.findings[0].line == 3
