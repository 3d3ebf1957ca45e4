"""The pages of the commands and of the settings, written from the commands' parsers and the table of settings.

`python -m torchlean_core.cli.pages docs` writes them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torchlean_core.cli.main import COMMANDS
from torchlean_core.config import NAMES, SCHEMA_NAME, settings_schema
from torchlean_core.files import write_text

COMMANDS_NAME = "commands.md"
SETTINGS_NAME = "settings.md"

_COMMANDS_TEXT = """\
# Commands

`torchlean COMMAND --help` prints the same. Every command takes `-h`, `-q` (`--quiet`: results and errors only) and
`--no-color` (also where `NO_COLOR` is set); `torchlean --version` tells the version. Results go to standard output,
messages to standard error.

Exit codes: 0 fine, 1 the files have errors (or are stale, with `--check`), 2 usage or a file that cannot be read."""

_SETTINGS_TEXT = f"""\
# Settings

`{NAMES[0]}`, or the table `[tool.torchlean]` of a `{NAMES[1]}`. The nearest one going up from a file applies to it, and
the command line wins over it. Paths and patterns are relative to the file. Editors' settings are
[those of the server](language-server.md#settings). [schema/{SCHEMA_NAME}](../schema/{SCHEMA_NAME})
describes the file to editors.

```toml
dialect = "auto"
select = ["TL"]
ignore = ["TL404"]
exclude = ["drafts/"]
per-file-ignores = {{ "old/**" = ["TL401", "TL402"] }}

[capture."model.py:TinyMLP"]
example-shape = [1, 4]
output = "tiny_mlp.ir.json"
```"""


def commands_page() -> str:
    """The page of the commands; each has a section of its own name."""
    listed = "\n".join(f"| [`{name}`](#{name}) | {text} |" for name, (_, text) in COMMANDS.items())
    parts = [_COMMANDS_TEXT, f"| command | does |\n|---|---|\n{listed}"]
    for name, (module, text) in COMMANDS.items():
        parser = argparse.ArgumentParser(description=f"{text[0].upper()}{text[1:]}.")
        importlib.import_module(module).add_arguments(parser)
        parts += [f"## {name}", *_command(f"torchlean {name}", parser, "###")]
    return "\n\n".join(parts) + "\n"


def _command(name: str, parser: argparse.ArgumentParser, level: str) -> list[str]:
    """What a command does, how it is called, and its arguments; commands below it in sections of their own."""
    actions = [action for action in parser._actions if action.dest not in ("help", "quiet", "no_color")]
    below = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    words = [name, *(word for action in actions if (word := _in_usage(action)))]
    if any(action.option_strings and not action.required for action in actions):
        words.append("[options]")
    parts = [parser.description or "", f"```text\n{' '.join(words)}\n```"]
    rows = [_row(action) for action in actions if action not in below and action.help != argparse.SUPPRESS]
    if rows:
        parts.append("| argument | |\n|---|---|\n" + "\n".join(rows))
    for action in below:
        for inner, inner_parser in action.choices.items():
            parts += [f"{level} {name.removeprefix('torchlean ')} {inner}"]
            parts += _command(f"{name} {inner}", inner_parser, f"{level}#")
    return parts


def _in_usage(action: argparse.Action) -> str:
    """What stands for an argument behind the command: nothing, where it may be left out."""
    value = _value(action)
    if action.option_strings:
        return f"{action.option_strings[0]} {value}" if action.required else ""
    if action.nargs in ("?", "*"):
        return f"[{value}]"
    return f"{value}…" if action.nargs == "+" else value


def _value(action: argparse.Action) -> str:
    """What stands for the value of an argument; empty where it takes none."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return ""
    if action.metavar is not None:
        return str(action.metavar)
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _row(action: argparse.Action) -> str:
    value = f"[{_value(action)}]" if action.option_strings and action.nargs == "?" else _value(action)
    names = ", ".join(_code(f"{name} {value}".strip()) for name in _names(action))
    text = (action.help or "") % vars(action)
    needed = " (must be given)" if action.required and action.option_strings else ""
    return f"| {names} | {_cell(text + needed)} |"


def _names(action: argparse.Action) -> list[str]:
    """The names of an option, one that switches something on and off as `--[no-]name`; none of an argument by place."""
    if not isinstance(action, argparse.BooleanOptionalAction):
        return list(action.option_strings) or [""]
    return [
        f"--[no-]{name.removeprefix('--')}" for name in action.option_strings if not name.startswith("--no-")
    ]


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _cell(text: str) -> str:
    """A text as one cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def settings_page() -> str:
    """The page of the settings; each has a section of its own name."""
    properties: Mapping[str, Any] = settings_schema()["properties"]
    parts = [_SETTINGS_TEXT]
    for name, schema in properties.items():
        parts += [f"## {name}", f"{schema['description']}", f"Type: {_type(schema)}."]
        entries = schema.get("additionalProperties")
        if isinstance(entries, dict) and "properties" in entries:
            parts.append(_table(entries["properties"].items()))
    return "\n\n".join(parts) + "\n"


def _table(settings: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    rows = [f"| `{name}` | {_cell(_type(one))} | {_cell(one['description'])} |" for name, one in settings]
    return "| setting | type | |\n|---|---|---|\n" + "\n".join(rows)


def _type(schema: Mapping[str, Any]) -> str:
    """The type that a JSON Schema asks for, in words."""
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if kind == "object":
        inner = schema["additionalProperties"]
        return (
            "table with a table for each name" if "properties" in inner else f"table: name = {_type(inner)}"
        )
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    text = words[str(kind)]
    if "pattern" in schema:
        text = "codes of rules or their beginnings"
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">")):
        text += f" {sign} {schema[key]}" if key in schema else ""
    return text


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {COMMANDS_NAME: commands_page(), SETTINGS_NAME: settings_page()}


if __name__ == "__main__":
    for page_name, page_text in pages().items():
        write_text(Path(sys.argv[1]) / page_name, page_text)
