"""Which files are ONNX files (nothing of the package `onnx` here)."""

from __future__ import annotations

from pathlib import Path

SUFFIX = ".onnx"
"""The ending of ONNX files; behind it may stand `.gz`."""

PACKED = ".gz"


def is_onnx(file: Path) -> bool:
    """Whether a file is to be captured as an ONNX file: by its ending, for the format has no mark of its own."""
    name = file.name.lower()
    return name.endswith((SUFFIX, SUFFIX + PACKED))
