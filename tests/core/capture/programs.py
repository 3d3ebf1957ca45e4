"""What the tests of exported programs share: a module's file, and its capture beside that of the module."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from torchlean_core.artifact import parse_graph
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.program.load import load_program
from torchlean_core.capture.program.read import read_program
from torchlean_core.options.capture import Options

GENERALIZED = "generalized"


def save(
    module: nn.Module, shape: tuple[int, ...], file: Path, *, decompose: bool = False, **export: Any
) -> Path:
    """Export a module in eval mode and save it."""
    module.eval()
    program = torch.export.export(module, (torch.randn(shape),), strict=False, **export)
    if decompose:
        program = program.run_decompositions()
    torch.export.save(program, file)
    return file


def load(file: Path) -> tuple[Loaded, tuple[int, ...]]:
    """The model of a file, and the shape of its input."""
    archive, description = read_program(file)
    return load_program(archive, description), description.shape


def captured_program(file: Path, dialect: str = GENERALIZED, **options: Any) -> Captured:
    """Capture a file, verified."""
    loaded, shape = load(file)
    found = capture(loaded, shape, file.with_suffix(".ir.json"), Options(dialect=dialect, **options))
    parse_graph(found.text)
    return found


def bare(captured: Captured) -> dict[str, Any]:
    """An artifact without what says where it comes from."""
    root: dict[str, Any] = json.loads(captured.text)
    root.pop("captured_from")
    for node in root["nodes"]:
        node.pop("source", None)
    for entry in root.get("training_differs", ()):
        entry.pop("line", None)
        entry.pop("file", None)
    return root


def rewritten(file: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an archive with other entries, by names without the folder."""
    with zipfile.ZipFile(file) as archive:
        names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(names)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in names.items():
            archive.writestr(f"{out.stem}/{name}", content)
    return out


def described(file: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a file with another description of its program."""

    def changed(names: dict[str, bytes]) -> None:
        description = json.loads(names["models/model.json"])
        change(description)
        names["models/model.json"] = json.dumps(description).encode()

    return rewritten(file, out, changed)
