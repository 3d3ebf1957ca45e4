"""How data to train on is named: as a file, or as a function of the user's (no torch here)."""

from __future__ import annotations

import re
from pathlib import Path

SUFFIXES = (".npz", ".safetensors", ".csv")
"""Endings of files of samples."""

NAMED_FUNCTION = re.compile(r"(?P<module>.+):(?P<function>[^\W\d]\w*)")
"""`module:function`, the module by its dotted name or as a .py file."""


def is_function(data: str) -> bool:
    """Whether data is named as `module:function`, and not as a file."""
    is_named = NAMED_FUNCTION.fullmatch(data) is not None
    return is_named and Path(data).suffix.lower() not in SUFFIXES and not Path(data).exists()
