"""The elements around an edit, read again: quickly where they are clean, else exactly, up to one that is as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchlean_core.text.condense import condense
from torchlean_core.text.numbers import may_have_long_exponent
from torchlean_core.text.parser import parse_elements
from torchlean_core.text.quick_json import Unread
from torchlean_core.text.spans import Spans, element_spans
from torchlean_core.text.tree import Trouble


def read_elements(
    text: str,
    start: int,
    end: int,
    comma_before: bool,
    comma_after: bool,
    take: Callable[[str], Any],
) -> tuple[list[Any], list[tuple[int, int]]] | None:
    """Read the elements between two others (or the ends) of an array; None where they are not clean.

    Args:
        text: The text.
        start: Where they begin: behind the element before, or behind the opening bracket.
        end: Where they end: at the element behind, or at the closing bracket.
        comma_before: Whether there is an element before.
        comma_after: Whether there is an element behind.
        take: Reads JSON.
    """
    region = text[start:end]
    core = region.strip(" \t\r\n")
    if core == ",":
        return ([], []) if comma_before and comma_after else None
    if not core:
        return ([], []) if not (comma_before and comma_after) else None
    if comma_before != core.startswith(",") or comma_after != core.endswith(","):
        return None
    try:
        short = condense(region)
        if short is not None:
            core = short.text.strip(" \t\r\n")
        if may_have_long_exponent(core):
            return None
        values = take("[" + core[comma_before : len(core) - comma_after] + "]")
    except Unread:
        return None
    if short is None:
        starts, ends = element_spans(text, start, end)
    else:
        starts, ends = element_spans(short.text, 0, len(short.text))
    if not values or len(starts) != len(values):
        return None
    if core.count(":") != sum(map(len, values)) and (
        "\\u003" in core or core.count(":") != count_colons(values)
    ):
        return None
    if short is None:
        return values, list(zip(starts, ends, strict=True))
    if not short.fill(values):
        short.expand(values)
    place = short.place
    return values, [(start + place(a), start + place(b)) for a, b in zip(starts, ends, strict=True)]


def recover_elements(
    text: str, spans: Spans, start: int, follows: bool, last: int, shift: int, broken: bool
) -> tuple[list[Any], list[tuple[int, int]], list[Trouble], int] | None:
    """Read elements that are not clean, up to one that stands where it stood before.

    Args:
        text: The next version's text.
        spans: Places in the version before.
        start: Where to begin, in both versions.
        follows: Whether an element stands before.
        last: The first element of the version before that the edit did not touch.
        shift: How far what stands behind the edit moved.
        broken: Whether something else in the text is not JSON.

    Returns:
        Values, places and troubles of the elements, and the element of the version before that follows
        them; None where the text is read otherwise from here on.
    """
    arrived = last

    def stop(position: int) -> bool:
        nonlocal arrived
        old = position - shift
        arrived = len(spans) if old == spans.closing else spans.starts.count_up_to(old) - 1
        return arrived >= last and (arrived == len(spans) or spans.starts[arrived] == old)

    found = parse_elements(text, start, follows, stop, broken=broken)
    if found is None:
        return None
    items, troubles = found
    return [item.value for item in items], [(item.start, item.end) for item in items], troubles, arrived


def troubles_around(
    troubles: list[Trouble], start: int, end: int, shift: int
) -> tuple[list[Trouble], list[Trouble]] | None:
    """The troubles before and behind a region, those behind shifted; None where one cannot be told apart."""
    if any(trouble.start == end for trouble in troubles):
        return None
    before = [trouble for trouble in troubles if trouble.start < start]
    if any(trouble.reach > start for trouble in before):
        return None
    return before, [trouble.shifted(shift) for trouble in troubles if trouble.start > end]


def object_in_array(text: str, start: int, end: int) -> bool:
    """Whether a brace opens behind a bracket that opened, with none that closed between them: by jumps."""
    before, brace = start, text.find("{", start, end)
    while brace >= 0:
        closed = text.rfind("]", before, brace)
        if text.find("[", closed if closed >= 0 else before, brace) >= 0:
            return True
        before, brace = brace, text.find("{", brace + 1, end)
    return False


def count_colons(value: Any) -> int:
    """How many colons stand in the shortest text of a JSON value, however deep it is nested."""
    count = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind is str:
            count += one.count(":")
        elif kind is dict:
            count += len(one) + sum(key.count(":") for key in one)
            waiting += one.values()
        elif kind is list:
            waiting += one
    return count
