"""What there is to know of a node, a field or a whole artifact, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from torchlean_core.basics.visible import visible
from torchlean_core.check.nodes import Record
from torchlean_core.check.rules import RULES
from torchlean_core.kinds import (
    EXTRA_FIELDS,
    FORMAT,
    NODE_FIELDS,
    Dialect,
    Fact,
    Field,
    Kind,
    ParamSpec,
    Problems,
    Shape,
    TupleKind,
)
from torchlean_core.kinds.numbers import numel, show, show_shape
from torchlean_core.kinds.spec import Path, payload_name
from torchlean_core.navigate.links import Links
from torchlean_core.navigate.spots import Spot
from torchlean_core.text.numbers import Numbers, numbers_of

MAX_USERS = 12
"""Users of a node that are named; the others are counted."""

MAX_OUTPUTS = 12
"""Outputs that a summary names."""

MAX_RULES = 6
KINDS_PAGE = "https://github.com/torchlean/torchlean-ls/blob/main/docs/kinds.md"
"""Where the page that explains every kind is published."""


Expression = Callable[[Record], str | None]
"""Gives the expression that a node came from, as Markdown; None where it is not known."""


def tells_dialect(spot: Spot) -> bool:
    """Whether what is said of a spot depends on the dialect that the project's TorchLean reads."""
    return spot.index is None and spot.field == "format"


def explain(
    links: Links,
    spot: Spot,
    expression: Expression = lambda record: None,
    reads: Dialect | None = None,
) -> str | None:
    """What stands at a spot, as Markdown; None where there is nothing to say.

    Args:
        links: Who uses whom.
        spot: The place.
        expression: Tells where in the model a node came from; else its module and line are told.
        reads: The dialect that the project's TorchLean reads, where that is known.
    """
    if spot.index is None:
        if tells_dialect(spot):
            return format_markdown(links.dialect, reads)
        return _explain_root(links, spot, expression)
    record = links.report.records[spot.index]
    if record is None:
        return None
    payload = payload_markdown(links, record, spot.field)
    if payload is not None:
        return payload
    if spot.on_key and len(spot.path) == 1:
        field = field_markdown(links.dialect, str(spot.path[0]), record.kind)
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
            field = f"**`{_end_name(spot.path)}`** · {links.dialect.root_fields[str(spot.path[0])]}"
            if (own := _output_name(links, spot.path)) is not None:
                field += f" In the model: `{code(own)}`."
            return f"{field}\n\n{node_markdown(links, record, expression)}"
    if spot.field is not None and (
        spot.on_key or spot.field in ("captured_from", "approximations", "training_differs")
    ):
        return field_markdown(links.dialect, spot.field, None)
    return summary_markdown(links) if not spot.path else None


def format_markdown(dialect: Dialect, reads: Dialect | None) -> str:
    """What the format is, which dialect of it an artifact speaks, and whether that is the one that is read."""
    text = f"**{dialect.name} dialect** · {dialect.doc}"
    if reads is not None and reads is not dialect:
        text += (
            f"\n\nThe TorchLean of this project reads the {reads.name} dialect: `{reads.output_field}` in place of "
            f"`{dialect.output_field}`. `torchlean convert` writes the artifact in it."
        )
    return f"{field_markdown(dialect, 'format', None)}\n\n{text}"


def _end_name(path: Path) -> str:
    """What names a node in the root, as one writes it: `output_ids[1]`."""
    return str(path[0]) + "".join(f"[{position}]" for position in path[1:])


def _end_role(links: Links, path: Path) -> str:
    """What a node is that is named in the root: `input`, `output 1 (logits)`."""
    role = str(path[0]).removesuffix("_ids").removesuffix("_id")
    name = _output_name(links, path)
    return " ".join([role, *map(str, path[1:]), *([] if name is None else [f"(`{code(name)}`)"])])


def _output_name(links: Links, path: Path) -> str | None:
    """The name that an output of a captured model has there; None where it has none."""
    root = links.report.document.value
    captured = root.get("captured_from") if isinstance(root, dict) else None
    names = captured.get("outputs") if isinstance(captured, dict) else None
    if not isinstance(names, list) or len(path) != 2 or not isinstance(path[1], int) or path[1] >= len(names):
        return None
    name = names[path[1]]
    return name if isinstance(name, str) else None


