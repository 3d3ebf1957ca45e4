"""The page that explains every kind, written from the kind table.

`python -m torchlean_core.kinds.pages docs` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torchlean_core.files import write_text
from torchlean_core.kinds.common import NODE_FIELDS
from torchlean_core.kinds.spec import Field, Kind, TupleKind
from torchlean_core.kinds.table import FORMAT, TENSOR_KINDS, TUPLE_GETITEM, TUPLE_KINDS

NAME = "kinds.md"


def page() -> str:
    """The page, as Markdown; every kind has a section of its own name, which hovers link to."""
    parts = [
        f"# The kinds of `{FORMAT}`",
        "What a node computes, by its `kind`. Parameters are no parents: they live in the parameter file, under the "
        "names given here. Every node has these fields:",
        "\n".join(f"- `{name}`: {doc}" for name, doc in NODE_FIELDS.items()),
    ]
    categories: dict[str, list[Kind]] = {}
    for kind in (*TENSOR_KINDS.values(), TUPLE_GETITEM):
        categories.setdefault(kind.category, []).append(kind)
    for category, kinds in categories.items():
        listed = ", ".join(f"[`{kind.name}`](#{kind.name})" for kind in kinds)
        parts.append(f"- {category}: {listed}")
    parts += [_section(kind) for kinds in categories.values() for kind in kinds]
    parts += [_tuple_section(kind) for kind in TUPLE_KINDS.values()]
    return "\n\n".join(parts) + "\n"


def _section(kind: Kind) -> str:
    low, high = kind.arity
    arity = f"{low}" if low == high else f"{low} or more" if high is None else f"{low} to {high}"
    parts = [
        f"## {kind.name}",
        kind.summary,
        f"```text\n{kind.formula}\n```",
        f"- Parents: {arity}\n- Shape: {kind.shape_doc}\n- In PyTorch: {kind.torch}",
    ]
    parts += _fields(kind.fields)
    if kind.params:
        names = (
            f"- parameter `{kind.param_name(spec, 0).replace('_0', '_<id>')}`: {spec.doc}"
            for spec in kind.params
        )
        parts.append("\n".join(names))
    return "\n\n".join(parts)


def _tuple_section(kind: TupleKind) -> str:
    parts = [f"## {kind.name}", kind.summary]
    if kind.doc:
        parts.append(kind.doc)
    return "\n\n".join([*parts, *_fields(kind.fields)])


def _fields(fields: tuple[Field, ...]) -> list[str]:
    lines = [
        f"- `{field.name}` ({field.type.value}{', > 0' if field.positive else ''}"
        f"{'' if field.required else ', optional'}): {field.doc}"
        for field in fields
    ]
    return ["\n".join(lines)] if lines else []


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / NAME, page())
