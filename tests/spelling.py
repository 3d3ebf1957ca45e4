"""Artifacts whose integers are spelled as `2.0`."""

from __future__ import annotations

import re

INTEGER = re.compile(r"(?<=[\[\s,:])(\d+)(?=[,\]\s}])")
"""An integer that stands in a text by itself."""


def spelled_as_floats(text: str) -> str:
    """The text with its integers as `2.0`."""
    return INTEGER.sub(r"\1.0", text)
