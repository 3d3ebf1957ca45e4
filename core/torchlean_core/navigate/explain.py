"""What there is to know of a node, a field or a whole artifact, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from torchlean_core.check.nodes import Record
from torchlean_core.check.rules import RULES
from torchlean_core.kinds import (
    CLASSIC,
    EXTRA_FIELDS,
    NODE_FIELDS,
    Field,
    Kind,
    ParamSpec,
    Problems,
    Shape,
    TupleKind,
)
from torchlean_core.kinds.numbers import numel, show, show_shape
from torchlean_core.navigate.links import Links
from torchlean_core.navigate.spots import Spot
from torchlean_core.visible import visible

MAX_USERS = 12
"""Users of a node that are named; the others are counted."""

MAX_RULES = 6
KINDS_PAGE = "https://github.com/torchlean/torchlean-ls/blob/main/docs/kinds.md"
"""Where the page that explains every kind is published."""


def kind_entry(name: str | None) -> Kind | TupleKind | None:
    """The entry of the kind table, of tensor kinds, projections and tuple kinds."""
    if name is None:
        return None
    if name == CLASSIC.getitem.name:
        return CLASSIC.getitem
    return CLASSIC.tensor_kinds.get(name) or CLASSIC.tuple_kinds.get(name)


Expression = Callable[[Record], str | None]
"""Gives the expression that a node came from, as Markdown; None where it is not known."""


def explain(links: Links, spot: Spot, expression: Expression = lambda record: None) -> str | None:
    """What stands at a spot, as Markdown; None where there is nothing to say.

    Args:
        links: Who uses whom.
        spot: The place.
        expression: Tells where in the model a node came from; else its module and line are told.
    """
    if spot.index is None:
        return _explain_root(links, spot, expression)
    record = links.report.records[spot.index]
    if record is None:
        return None
    if spot.on_key and len(spot.path) == 1:
        field = field_markdown(str(spot.path[0]), record.kind)
        return "\n\n---\n\n".join(part for part in (field, node_markdown(links, record, expression)) if part)
    named = links.named(spot)
    if named is not None and spot.path[0] == "parents":
        parent = links.record(named)
        return node_markdown(links, parent, expression) if parent is not None else None
    return node_markdown(links, record, expression)


def _explain_root(links: Links, spot: Spot, expression: Expression) -> str | None:
    named = links.named(spot)
    if named is not None:
        record = links.record(named)
        if record is not None:
            field = f"**`{spot.path[0]}`** · {CLASSIC.root_fields[str(spot.path[0])]}"
            return f"{field}\n\n{node_markdown(links, record, expression)}"
    if spot.field is not None and (
        spot.on_key or spot.field in ("format", "captured_from", "approximations", "training_differs")
    ):
        return field_markdown(spot.field, None)
    return summary_markdown(links) if not spot.path else None


def summary_markdown(links: Links) -> str:
    """A whole artifact: nodes, parameters, input and output, the most frequent kinds."""
    counts: dict[str, int] = {}
    for raw in links.nodes:
        name = raw.get("kind") if type(raw) is dict else None
        if type(name) is str:
            counts[name] = counts.get(name, 0) + 1
    lines = [f"**torchlean.ir.v1 artifact** · {_count(len(links.nodes), 'node')}", ""]
    for name, value in links.ends():
        record = links.record(value)
        if record is not None:
            lines.append(f"- {name.removesuffix('_id')}: {describe(record)}")
    frequent = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:8]
    if frequent:
        lines.append("- " + ", ".join(f"{count:,} `{code(name)}`" for name, count in frequent))
    return "\n".join(lines)


def field_markdown(name: str, kind: str | None) -> str | None:
    """A field by its name: of the root, of every node, or of a kind."""
    entry = kind_entry(kind)
    for field in entry.fields if entry is not None else ():
        if field.name == name:
            return f"**`{name}`** · {_type(field)}\n\n{field.doc}\n\nA field of `{code(kind or '')}`."
    doc = NODE_FIELDS.get(name) or CLASSIC.root_fields.get(name) or EXTRA_FIELDS.get(name)
    return None if doc is None else f"**`{name}`**\n\n{doc}"


def _type(field: Field) -> str:
    optional = "" if field.required else ", optional"
    return field.type.value + (", > 0" if field.positive else "") + optional


def kind_markdown(name: str) -> str:
    """A kind by its name: what it computes, its shape rule, its PyTorch form, its page."""
    entry = kind_entry(name)
    if entry is None:
        return ""
    if isinstance(entry, TupleKind):
        return "\n\n".join(part for part in (entry.summary, entry.doc, kind_link(name)) if part)
    return "\n\n".join(
        (
            entry.summary,
            f"`{entry.formula}`",
            f"Shape: {entry.shape_doc}",
            f"In PyTorch: {_inline(entry.torch)}",
            kind_link(name),
        )
    )


def _inline(text: str) -> str:
    """Source text as a code span; text that has code spans of its own, or is words, stays."""
    return text if "`" in text or "(" not in text else f"`{text}`"


def kind_link(name: str) -> str:
    """A link to the section of the page that explains a kind."""
    return f"[About `{name}`]({KINDS_PAGE}#{name})"


def node_markdown(links: Links, record: Record, expression: Expression = lambda record: None) -> str:
    """What there is to know of a node."""
    name = "?" if record.kind is None else record.kind
    lines = [f"**node {show(record.ref)}** · `{code(name)}` · `{value_text(record)}`", ""]
    known = kind_entry(name)
    if known is not None and (record.is_tuple is False) == isinstance(known, Kind):
        lines += [kind_markdown(name), ""]
    for parent, operand in zip(record.parents or (), links.parents(record), strict=True):
        if operand is not None:
            lines.append(f"- operand {describe(operand)}")
        elif parent is not None:
            lines.append(f"- operand {show(parent)}: no such node")
    lines += _shapes(links, record)
    lines += _parameters(links, record)
    lines += _users(links, record)
    lines += _comments(record, expression)
    lines += _findings(links, record)
    return "\n".join(lines).rstrip()


def describe(record: Record) -> str:
    """A node in a few words: id, kind, shape."""
    return f"{show(record.ref)} (`{code(record.kind or '?')}`) `{value_text(record)}`"


def value_text(record: Record) -> str:
    """The shape of what a node holds, or the shapes of a tuple; `?` where unreadable."""
    if record.is_tuple:
        shapes = record.tuple_shapes
        return "(?)" if shapes is None else f"({', '.join(map(show_shape, shapes))})"
    return "?" if record.shape is None else _shape_text(tuple(record.shape))


@lru_cache(2048)
def _shape_text(shape: tuple[int, ...]) -> str:
    return show_shape(shape)


def inferred_shape(links: Links, record: Record) -> Shape | Problems | None:
    """The shape that a node's rule gives, or why it gives none; None where an operand or field is missing."""
    entry = record.entry
    shapes = operand_shapes(links, record)
    if entry is None or not record.complete or shapes is None:
        return None
    low, high = entry.arity
    if len(shapes) < low or (high is not None and len(shapes) > high):
        return None
    return entry.infer(record.fields, shapes, record.shape)


