"""Runs the commands that a page shows, and compares or writes what they print.

Of a page count code blocks: one of `console` holds commands (`$ …`) with what they print, and one with a `title` is a
file. All of a page happens in one folder, from top to bottom. `torchlean` runs in this process, all else in bash.

`python -m tests.docs.transcript docs/tutorial.md` writes what the commands print now into the page.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from torchlean_core.cli.main import main as torchlean

_BLOCK = re.compile(r"^```(?P<head>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="(?P<name>[^"]+)"')
_CONSOLE = "console"
_CUT = "…"
_MEASURED = re.compile(r"\d[\d.,]*(?= ?(?:ms|s|steps/s)\b)")
_DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
_CLOSE = 0.05
"""How far a decimal number may be off, relative: processors differ in last digits, and training carries them on."""


def steps(body: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that it shows."""
    command, shown = "", list[str]()
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        else:
            shown.append(line)
    if command:
        yield command, shown


def _run(command: str, folder: Path) -> list[str]:
    """What a command prints, standard output and messages in the order in which they come."""
    if not command.startswith("torchlean "):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.stdout.decode("utf-8").splitlines()
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(written), redirect_stderr(written):
        torchlean(shlex.split(command)[1:])
    return written.buffer.getvalue().decode("utf-8").splitlines()  # type: ignore[attr-defined]


def _kept(shown: list[str], printed: list[str]) -> list[str]:
    """What is printed, without the lines that the page leaves out with `…`: those between what stands around it."""
    if _CUT not in shown:
        return printed
    at = shown.index(_CUT)
    return [*printed[:at], _CUT, *printed[len(printed) - (len(shown) - at - 1) :]]


def same(shown: list[str], printed: list[str]) -> bool:
    """Whether two outputs are the same, but for times and the last digits of numbers."""
    return len(shown) == len(printed) and all(map(_same_line, shown, printed))


def _same_line(shown: str, printed: str) -> bool:
    shown, printed = _MEASURED.sub("0", shown), _MEASURED.sub("0", printed)
    if _DECIMAL.sub("0", shown) != _DECIMAL.sub("0", printed):
        return False
    numbers = zip(map(float, _DECIMAL.findall(shown)), map(float, _DECIMAL.findall(printed)), strict=True)
    return all(abs(one - other) <= _CLOSE * max(abs(one), abs(other)) for one, other in numbers)


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before, environment = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)


def run_page(text: str, folder: Path) -> Iterator[tuple[str, list[str], list[str], int]]:
    """Run a page in an empty folder: each command, what it shows, what it prints, and where its block's body begins."""
    with _in_folder(folder):
        for block in _BLOCK.finditer(text):
            title = _TITLE.search(block["head"])
            if title is not None:
                (folder / title["name"]).write_text(block["body"], encoding="utf-8")
            elif block["head"] == _CONSOLE:
                for command, shown in steps(block["body"]):
                    yield command, shown, _kept(shown, _run(command, folder)), block.start("body")


def renewed(text: str, folder: Path) -> str:
    """The page with what its commands print now; what differs in times or last digits alone stays."""
    bodies: dict[int, list[str]] = {}
    for command, shown, printed, begin in run_page(text, folder):
        bodies.setdefault(begin, []).extend([f"$ {command}", *(shown if same(shown, printed) else printed)])
    for begin, lines in sorted(bodies.items(), reverse=True):
        end = text.index("\n```", begin) + 1
        text = text[:begin] + "".join(f"{line}\n" for line in lines) + text[end:]
    return text


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        with tempfile.TemporaryDirectory() as scratch:
            page.write_text(renewed(page.read_text("utf-8"), Path(scratch).resolve()), encoding="utf-8")
