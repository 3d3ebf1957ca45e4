"""Completions: what can stand where something is typed, the best first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from typing import Any

from torchlean_core.check.nodes import Record
from torchlean_core.check.payload import is_tensor
from torchlean_core.kinds import FORMAT, INPUT, Dialect, Fact, Field, FieldType, Kind, ParamSpec, TupleKind
from torchlean_core.kinds.code import DEFAULT_EPS
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.dialects import DEFAULT, DIALECTS, others
from torchlean_core.kinds.guesses import own_shape
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.navigate.cursor import Await, Cursor, Level
from torchlean_core.navigate.draft import Draft, fit, takes
from torchlean_core.navigate.explain import code, field_markdown, value_text
from torchlean_core.navigate.guess import guess_fields, guess_shape
from torchlean_core.navigate.links import Links

MAX_SUGGESTIONS = 200
"""Suggestions that are given at once; typing on narrows them down."""


MAX_PARENTS = 100
"""Operands that are offered: the nearest; the others by typing their id."""


@cache
def _by_use(dialect: Dialect) -> list[Kind]:
    """The kinds, those first that one types most; the others in the table's order."""
    return sorted(dialect.all_kinds, key=lambda kind: kind.usual)


class Sort(Enum):
    """What a suggestion is."""

    FIELD = auto()
    KIND = auto()
    NODE = auto()
    VALUE = auto()
    SNIPPET = auto()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One completion.

    Attributes:
        label: What is shown.
        sort: What it is.
        text: JSON text to put in; in `snippet` with tab stops.
        snippet: The same with `${1:…}` places; None where there is nothing to fill in.
        detail: A few words beside the label.
        doc: Markdown, or the name of a kind whose page it is (`doc_kind`).
        doc_kind: Kind whose documentation is shown, made when asked for.
        rank: Order; smaller is better.
        filter: What typing is matched with.
    """

    label: str
    sort: Sort
    text: str
    snippet: str | None = None
    detail: str = ""
    doc: str | None = None
    doc_kind: str | None = None
    rank: int = 1
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Completions for one place.

    Attributes:
        items: The best first.
        left_out: How many more there are.
    """

    items: list[Suggestion]
    left_out: int = 0


def suggest(links: Links, cursor: Cursor) -> Suggestions:
    """What can stand where something is typed."""
    found = sorted(_suggest(links, cursor), key=lambda one: one.rank)
    left_out = max(0, len(found) - MAX_SUGGESTIONS)
    if cursor.level is Level.NODE and cursor.key == "parents" and cursor.awaits is Await.VALUE:
        left_out = max(0, len(_candidates(links, cursor)) - MAX_PARENTS)
    return Suggestions(found[:MAX_SUGGESTIONS], left_out)


