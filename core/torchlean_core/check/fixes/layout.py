"""Text of new JSON values, laid out as their neighbours are: on one line, indented, or without any space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.check.fixes.edit import Edit
from torchlean_core.text.tree import Tree


def colon(text: str, tree: Tree) -> str:
    """What stands between a key and its value in an object."""
    for key, value in tree.members:
        between = text[key.end : value.start]
        if between.strip() == ":":
            return between
    return ": "


def _comma(text: str, tree: Tree) -> str:
    """What stands between two values of an object on one line."""
    return ", " if colon(text, tree).endswith(" ") else ","


def value_text(text: str, owner: Tree, value: Any, old: Tree | None = None) -> str:
    """Text of a new value of an object, laid out as the value that it replaces, or as its neighbours."""
    if not isinstance(value, list | tuple):
        return json.dumps(value)
    if not value:
        return "[]"
    sample = old if old is not None and old.items else None
    for _, member in owner.members if sample is None else ():
        if member.items and not isinstance(member.items[0].value, list | dict):
            sample = member
            break
    lead, tail = "", ""
    if sample is not None and sample.items[-1].end < sample.end:
        lead = text[sample.start + 1 : sample.items[0].start]
        tail = text[sample.items[-1].end : sample.end - 1]
    if lead.strip() or tail.strip():
        lead = tail = ""
    separator = "," + lead if "\n" in lead else _item_separator(text, sample) or _comma(text, owner)
    return "[" + lead + separator.join(map(json.dumps, value)) + tail + "]"


def _item_separator(text: str, sample: Tree | None) -> str | None:
    if sample is None or len(sample.items) < 2:
        return None
    between = text[sample.items[0].end : sample.items[1].start]
    return between if between.strip() == "," and "\n" not in between else None


def set_member(text: str, owner: Tree, name: str, value: Any, *, first: bool = False) -> Edit:
    """Give a member of an object a value; a new one goes to the end, or to the start where `first`."""
    pair = owner.member(name)
    if pair is not None:
        return Edit(pair[1].start, pair[1].end, value_text(text, owner, value, pair[1]))
    member = json.dumps(name) + colon(text, owner) + value_text(text, owner, value)
    if not owner.members:
        return Edit(owner.start + 1, owner.start + 1, member)
    if first:
        lead = text[owner.start + 1 : owner.members[0][0].start]
        gap = "" if "\n" in lead or _comma(text, owner) == "," else " " if not lead else ""
        return Edit(owner.start + 1, owner.start + 1, f"{lead}{member},{gap}")
    end = owner.members[-1][1].end
    return Edit(end, end, member_separator(text, owner) + member)


def member_separator(text: str, owner: Tree) -> str:
    """What stands between two members of an object that has at least one."""
    if len(owner.members) > 1:
        between = text[owner.members[-2][1].end : owner.members[-1][0].start]
        if between.strip() == ",":
            return between
    lead = text[owner.start + 1 : owner.members[0][0].start]
    return "," + lead if "\n" in lead else _comma(text, owner)


def object_text(text: str, sample: Tree, members: Mapping[str, Any]) -> str:
    """Text of a new object with natural numbers, strings and shapes, laid out as another one is."""
    lead = text[sample.start + 1 : sample.members[0][0].start] if sample.members else ""
    tail = text[sample.members[-1][1].end : sample.end - 1] if sample.members else ""
    if "\n" in lead and not lead.strip() and not tail.strip():
        separator = "," + lead
    else:
        separator = member_separator(text, sample) if sample.members else ", "
    between = colon(text, sample)
    inside = [
        f"{json.dumps(name)}{between}{value_text(text, sample, value)}" for name, value in members.items()
    ]
    return "{" + lead + separator.join(inside) + tail + "}"


def remove_elements(spans: Sequence[tuple[int, int]], removed: frozenset[int]) -> list[Edit]:
    """Take elements out of an array, each with the comma beside it; at least one stays.

    Args:
        spans: Offsets of all elements.
        removed: Places of those that go.
    """
    edits = []
    first = 0
    while first in removed:
        first += 1
    if first:
        edits.append(Edit(spans[0][0], spans[first][0], ""))
    for place in sorted(removed):
        if place > first:
            edits.append(Edit(spans[place - 1][1], spans[place][1], ""))
    return edits


def replace_members(text: str, owner: Tree, removed: frozenset[str], new: Mapping[str, Any]) -> list[Edit]:
    """Take members out of an object that keeps at least one, and give others values: new ones go to the end."""
    places = {str(key.value): place for place, (key, _) in enumerate(owner.members)}
    gone = frozenset(places[name] for name in removed - new.keys() if name in places)
    edits = remove_elements([(key.start, value.end) for key, value in owner.members], gone)
    changed = [set_member(text, owner, name, value) for name, value in new.items() if name in places]
    edits += [edit for edit in changed if text[edit.start : edit.end] != edit.text]
    added = [(name, value) for name, value in new.items() if name not in places]
    if added:
        end, separator, between = owner.members[-1][1].end, member_separator(text, owner), colon(text, owner)
        members = [f"{json.dumps(name)}{between}{value_text(text, owner, value)}" for name, value in added]
        edits.append(Edit(end, end, "".join(separator + member for member in members)))
    return edits