def summary_markdown(links: Links) -> str:
    """A whole artifact: nodes, parameters, input and output, the most frequent kinds."""
    counts: dict[str, int] = {}
    for raw in links.nodes:
        name = raw.get("kind") if type(raw) is dict else None
        if type(name) is str:
            counts[name] = counts.get(name, 0) + 1
    dialect = f"[{links.dialect.name} dialect]({KINDS_PAGE})"
    lines = [f"**{FORMAT} artifact** · {_count(len(links.nodes), 'node')} · {dialect}", ""]
    ends = list(links.ends())
    for path, value in ends[: MAX_OUTPUTS + 1]:
        record = links.record(value)
        if record is not None:
            lines.append(f"- {_end_role(links, path)}: {describe(record)}")
    if len(ends) > MAX_OUTPUTS + 1:
        lines.append(f"- {len(ends) - MAX_OUTPUTS - 1:,} more outputs")
    frequent = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:8]
    if frequent:
        more = f", {len(counts) - len(frequent)} more kinds" if len(counts) > len(frequent) else ""
        lines.append("- " + ", ".join(f"{count:,} `{code(name)}`" for name, count in frequent) + more)
    return "\n".join(lines)


def field_markdown(dialect: Dialect, name: str, kind: str | None) -> str | None:
    """A field by its name: of the root, of every node, of a kind, or of its parameters."""
    entry = None if kind is None else dialect.kind(kind)
    for field in entry.fields if entry is not None else ():
        if field.name == name:
            return f"**`{name}`** · {_type(field)}\n\n{field.doc}\n\nA field of `{code(kind or '')}`."
    for part in entry.payload if entry is not None and dialect.inline else ():
        if _name(part) == name:
            return (
                f"**`{name}`**\n\n{part.doc}\n\nA parameter of `{code(kind or '')}` that stands in the node."
            )
    doc = NODE_FIELDS.get(name) or dialect.root_fields.get(name) or EXTRA_FIELDS.get(name)
    return None if doc is None else f"**`{name}`**\n\n{doc}"


def _name(part: ParamSpec | Fact) -> str:
    return part.role if isinstance(part, ParamSpec) else part.name


def _type(field: Field) -> str:
    optional = "" if field.required else ", optional"
    return field.type.value + (", > 0" if field.positive else "") + optional


def payload_markdown(links: Links, record: Record, name: str | None) -> str | None:
    """Parameters in a node, as one thing: field, shape, count; None where a field holds none."""
    entry = links.entry(record) if links.dialect.inline else None
    spec = next((one for one in entry.params if one.role == name), None) if entry is not None else None
    if spec is None or name is None or (name not in record.raw):
        return None
    found = numbers_of(record.raw[name])
    if found is None:
        return None
    lines = [f"**`{name}`** · {_numbers_text(found)}", "", spec.doc]
    lines.append(
        f"\nA parameter of node {show(record.ref)} (`{code(record.kind or '?')}`), which holds it itself."
    )
    return "\n".join(lines)


def _numbers_text(numbers: Numbers) -> str:
    """What numbers are, in a few words: shape and count, and of few the smallest and the largest."""
    shape = numbers.shape()
    if shape is None:
        return "numbers in arrays of different lengths"
    if not shape:
        return f"`{code(numbers.text)}`"
    count = numel(shape)
    text = f"`{show_shape(shape)}`, {_count(count or 0, 'number')}"
    if not count or len(numbers.text) > _MEASURED:
        return text
    values = [float(match[0]) for match in _NUMBER.finditer(numbers.text)]
    return f"{text} from {min(values):g} to {max(values):g}"


_MEASURED = 10_000
"""Characters of numbers that are read to tell the smallest and the largest."""

_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")


