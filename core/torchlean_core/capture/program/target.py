"""What a command line names to capture: a model of a Python file, or a program of `torch.export` (no torch here)."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.capture.program.archive import SUFFIX, is_program
from torchlean_core.capture.target import Target, parse_target
from torchlean_core.errors import UsageError


def parse_model(text: str) -> Target:
    """Read `FILE.py:Name`, or `FILE.pt2`.

    Raises:
        UsageError: The text has another form, or there is no such file.
    """
    path = Path(text)
    if path.suffix == SUFFIX and not path.exists():
        raise UsageError(f"{text}: no such file")
    if path.exists() and is_program(path):
        return Target(path, "")
    file, separator, name = text.rpartition(":")
    if separator and Path(file).is_file() and is_program(Path(file)):
        raise UsageError(f"{text}: {file} is one program, which has no `{name}` in it: capture {file} itself")
    return parse_target(text)
