"""The page that explains every kind, written from the kind table.

`python -m torchlean_core.kinds.pages docs` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torchlean_core.files import write_text
from torchlean_core.kinds.common import FORMAT, NODE_FIELDS
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects import DIALECTS
from torchlean_core.kinds.spec import Fact, Field, Kind, ParamSpec, TupleKind, payload_name

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
        categories: dict[str, list[Kind]] = {}
        for kind in dialect.all_kinds:
            categories.setdefault(kind.category, []).append(kind)
            sections.setdefault(kind.name, []).append((dialect, kind))
        parts.append(f"The kinds of the {dialect.name} dialect:")
        parts.append(
            "\n".join(
                f"- {category}: {', '.join(f'[`{kind.name}`](#{kind.name})' for kind in kinds)}"
                for category, kinds in categories.items()
            )
        )
    for entries in sections.values():
        parts += _sections(entries)
    tuples: dict[str, list[tuple[Dialect, TupleKind]]] = {}
    for dialect in DIALECTS.values():
        for tuple_kind in dialect.tuple_kinds.values():
            tuples.setdefault(tuple_kind.name, []).append((dialect, tuple_kind))
    for name, found in tuples.items():
        parts.append(f"## {name}")
        parts += [text for dialect, kind in found for text in _tuple_section(dialect, kind, len(found) > 1)]
    return "\n\n".join(parts) + "\n"


def _sections(entries: list[tuple[Dialect, Kind]]) -> list[str]:
    """The section of a name, once where all dialects mean the same."""
    (dialect, first), *others = entries
    parts = [f"## {first.name}"]
    if len(entries) == len(DIALECTS) and all(kind is first for _, kind in others):
        return [*parts, *_section(first, inline=False)]
    for dialect, kind in entries:
        parts.append(f"In the {dialect.name} dialect:")
        parts += _section(kind, inline=dialect.inline)
    return parts


def _section(kind: Kind, *, inline: bool) -> list[str]:
    low, high = kind.arity
    arity = f"{low}" if low == high else f"{low} or more" if high is None else f"{low} to {high}"
    parts = [
        kind.summary,
        f"```text\n{kind.formula}\n```",
        f"- Parents: {arity}\n- Shape: {kind.shape_doc}\n- In PyTorch: {kind.torch}",
    ]
    parts += _fields(kind.fields)
    prefix = kind.param_prefix
    return parts + _params(prefix, kind.params, kind.facts, inline=inline)


def _params(
    prefix: str, params: tuple[ParamSpec, ...], facts: tuple[Fact, ...], *, inline: bool
) -> list[str]:
    lines = []
    for spec in params:
        stored = payload_name(prefix, spec, 0).replace("_0", "_<id>")
        name = f"`{spec.role}` in the file, or `{stored}` in the store" if inline else f"`{stored}`"
        lines.append(f"- parameter {name}: {spec.doc}")
    lines += [f"- beside parameters in the file, `{fact.name}`: {fact.doc}" for fact in facts]
    return ["\n".join(lines)] if lines else []


def _tuple_section(dialect: Dialect, kind: TupleKind, several: bool) -> list[str]:
    parts = [f"In the {dialect.name} dialect:"] if several and kind.params else []
    if several and not kind.params and dialect is not next(iter(DIALECTS.values())):
        return []
    parts.append(kind.summary)
    if kind.doc:
        parts.append(kind.doc)
    parts += _fields(kind.fields)
    return parts + _params(kind.param_prefix, kind.params, kind.facts, inline=dialect.inline)


def _fields(fields: tuple[Field, ...]) -> list[str]:
    lines = [
        f"- `{field.name}` ({field.type.value}{', > 0' if field.positive else ''}"
        f"{'' if field.required else ', optional'}): {field.doc}"
        for field in fields
    ]
    return ["\n".join(lines)] if lines else []


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / NAME, page())
