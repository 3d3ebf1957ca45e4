"""Writes the scripts again from the command line's own parsers: `python -m torchlean_core.cli.completion_scripts`.

Needs shtab, which is no requirement of the package.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import shtab

from torchlean_core.cli.main import whole_parser
from torchlean_core.completion import FOLDER, SCRIPTS
from torchlean_core.completion.arguments import Files, Folder, Taken, Words, arguments, taken_by
from torchlean_core.files import write_text

_BASH_LIST = """
# $1=COMP_WORDS[1]; the words that stand behind the last comma
{name}() {{
  local before="${{1%"${{1##*,}}"}}"
  compgen -P "$before" -W "{words}" -- "${{1##*,}}"
}}
"""


def scripts() -> dict[str, str]:
    """The text of each script, by its file's name."""
    parser = whole_parser()
    for command, action in arguments(parser):
        _complete(action, taken_by(command, action.dest))
    return {name: _tidy(shtab.complete(parser, shell)) for shell, name in SCRIPTS.items()}


def _complete(action: argparse.Action, taken: Taken) -> None:
    """Tell shtab what an argument takes."""
    found: Any = None
    if isinstance(taken, Files):
        found = _files(taken.endings) if taken.endings else shtab.FILE
    elif isinstance(taken, Folder):
        found = shtab.DIRECTORY
    elif isinstance(taken, Words):
        if not taken.many:
            action.choices = taken.words
            return
        found = _list(taken.words)
    if found is not None:
        action.complete = found  # type: ignore[attr-defined] # where shtab looks


def _files(endings: tuple[str, ...]) -> dict[str, Any]:
    """Files with one of some endings."""
    found: dict[str, Any] = shtab.glob(*(f"*{ending}" for ending in endings))
    if len(endings) == 1:  # shtab writes (*.json), which zsh takes for a glob's qualifiers
        found["zsh"] = f"_files -g '*{endings[0]}'"
    return found


def _list(words: tuple[str, ...]) -> dict[str, Any]:
    """Several of some words with commas between them; PowerShell takes a comma for its own, and completes one."""
    name = "_torchlean_list"
    return {
        "bash": name,
        "zsh": f"_values -s , code {' '.join(words)}",
        "fish": f"(__fish_complete_list , 'printf \"%s\\\\n\" {' '.join(words)}')",
        "powershell": name,
        "preamble": {
            "bash": _BASH_LIST.format(name=name, words=" ".join(words)),
            "powershell": (
                f"function {name} {{ param([string]$WordToComplete)\n"
                f'  @({", ".join(repr(word) for word in words)}) | Where-Object {{ $_ -like "$WordToComplete*" }}\n}}'
            ),
        },
    }


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def main(folder: Path) -> None:
    """Write the scripts into a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in scripts().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