def _suggest(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    if cursor.level is Level.OUTSIDE:
        if not links.report.document.text.strip():
            yield from _skeletons()
    elif cursor.level is Level.NODES:
        yield from _whole_nodes(links, cursor)
    elif cursor.awaits is Await.KEY:
        if cursor.level is Level.ROOT:
            yield from _root_keys(links, cursor)
        elif cursor.level is Level.NODE:
            yield from _node_keys(links, cursor)
    elif cursor.awaits is Await.VALUE:
        if cursor.level is Level.ROOT:
            yield from _root_values(links, cursor)
        elif cursor.level is Level.NODE:
            yield from _node_values(links, cursor)


# -- keys -----------------------------------------------------------------------------------------------------


def _root_keys(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    for rank, (dialect, name, doc) in enumerate(_root_fields(links, cursor)):
        last = max(len(links.nodes) - 1, 0)
        if name in cursor.members:
            continue
        if name == "nodes":
            yield _key(cursor, name, "[]", "[\n  $0\n]", doc, rank)
        elif name == dialect.output_field and dialect.many_outputs:
            yield _key(cursor, name, _dump(dialect.outputs_json([last])), f"[${{1:{last}}}]", doc, rank)
        elif name in dialect.end_fields:
            text = _dump(0 if name == INPUT_FIELD else dialect.outputs_json([last]))
            yield _key(cursor, name, text, f"${{1:{text}}}", doc, rank)
        else:
            yield _key(cursor, name, _dump(FORMAT), None, doc, rank)


def _root_fields(links: Links, cursor: Cursor) -> Iterator[tuple[Dialect, str, str]]:
    """The fields of the root; of the outputs, which decide the dialect, every dialect's until one is there."""
    decided = any(dialect.output_field in cursor.members for dialect in DIALECTS.values())
    for name, doc in links.dialect.root_fields.items():
        yield links.dialect, name, doc
        if name == links.dialect.output_field and not decided:
            for other in others(links.dialect):
                doc = f"{other.root_fields[other.output_field]} Makes the file {other.name}."
                yield other, other.output_field, doc


def _node_keys(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    """The fields that the node still misses, exactly those of its kind; the optional ones when it misses none."""
    draft = Draft(links, cursor)
    missing = _missing(draft)
    for rank, (name, text, stop) in enumerate(missing):
        yield _key(cursor, name, text, stop, field_markdown(draft.dialect, name, draft.kind), rank)
    if missing:
        return
    yield from _payload_keys(draft, cursor)
    for field in draft.entry.fields if draft.entry is not None else ():
        if not field.required and field.name not in cursor.members:
            text = _field_text(draft, field)
            yield _key(
                cursor,
                field.name,
                text,
                f"${{1:{_escape(text)}}}",
                field_markdown(draft.dialect, field.name, draft.kind),
                0,
            )
    for rank, name in enumerate(draft.entry.extras if isinstance(draft.entry, Kind) else (), 1):
        if name not in cursor.members:
            yield _key(cursor, name, "", "$1", field_markdown(draft.dialect, name, draft.kind), rank)


def _payload_keys(draft: Draft, cursor: Cursor) -> Iterator[Suggestion]:
    """The fields of parameters that stand in the node, where the dialect has them."""
    entry = draft.entry
    for rank, part in enumerate(entry.payload if entry is not None and draft.dialect.inline else (), 50):
        name = part.role if isinstance(part, ParamSpec) else part.name
        if name in cursor.members:
            continue
        text = _payload_text(draft, part)
        doc = field_markdown(draft.dialect, name, draft.kind)
        yield _key(cursor, name, text or "[]", f"${{1:{text}}}" if text else "[$1]", doc, rank)


def _payload_text(draft: Draft, part: ParamSpec | Fact) -> str:
    """What a field of parameters holds, where the graph says it, or a number; "" for a tensor."""
    if isinstance(part, ParamSpec):
        return "" if is_tensor(part) else "1.0"
    shapes, own = draft.shapes(), draft.members.get("shape")
    if part.value is None:
        return str(DEFAULT_EPS)
    try:
        return _dump(part.value(draft.members, shapes or [], own if isinstance(own, list) else []))
    except (IndexError, KeyError, TypeError):
        return "[]" if part.type is FieldType.GEOMETRY else "0"  # what it follows from is not there yet


def _missing(draft: Draft) -> list[tuple[str, str, str | None]]:
    """The required fields that are not there: (name, text of a likely value, the same with tab stops)."""
    tuple_valued = draft.is_tuple or isinstance(draft.entry, TupleKind)
    names = ["id", "kind", "parents"]
    if isinstance(draft.entry, TupleKind):
        names.append("value_kind")
    names += [field.name for field in draft.entry.fields if field.required] if draft.entry is not None else []
    names.append("tuple_shapes" if tuple_valued else "shape")
    fields = {field.name: field for field in draft.entry.fields} if draft.entry is not None else {}
    found: list[tuple[str, str, str | None]] = []
    for name in names:
        if name in draft.members:
            continue
        if name == "id":
            found.append((name, str(draft.index), None))
        elif name == "kind":
            found.append((name, '""', '"$1"'))
        elif name == "parents":
            parents = draft.likely_parents(draft.entry) if isinstance(draft.entry, Kind) else []
            inner = ", ".join(map(str, parents))
            found.append((name, f"[{inner}]", f"[${{1:{inner}}}]" if draft.kind != INPUT else None))
        elif name == "value_kind":
            found.append((name, '"tuple"', None))
        elif name == "shape":
            shape = draft.inferred()
            if shape is None and isinstance(draft.entry, Kind):
                fields_of = guess_fields(draft.entry, draft.likely(draft.entry), draft.members)
                shape = (
                    None
                    if fields_of is None
                    else guess_shape(draft.entry, draft.likely(draft.entry), fields_of)
                )
            text = _dump(shape or [])
            found.append((name, text, f"${{1:{_escape(text)}}}"))
        elif name == "tuple_shapes":
            found.append((name, "[]", "[$1]"))
        else:
            text = _field_text(draft, fields[name])
            found.append((name, text, f"${{1:{_escape(text)}}}"))
    return found


def _field_text(draft: Draft, field: Field) -> str:
    """A likely value of one of the kind's own fields."""
    if isinstance(draft.entry, Kind) and draft.entry is not draft.dialect.getitem:
        shapes = draft.likely(draft.entry)
        known = {name: value for name, value in draft.members.items() if name != field.name}
        for fields in (known, {}):
            guessed = guess_fields(draft.entry, shapes, fields)
            if guessed is not None and field.name in guessed:
                return _dump(guessed[field.name])
    return field.example


def _key(cursor: Cursor, name: str, text: str, stop: str | None, doc: str | None, rank: int) -> Suggestion:
    """A key, with its value unless a colon stands there already."""
    key = _dump(name)
    if cursor.colon_follows:
        return Suggestion(name, Sort.FIELD, key, None, text, doc, rank=rank, filter=key)
    tail = "" if cursor.comma_follows else ","
    snippet = f"{key}: {stop}{tail}" if stop is not None else None
    return Suggestion(name, Sort.FIELD, f"{key}: {text}{tail}", snippet, text, doc, rank=rank, filter=key)


# -- values ---------------------------------------------------------------------------------------------------


def _root_values(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    dialect = links.dialect
    if cursor.key == "format":
        yield Suggestion(
            FORMAT, Sort.VALUE, _dump(FORMAT), doc=dialect.root_fields["format"], filter=_dump(FORMAT)
        )
    elif cursor.key == INPUT_FIELD and not cursor.is_item:
        yield from _end_values(links, cursor, wants_input=True)
    elif cursor.key == dialect.output_field and cursor.is_item == dialect.many_outputs:
        yield from _end_values(links, cursor, wants_input=False)
    elif cursor.key == dialect.output_field and not cursor.is_item:
        for suggestion in _end_values(links, cursor, wants_input=False):
            text = f"[{suggestion.text}]"
            yield replace(suggestion, label=text, text=text, filter=text)


def _end_values(links: Links, cursor: Cursor, *, wants_input: bool) -> Iterator[Suggestion]:
    """Ids of nodes that may be an input or an output; of outputs those first that nobody uses, and none twice."""
    count = len(links.nodes)
    said = {*cursor.items, *cursor.others} if cursor.is_item else set()
    for index in range(count) if wants_input else range(count - 1, -1, -1):
        record = links.report.records[index]
        if record is None or record.is_tuple or (wants_input and record.kind != INPUT):
            continue
        if not str(record.ref).startswith(cursor.prefix):
            continue
        last = count * (bool(links.users.get(record.ref)) + 2 * (record.ref in said))
        yield _node_id(record, index if wants_input else count - index + last)


def _node_values(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    draft = Draft(links, cursor)
    key = cursor.key
    if key == "kind":
        yield from _kinds(draft)
    elif key == "parents":
        yield from _parents(draft, cursor)
    elif key == "id" and not cursor.is_item:
        yield _value(str(draft.index), "the node's place")
    elif key == "value_kind":
        for rank, name in enumerate(("tensor", "tuple")):
            yield Suggestion(name, Sort.VALUE, _dump(name), rank=rank, filter=_dump(name))
    elif key == "shape" and not cursor.is_item:
        yield from _shape_values(draft)
    elif draft.entry is not None and key is not None:
        for field in draft.entry.fields:
            if field.name == key:
                yield from _field_values(draft, field, cursor)


def _value(text: str, detail: str, rank: int = 0) -> Suggestion:
    return Suggestion(text, Sort.VALUE, text, detail=detail, rank=rank, filter=text)


def _kinds(draft: Draft) -> Iterator[Suggestion]:
    """All kinds; those first that the operands fit."""
    count = len(draft.parents) if draft.parents is not None else None
    tuples = [one.is_tuple for one in draft.operands() or () if one is not None]
    has_input = draft.dialect.one_input and any(
        index != draft.index and type(raw) is dict and raw.get("kind") == INPUT
        for index, raw in enumerate(draft.links.nodes[:MAX_PARENTS])
    )
    for order, kind in enumerate(_by_use(draft.dialect)):
        second = has_input and kind.name == INPUT  # which would be an error
        yield Suggestion(
            kind.name,
            Sort.KIND,
            _dump(kind.name),
            detail=kind.summary,
            doc_kind=kind.name,
            rank=(9 if second else fit(draft, kind, count, tuples)) * 1_000 + order,
            filter=_dump(kind.name),
        )
    for order, (name, tuple_kind) in enumerate(draft.dialect.tuple_kinds.items()):
        rank = (0 if draft.is_tuple else 4) * 1_000 + order
        yield Suggestion(
            name, Sort.KIND, _dump(name), detail=tuple_kind.summary, doc_kind=name, rank=rank,
            filter=_dump(name),
        )  # fmt: skip


def _parents(draft: Draft, cursor: Cursor) -> Iterator[Suggestion]:
    """Ids of earlier nodes: those first that the kind takes, of them the unused and the last ones."""
    links = draft.links
    near = _candidates(links, cursor)[:MAX_PARENTS]
    used = {parent for index in near for parent in _raw_parents(links, index)}
    used.update(parent for parent in draft.parents or () if type(parent) is int)
    for order, index in enumerate(near):
        record = links.report.records[index]
        if record is None or record.ref >= draft.id:
            continue
        # Users stand behind their operands, and those of a near node are near themselves, most of them.
        rank = 2 * (not takes(draft, cursor, record)) + (record.ref in used)
        suggestion = _node_id(record, rank * MAX_PARENTS + order)
        if cursor.is_item:
            yield suggestion
        else:
            text = f"[{record.ref}]"
            yield replace(suggestion, label=text, text=text, filter=text)


def _candidates(links: Links, cursor: Cursor) -> Sequence[int]:
    """Places of the nodes before whose ids begin with what is typed, the nearest first."""
    before = range(min(cursor.index, len(links.nodes)) - 1, -1, -1)
    if not cursor.prefix:
        return before
    return [index for index in before if str(_raw_id(links, index)).startswith(cursor.prefix)]


def _raw_id(links: Links, index: int) -> Any:
    raw = links.nodes[index]
    return raw.get("id", index) if type(raw) is dict else index


def _raw_parents(links: Links, index: int) -> list[int]:
    raw = links.nodes[index]
    parents = raw.get("parents") if type(raw) is dict else None
    return [one for one in parents if type(one) is int] if type(parents) is list else []


def _node_id(record: Record, rank: int) -> Suggestion:
    text = str(record.ref)
    detail = f"{code(record.kind or '?')} {value_text(record)}"
    target = record.raw.get("debug_target")
    doc = f"`{code(target)}`" if isinstance(target, str) and target else None
    return Suggestion(text, Sort.NODE, text, detail=detail, doc=doc, rank=rank, filter=text)


def _shape_values(draft: Draft) -> Iterator[Suggestion]:
    inferred = draft.inferred()
    if inferred is not None:
        yield _value(_dump(inferred), "as inferred")
    for rank, operand in enumerate(draft.operands() or (), 1):
        if operand is not None and operand.shape is not None and operand.shape != inferred:
            yield _value(_dump(operand.shape), f"shape of operand {operand.ref}", rank)


def _field_values(draft: Draft, field: Field, cursor: Cursor) -> Iterator[Suggestion]:
    """Likely values of one of the kind's own fields."""
    operands = draft.operands() or []
    first = operands[0] if operands else None
    shape = first.shape if first is not None and not first.is_tuple else None
    if cursor.is_item:
        if field.is_axis and shape is not None:
            yield from _axes(shape, (*cursor.items, *cursor.others))
        return
    if field.type is FieldType.BOOLEAN:
        for rank, text in enumerate((field.example, "false" if field.example == "true" else "true")):
            yield _value(text, "", rank)
    elif field.is_axis and field.type is FieldType.NATURAL and shape is not None:
        yield from _axes(shape, ())
    elif draft.entry is draft.dialect.getitem and first is not None and first.tuple_shapes is not None:
        for position, component in enumerate(first.tuple_shapes[:MAX_SUGGESTIONS]):
            yield _value(str(position), show_shape(component), position)
    else:
        own = draft.members.get("shape")
        if field.forced is own_shape and isinstance(own, list):
            yield _value(_dump(own), "the node's shape")
        text = _field_text(draft, field)
        yield _value(text, field.doc, 1)


def _axes(shape: Sequence[int], said: Sequence[Any]) -> Iterator[Suggestion]:
    """The axes of an operand; those that are there already come last."""
    for axis in range(min(len(shape), MAX_SUGGESTIONS)):
        detail = f"axis of size {show(shape[axis])} of {show_shape(shape)}"
        yield _value(str(axis), detail, axis + len(shape) * (axis in said))


# -- whole nodes ----------------------------------------------------------------------------------------------


def _whole_nodes(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    """A node of every kind, filled in with what is likely."""
    if cursor.replace[0] < cursor.replace[1] and cursor.prefix.startswith("{"):
        return
    draft = Draft(links, cursor)
    tail = "" if cursor.comma_follows else ","
    for order, kind in enumerate(_by_use(draft.dialect)):
        if kind is draft.dialect.getitem:
            continue
        shapes = draft.likely(kind)
        fields = guess_fields(kind, shapes, {})
        shape = guess_shape(kind, shapes, fields) if fields is not None else None
        fits = shape is not None and (draft.id == 0) == (kind.arity[0] == 0)
        members: dict[str, Any] = {
            "id": draft.index,
            "kind": kind.name,
            "parents": draft.likely_parents(kind),
            "shape": shape or [],
            **(fields or {}),
        }
        for field in kind.fields:
            if field.required:
                members.setdefault(field.name, json.loads(field.example))
        yield Suggestion(
            kind.name,
            Sort.SNIPPET,
            _dump(members) + tail,
            _node_snippet(members, ("id", "kind")) + tail,
            f"a whole node: {kind.summary}",
            doc_kind=kind.name,
            rank=order + 1_000 * (not fits),
            filter=kind.name,
        )


def _node_snippet(members: Mapping[str, Any], fixed: tuple[str, ...]) -> str:
    parts = []
    number = 0
    for name, value in members.items():
        text = _dump(value)
        if name not in fixed and value != []:
            number += 1
            text = f"${{{number}:{_escape(text)}}}"
        parts.append(f"{_dump(name)}: {text}")
    return "{" + ", ".join(parts) + "}"


def _skeletons() -> Iterator[Suggestion]:
    """A small artifact of each dialect, for an empty file."""
    for dialect in DIALECTS.values():
        head = dialect.root_json(0, (1,), {})
        lines = "".join(f"  {_dump(name)}: {_dump(value)},\n" for name, value in head.items())
        text = (
            f'{{\n{lines}  "nodes": [\n'
            '    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},\n'
            '    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}\n  ]\n}\n'
        )
        label = "new artifact" if dialect is DEFAULT else f"new artifact ({dialect.name})"
        yield Suggestion(label, Sort.SNIPPET, text, detail=f"an input and a relu; {dialect.doc}", filter="{")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escape(text: str) -> str:
    """Text inside a tab stop of a snippet."""
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