def operand_shapes(links: Links, record: Record) -> list[list[int]] | None:
    """The shapes of a node's operands; None where one is no tensor of known shape."""
    found = [
        parent.shape if parent is not None and not parent.is_tuple else None
        for parent in links.parents(record)
    ]
    return (
        None if record.parents is None or None in found else [shape for shape in found if shape is not None]
    )


def parameters_of(links: Links, record: Record) -> list[tuple[str, ParamSpec, tuple[int, ...]]]:
    """Name, meaning and shape of each tensor that a node keeps in the parameter store, where that is known."""
    entry = record.entry
    shapes = operand_shapes(links, record)
    if entry is None or not entry.params or record.shape is None or not record.complete or shapes is None:
        return []
    if len(shapes) != entry.arity[0] or not all(shapes) or (entry.declared and not record.shape):
        return []
    return [
        (entry.param_name(spec, record.ref), spec, spec.shape(record.fields, shapes, record.shape))
        for spec in entry.params
    ]


def _shapes(links: Links, record: Record) -> list[str]:
    """The inferred against the declared shape."""
    result = inferred_shape(links, record)
    if result is None or record.shape is None:
        return []
    if isinstance(result, Problems):
        return [f"- no shape can be inferred: {code(problem.message)}" for problem in result[:1]]
    if list(result) == record.shape:
        return []
    return [f"- inferred shape `{show_shape(result)}`, declared `{show_shape(record.shape)}`"]


def _parameters(links: Links, record: Record) -> list[str]:
    lines = []
    for name, spec, shape in parameters_of(links, record):
        count = numel(shape)
        size = "" if count is None else f", {_count(count, 'value')}"
        lines.append(f"- parameter `{name}` `{show_shape(shape)}`{size}: {spec.doc}")
    return lines


def _users(links: Links, record: Record) -> list[str]:
    places = list(dict.fromkeys(index for index, _ in links.users_of(record.ref)))
    ends = [f"`{name}`" for name, value in links.ends() if value == record.ref]
    shown = ends
    for index in places[:MAX_USERS]:
        user = links.report.records[index]
        if user is not None:
            shown.append(f"{show(user.ref)} (`{code(user.kind or '?')}`)")
    more = f" and {len(places) - MAX_USERS:,} more" if len(places) > MAX_USERS else ""
    return [f"- used by {', '.join(shown)}{more}"] if shown else ["- used by no node"]


def _comments(record: Record, expression: Expression) -> list[str]:
    lines = []
    target = record.raw.get("debug_target")
    if isinstance(target, str) and target:
        lines.append(f"- captured from `{code(target)}`")
    source = record.raw.get("source")
    if isinstance(source, Mapping):
        module, line = source.get("module"), source.get("line")
        where = [f"`{code(module)}`"] if isinstance(module, str) and module else []
        known = expression(record)
        where += [known] if known else [f"line {line}"] if type(line) is int else []
        if where:
            lines.append(f"- in the model: {', '.join(where)}")
    return lines


def _findings(links: Links, record: Record) -> list[str]:
    """The rules that say something about a node, with links to their pages."""
    codes = dict.fromkeys(one.code for one in links.report.findings if one.index == record.index)
    shown = [f"[{name}]({RULES[name].url})" for name in list(codes)[:MAX_RULES] if name in RULES]
    return [f"- findings: {', '.join(shown)}"] if shown else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def code(text: str) -> str:
    """Text for a code span: no backticks, no line ends, not endless."""
    if text.isascii() and text.isidentifier() and len(text) <= 80:
        return text
    clean = visible(text).replace("`", "'")
    clean = "".join(char if char.isprintable() else " " for char in clean)
    return clean if len(clean) <= 80 else clean[:79] + "…"
