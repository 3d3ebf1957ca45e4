"""The page that explains every kind, written from the kind table.

`python -m torchlean_core.kinds.pages docs` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torchlean_core.files import write_text
from torchlean_core.kinds.common import FORMAT, NODE_FIELDS
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects import DIALECTS
from torchlean_core.kinds.spec import Field, Kind, TupleKind, payload_name

NAME = "kinds.md"


def page() -> str:
    """The page, as Markdown; every kind has a section of its own name, which hovers link to."""
    listed = "\n".join(
        f"- **{dialect.name}** (`{dialect.output_field}`): {dialect.doc}" for dialect in DIALECTS.values()
    )
    parts = [
        f"# The kinds of `{FORMAT}`",
        "What a node computes, by its `kind`. The format has dialects, which a file's root tells apart:",
        listed,
        "Parameters are no parents. Every node has these fields:",
        "\n".join(f"- `{name}`: {doc}" for name, doc in NODE_FIELDS.items()),
    ]
    sections: dict[str, list[tuple[Dialect, Kind]]] = {}
    for dialect in DIALECTS.values():
        for kind in dialect.all_kinds:
            sections.setdefault(kind.name, []).append((dialect, kind))
    every = [entries[0][1] for entries in sections.values() if len(entries) == len(DIALECTS)]
    parts += ["Kinds of every dialect, some with other fields or another meaning in each:", _listed(every)]
    for dialect in DIALECTS.values():
        own = [entries[0][1] for entries in sections.values() if [one for one, _ in entries] == [dialect]]
        parts += [f"Kinds of the {dialect.name} dialect alone:", _listed(own)]
    for entries in sections.values():
        parts += _sections(entries)
    tuples: dict[str, list[tuple[Dialect, TupleKind]]] = {}
    for dialect in DIALECTS.values():
        for tuple_kind in dialect.tuple_kinds.values():
            tuples.setdefault(tuple_kind.name, []).append((dialect, tuple_kind))
    for found in tuples.values():
        parts += _tuple_section(found)
    return "\n\n".join(parts) + "\n"


def _listed(kinds: list[Kind]) -> str:
    """Links to sections, by category."""
    categories: dict[str, list[str]] = {}
    for kind in kinds:
        categories.setdefault(kind.category, []).append(f"[`{kind.name}`](#{kind.name})")
    return "\n".join(f"- {category}: {', '.join(links)}" for category, links in categories.items())


def _sections(entries: list[tuple[Dialect, Kind]]) -> list[str]:
    """The section of a name: what all dialects have in common once, the rest by dialect."""
    dialect, first = entries[0]
    parts = [f"## {first.name}"]
    if len(entries) < len(DIALECTS):
        parts.append(f"Only in the {dialect.name} dialect.")
    heads = [_head(kind) for _, kind in entries]
    params = [_params(kind, inline=one.inline) for one, kind in entries]
    if any(head[1:] != heads[0][1:] for head in heads):
        for (one, _), head, mine in zip(entries, heads, params, strict=True):
            parts += [f"In the {one.name} dialect:", *head, *mine]
        return parts
    if any(head != heads[0] for head in heads):  # the same but for a few words
        parts += [
            f"In the {one.name} dialect: {head[0]}" for (one, _), head in zip(entries, heads, strict=True)
        ]
        heads[0] = heads[0][1:]
    parts += heads[0]
    return parts + _by_dialect(entries, params)


def _by_dialect(entries: Sequence[tuple[Dialect, Any]], params: list[list[str]]) -> list[str]:
    """Parameters, once where all dialects have the same."""
    if all(one == params[0] for one in params):
        return params[0]
    parts = []
    for (dialect, _), mine in zip(entries, params, strict=True):
        parts += [f"In the {dialect.name} dialect:", *(mine or ["- no parameters"])]
    return parts


def _head(kind: Kind) -> list[str]:
    low, high = kind.arity
    arity = f"{low}" if low == high else f"{low} or more" if high is None else f"{low} to {high}"
    torch = f"`{kind.torch}`" if "(" in kind.torch and "`" not in kind.torch else kind.torch
    return [
        kind.summary,
        f"```text\n{kind.formula}\n```",
        f"- Parents: {arity}\n- Shape: {kind.shape_doc}\n- In PyTorch: {torch}",
        *_fields(kind.fields),
    ]


def _params(kind: Kind | TupleKind, *, inline: bool) -> list[str]:
    lines = []
    for spec in kind.params:
        stored = payload_name(kind.param_prefix, spec, 0).replace("_0", "_<id>")
        name = f"`{spec.role}` in the file, or `{stored}` in the store" if inline else f"`{stored}`"
        lines.append(f"- parameter {name}: {spec.doc}")
    lines += [f"- beside parameters in the file, `{fact.name}`: {fact.doc}" for fact in kind.facts]
    return ["\n".join(lines)] if lines else []


def _tuple_section(entries: list[tuple[Dialect, TupleKind]]) -> list[str]:
    kind = entries[0][1]
    parts = [f"## {kind.name}", kind.summary, *([kind.doc] if kind.doc else [])]
    shared = [field for field in kind.fields if all(field in other.fields for _, other in entries)]
    parts += _fields(tuple(shared))
    rest = [
        [
            *_fields(tuple(field for field in other.fields if field not in shared)),
            *_params(other, inline=one.inline),
        ]
        for one, other in entries
    ]
    return parts + _by_dialect(entries, rest)


def _fields(fields: tuple[Field, ...]) -> list[str]:
    lines = [
        f"- `{field.name}` ({field.type.value}{', > 0' if field.positive else ''}"
        f"{'' if field.required else ', optional'}): {field.doc}"
        for field in fields
    ]
    return ["\n".join(lines)] if lines else []


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / NAME, page())
