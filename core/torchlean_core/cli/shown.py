"""A console on which control characters from files and names are shown, and never act."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from torchlean_core.basics.visible import visible


class ShownConsole(Console):
    """Prints texts with every control character but line feeds and tabs as its picture."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts; see `rich.console.Console.print`."""
        super().print(*map(_shown, objects), **options)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value, lines=True)
    if isinstance(value, Text):
        value = value.copy()
        value.plain = visible(value.plain, lines=True)  # as long as before, so styles keep their places
    return value
