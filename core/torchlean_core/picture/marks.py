"""What can have become of a node from one version to another, and how pictures say it."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """How a mark is shown.

    Attributes:
        sign: For those who see no colours.
        color: Its colour, on light and on dark ground.
    """

    sign: str
    color: str


MARKS = {
    "added": Mark("+", "#1a7f37"),
    "removed": Mark("-", "#cf222e"),
    "changed": Mark("~", "#bf8700"),
    "moved": Mark(">", "#0969da"),
}
"""All marks by name."""


def sign_of(mark: str) -> str:
    """The sign of a mark; empty for none."""
    return MARKS[mark].sign if mark else ""
