"""What a command line names to capture: a model in Python, a `torch.export` program, an ONNX file (no torch here)."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.capture.program.archive import SUFFIX, is_program
from torchlean_core.capture.target import Target, parse_target
from torchlean_core.errors import UsageError


def parse_model(text: str) -> Target:
    """Read `FILE.py:Name`, `FILE.pt2` or `FILE.onnx`.

    Raises:
        UsageError: The text has another form, or there is no such file.
    """
    path = Path(text)
    if (path.suffix == SUFFIX or is_onnx(path)) and not path.exists():
        raise UsageError(f"{text}: no such file")
    if path.exists() and (is_onnx(path) or is_program(path)):
        return Target(path, "")
    file, separator, name = text.rpartition(":")
    if separator and Path(file).is_file() and (is_onnx(Path(file)) or is_program(Path(file))):
        what = "graph" if is_onnx(Path(file)) else "program"
        raise UsageError(f"{text}: {file} is one {what}, which has no `{name}` in it: capture {file} itself")
    return parse_target(text)