def kind_markdown(dialect: Dialect, name: str) -> str:
    """A kind by its name: what it computes, its shape rule, its PyTorch form, its page."""
    entry = dialect.kind(name)
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
    known = links.entry(record)
    if known is not None and (record.is_tuple is False) == isinstance(known, Kind):
        lines += [kind_markdown(links.dialect, name), ""]
    for parent, operand in zip(record.parents or (), links.parents(record), strict=True):
        if operand is not None:
            lines.append(f"- operand {describe(operand)}")
        elif parent is not None:
            lines.append(f"- operand {show(parent)}: no such node")
    lines += _shapes(links, record)
    lines += _lowering(links, record)
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


class Parameter(NamedTuple):
    """A tensor that a node computes with: its name in the store, its meaning, its shape, and whether the node holds
    it itself.
    """

    name: str
    spec: ParamSpec
    shape: tuple[int, ...]
    inline: bool


def parameters_of(links: Links, record: Record) -> list[Parameter]:
    """The parameters of a node, where they are known: those that it holds, or that stand in the parameter store."""
    entry = record.entry
    shapes = operand_shapes(links, record)
    if entry is None or not entry.params or record.shape is None or not record.complete or shapes is None:
        return []
    if len(shapes) != entry.arity[0] or not all(shapes) or (entry.declared and not record.shape):
        return []
    found = []
    for spec in entry.params:
        inline = links.dialect.inline and spec.role in record.raw
        if spec.optional and not inline:
            continue
        try:
            shape = spec.shape(record.fields, shapes, record.shape)
        except IndexError:
            return []  # an axis that the operand does not have
        found.append(Parameter(entry.param_name(spec, record.ref), spec, shape, inline))
    return found


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


def _lowering(links: Links, record: Record) -> list[str]:
    """The operators that a node becomes, where it is not just one."""
    entry = record.entry
    shapes = operand_shapes(links, record)
    if (
        entry is None
        or entry.lowering is None
        or not record.complete
        or record.shape is None
        or shapes is None
    ):
        return []
    result = inferred_shape(links, record)
    if result is None or isinstance(result, Problems) or list(result) != record.shape:
        return []
    extra = {name: record.raw[name] for name in entry.extras if name in record.raw}
    steps = entry.steps({**record.fields, **extra}, shapes, record.shape)
    if len(steps) == 1:
        return []
    names = [f"`{step.operator.name}` `{show_shape(step.shape)}`" for step in steps[:MAX_STEPS]]
    more = ", …" if len(steps) > MAX_STEPS else ""
    return [f"- lowered to {', '.join(names)}{more}" if names else "- lowered to nothing: it is its operand"]


MAX_STEPS = 8
"""Operators of a lowering that are named."""


def _parameters(links: Links, record: Record) -> list[str]:
    lines = []
    for name, spec, shape, inline in parameters_of(links, record):
        count = numel(shape)
        size = "" if count is None else f", {_count(count, 'value')}"
        shown, where = (spec.role, ", in the node") if inline else (name, "")
        lines.append(f"- parameter `{shown}` `{show_shape(shape)}`{size}{where}: {spec.doc}")
    return lines + _attention_parameters(links, record)


def _attention_parameters(links: Links, record: Record) -> list[str]:
    """The parameters that an attention holds itself."""
    entry = links.entry(record)
    if not isinstance(entry, TupleKind) or not record.is_tuple or not links.dialect.inline:
        return []
    held = [spec.role for spec in entry.params if spec.role in record.raw]
    if not held:
        return []
    stored = payload_name(entry.param_prefix, entry.params[0], record.ref)
    return [f"- {_count(len(held), 'parameter')} in the node (in a parameter file the first is `{stored}`)"]


def _users(links: Links, record: Record) -> list[str]:
    places = list(dict.fromkeys(index for index, _ in links.users_of(record.ref)))
    ends = [f"`{_end_name(path)}`" for path, value in links.ends() if value == record.ref][:MAX_USERS]
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
        file = source.get("file")
        of = f" of `{code(file)}`" if isinstance(file, str) and file else ""
        where += [known] if known else [f"line {line}{of}"] if type(line) is int else []
        if where:
            lines.append(f"- in the model: {', '.join(where)}")
        named = [
            f"{what} `{code(said)}`"
            for what in ("node", "output")
            if isinstance(said := source.get(what), str) and said
        ]
        if named:
            lines.append(f"- in the ONNX file: {', '.join(named)}")
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
