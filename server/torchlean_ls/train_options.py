"""The options of a training, told to editors that read and complete them: those of the command line."""

from __future__ import annotations

import argparse
from typing import Any

from torchlean_core.completion.arguments import Files, Folder, Words, taken_by
from torchlean_core.options.training import add_options


def train_options() -> list[dict[str, Any]]:
    """Each option of `torchlean.train`, in the command line's order.

    Returns:
        Of each its `name`; `type` (`number`, `whole`, `text`, `file`, `folder` or `flag`); `values`, what it is mostly
        given; `endings` of files; `bare`, whether its name alone means something; `help`.
    """
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    return [_told(action) for action in parser._actions]


def _told(action: argparse.Action) -> dict[str, Any]:
    is_flag = action.nargs == 0
    taken = None if is_flag or action.choices is not None else taken_by("train", action.dest)
    values = taken.words if isinstance(taken, Words) else action.choices or ()
    return {
        "name": action.dest,
        "type": "flag" if is_flag else _TYPES.get(type(taken)) or _TYPES.get(action.type, "text"),
        "values": list(values),
        "endings": list(taken.endings) if isinstance(taken, Files) else [],
        "bare": is_flag or action.nargs == "?",
        "help": action.help,
    }


_TYPES: dict[Any, str] = {Files: "file", Folder: "folder", int: "whole", float: "number"}
"""What a value is, by what the command line takes for it."""
