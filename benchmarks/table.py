"""Result tables: printed, and kept as Markdown."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version


@dataclass
class Table:
    """One table of results."""

    title: str
    head: list[str]
    note: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row and print it."""
        if not self.rows:
            print(f"\n{self.title}\n" + " | ".join(self.head))
        self.rows.append([cell if isinstance(cell, str) else f"{cell:.3g}" for cell in cells])  # type: ignore[str-format]
        print(" | ".join(self.rows[-1]), flush=True)

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += ["| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


def machine() -> str:
    """What this was measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pygls", "msgspec", "jsonschema", "torch"))
    return (
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {packages}, "
        f"{time.strftime('%Y-%m-%d')}"
    )


def median_ms(action: Callable[[], object], runs: int) -> float:
    """Median wall time of an action in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)
