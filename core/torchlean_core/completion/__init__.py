"""Completion of command lines in shells: a script for each, written once and printed as it is.

A script knows all commands, options and values, so that completing starts no Python.
"""

from __future__ import annotations

from pathlib import Path

SCRIPTS = {
    "bash": "torchlean.bash",
    "zsh": "torchlean.zsh",
    "fish": "torchlean.fish",
    "powershell": "torchlean.ps1",
}
"""The file of each shell's script, in the folder `scripts`."""

FOLDER = Path(__file__).with_name("scripts")


def script(shell: str) -> str:
    """The script of a shell.

    Raises:
        KeyError: There is none.
    """
    return (FOLDER / SCRIPTS[shell]).read_text(encoding="utf-8")
