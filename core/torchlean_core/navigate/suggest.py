"""Completions: what can stand where something is typed, the best first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from torchlean_core.check.nodes import Record
from torchlean_core.kinds import CLASSIC, FORMAT, INPUT, Field, FieldType, Kind
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.navigate.cursor import Await, Cursor, Level
from torchlean_core.navigate.draft import Draft, fit, takes
from torchlean_core.navigate.explain import code, field_markdown, value_text
from torchlean_core.navigate.guess import guess_fields, guess_shape
from torchlean_core.navigate.links import ENDS, Links

MAX_SUGGESTIONS = 200
"""Suggestions that are given at once; typing on narrows them down."""


MAX_PARENTS = 100
"""Operands that are offered: the nearest; the others by typing their id."""


_BY_USE = sorted((*CLASSIC.tensor_kinds.values(), CLASSIC.getitem), key=lambda kind: kind.usual)
"""The kinds, those first that one types most; the others in the table's order."""


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
            yield _skeleton()
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
    values: dict[str, Any] = {"format": FORMAT, "input_id": 0, "output_id": max(len(links.nodes) - 1, 0)}
    for rank, (name, doc) in enumerate(CLASSIC.root_fields.items()):
        if name in cursor.members:
            continue
        if name == "nodes":
            yield _key(cursor, name, "[]", "[\n  $0\n]", doc, rank)
        else:
            text = _dump(values[name])
            yield _key(cursor, name, text, f"${{1:{text}}}" if name != "format" else None, doc, rank)


def _node_keys(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    """The fields that the node still misses, exactly those of its kind; the optional ones when it misses none."""
    draft = Draft(links, cursor)
    missing = _missing(draft)
    for rank, (name, text, stop) in enumerate(missing):
        yield _key(cursor, name, text, stop, field_markdown(name, draft.kind), rank)
    if missing:
        return
    for field in draft.entry.fields if draft.entry is not None else ():
        if not field.required and field.name not in cursor.members:
            text = _field_text(draft, field)
            yield _key(
                cursor, field.name, text, f"${{1:{_escape(text)}}}", field_markdown(field.name, draft.kind), 0
            )
    for rank, name in enumerate(draft.entry.extras if isinstance(draft.entry, Kind) else (), 1):
        if name not in cursor.members:
            yield _key(cursor, name, "", "$1", field_markdown(name, draft.kind), rank)


def _missing(draft: Draft) -> list[tuple[str, str, str | None]]:
    """The required fields that are not there: (name, text of a likely value, the same with tab stops)."""
    tuple_valued = draft.is_tuple or (draft.kind in CLASSIC.tuple_kinds)
    names = ["id", "kind", "parents"]
    if draft.kind in CLASSIC.tuple_kinds:
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
    if isinstance(draft.entry, Kind) and draft.entry is not CLASSIC.getitem:
        guessed = guess_fields(draft.entry, draft.likely(draft.entry), {})
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
    if cursor.key == "format":
        yield Suggestion(
            FORMAT, Sort.VALUE, _dump(FORMAT), doc=CLASSIC.root_fields["format"], filter=_dump(FORMAT)
        )
    elif cursor.key in ENDS and not cursor.is_item:
        wants_input = cursor.key == "input_id"
        count = len(links.nodes)
        for index in range(count) if wants_input else range(count - 1, -1, -1):
            record = links.report.records[index]
            if record is None or record.is_tuple or (wants_input and record.kind != INPUT):
                continue
            if not str(record.ref).startswith(cursor.prefix):
                continue
            used = bool(links.users.get(record.ref))
            yield _node_id(record, index if wants_input else count - index + count * used)


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
    for order, kind in enumerate(_BY_USE):
        yield Suggestion(
            kind.name,
            Sort.KIND,
            _dump(kind.name),
            detail=kind.summary,
            doc_kind=kind.name,
            rank=fit(draft, kind, count, tuples) * 1_000 + order,
            filter=_dump(kind.name),
        )
    for order, name in enumerate(CLASSIC.tuple_kinds):
        rank = (0 if draft.is_tuple else 4) * 1_000 + order
        yield Suggestion(
            name, Sort.KIND, _dump(name), detail=CLASSIC.tuple_kinds[name].summary, doc_kind=name, rank=rank,
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
    if cursor.is_item:
        return
    operands = draft.operands() or []
    first = operands[0] if operands else None
    shape = first.shape if first is not None and not first.is_tuple else None
    if field.type is FieldType.BOOLEAN:
        for rank, text in enumerate((field.example, "false" if field.example == "true" else "true")):
            yield _value(text, "", rank)
    elif field.name == "axis" and shape is not None:
        for axis in range(min(len(shape), MAX_SUGGESTIONS)):
            yield _value(str(axis), f"axis of size {shape[axis]} of {show_shape(shape)}", axis)
    elif draft.entry is CLASSIC.getitem and first is not None and first.tuple_shapes is not None:
        for position, component in enumerate(first.tuple_shapes[:MAX_SUGGESTIONS]):
            yield _value(str(position), show_shape(component), position)
    else:
        own = draft.members.get("shape")
        if field.name in ("out_shape", "to_shape") and isinstance(own, list):
            yield _value(_dump(own), "the node's shape")
        text = _field_text(draft, field)
        yield _value(text, field.doc, 1)


# -- whole nodes ----------------------------------------------------------------------------------------------


def _whole_nodes(links: Links, cursor: Cursor) -> Iterator[Suggestion]:
    """A node of every kind, filled in with what is likely."""
    if cursor.replace[0] < cursor.replace[1] and cursor.prefix.startswith("{"):
        return
    draft = Draft(links, cursor)
    tail = "" if cursor.comma_follows else ","
    for order, kind in enumerate(_BY_USE):
        if kind is CLASSIC.getitem:
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


def _skeleton() -> Suggestion:
    """A small artifact, for an empty file."""
    text = (
        f'{{\n  "format": {_dump(FORMAT)},\n  "input_id": 0,\n  "output_id": 1,\n  "nodes": [\n'
        '    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},\n'
        '    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}\n  ]\n}\n'
    )
    return Suggestion("new artifact", Sort.SNIPPET, text, detail="an input and a relu", filter="{")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escape(text: str) -> str:
    """Text inside a tab stop of a snippet."""
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
