"""Snippets for editors that take them from files: a node and a graph, from the kind table; directives, from theirs.

`python -m torchlean_core.navigate.snippets editors/vscode/snippets` writes them, in the form that VS Code reads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

from torchlean_core.capture.directives import KEYS
from torchlean_core.files import write_text
from torchlean_core.kinds.common import FORMAT
from torchlean_core.kinds.dialect import INPUT, Dialect
from torchlean_core.kinds.dialects import DIALECTS

ARTIFACT_FILE, PYTHON_FILE = "torchlean-ir.json", "python.json"


class Snippet(TypedDict):
    """A snippet, as VS Code reads it."""

    prefix: list[str]
    description: str
    body: list[str]


def artifact_snippets() -> dict[str, Snippet]:
    """A graph in each dialect, and a node that every dialect has."""
    found: dict[str, Snippet] = {}
    for dialect in DIALECTS.values():
        found[f"Graph in the {dialect.name} dialect"] = {
            "prefix": ["graph", f"graph-{dialect.name}"],
            "description": f"A whole artifact in the {dialect.name} dialect ({dialect.output_field})",
            "body": _graph(dialect),
        }
    first, *others = DIALECTS.values()
    usual = sorted(first.tensor_kinds.values(), key=lambda kind: kind.usual)
    shared = [kind.name for kind in usual if all(kind.name in one.tensor_kinds for one in others)]
    node = (
        '{"id": ${1:1}, "kind": "'
        + _choice(2, (tag for tag in shared if tag != INPUT))
        + '", "parents": [${3:0}], "shape": [${4:1, 4}]}$0'
    )
    found["Node"] = {
        "prefix": ["node"],
        "description": "A node; the kind's own fields are completed",
        "body": [node],
    }
    return found


def python_snippets() -> dict[str, Snippet]:
    """The directives that stand over a model."""
    found: dict[str, Snippet] = {}
    for key in KEYS.values():
        value = _choice(1, key.values) if len(key.values) > 1 else f"${{1:{key.form}}}"
        found[f"TorchLean: {key.name}"] = {
            "prefix": [f"torchlean-{key.name}"],
            "description": key.doc.replace("`", ""),
            "body": [f"# torchlean: {key.name}={value}", "$0"],
        }
    return found


def texts() -> dict[str, str]:
    """The files by their names."""
    files = {ARTIFACT_FILE: artifact_snippets(), PYTHON_FILE: python_snippets()}
    return {name: json.dumps(content, indent=2) + "\n" for name, content in files.items()}


def _graph(dialect: Dialect) -> list[str]:
    simple = [
        kind.name
        for kind in sorted(dialect.tensor_kinds.values(), key=lambda kind: kind.usual)
        if kind.category == "elementwise" and kind.arity == (1, 1) and not kind.fields and not kind.params
    ]
    nodes = [
        f'    {{"id": 0, "kind": "{INPUT}", "parents": [], "shape": [${{1:1, 4}}]}},',
        f'    {{"id": 1, "kind": "{_choice(2, simple)}", "parents": [0], "shape": [$1]}}$0',
    ]
    values = {
        "format": f'"{FORMAT}"',
        "input_id": "0",
        dialect.output_field: "[1]" if dialect.many_outputs else "1",
    }
    return [
        "{",
        *(f'  "{field}": {value},' for field, value in values.items()),
        '  "nodes": [',
        *nodes,
        "  ]",
        "}",
    ]


def _choice(stop: int, values: Iterable[str]) -> str:
    return f"${{{stop}|{','.join(values)}|}}"


def main(args: Sequence[str]) -> None:
    """Write the files into a folder."""
    for name, text in texts().items():
        write_text(Path(args[0]) / name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
