"""Unified diffs of texts, in time that grows with the texts and not with their square."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from torchlean_core.basics.sequences import longest_increasing
from torchlean_core.basics.visible import visible

_Opcode = tuple[str, int, int, int, int]
_SMALL = 4_000_000
"""Pairs of lines that `SequenceMatcher`, whose time is quadratic, may look at."""
_COLORS = {"@": "\x1b[36m", "+": "\x1b[32m", "-": "\x1b[31m"}


def unified_diff(old: str, new: str, name: str) -> Iterator[str]:
    """The lines of a unified diff, each with its line end; `patch` and `git apply` read it.

    Args:
        old: The text before.
        new: The text after.
        name: The file's name, for the header.
    """
    a, b = _lines(old), _lines(new)
    yield f"--- {name}\n"
    yield f"+++ {name}\n"
    for hunk in _Matcher(a, b).get_grouped_opcodes(3):
        first, last = hunk[0], hunk[-1]
        yield f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@\n"
        for tag, a_start, a_end, b_start, b_end in hunk:
            if tag == "equal":
                yield from _marked(" ", a[a_start:a_end])
                continue
            yield from _marked("-", a[a_start:a_end])
            yield from _marked("+", b[b_start:b_end])


def colored(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a diff with colours for a terminal."""
    for line in lines:
        body = line.rstrip("\r\n")
        if line.startswith(("--- ", "+++ ")):
            yield f"\x1b[1m{body}\x1b[0m{line[len(body) :]}"
        elif color := _COLORS.get(line[:1]):
            yield f"{color}{body}\x1b[0m{line[len(body) :]}"
        else:
            yield line


def shown(line: str) -> str:
    """A line of a diff for a terminal: control characters are shown, its line end stays."""
    body = line.rstrip("\r\n")
    return visible(body, lines=True) + line[len(body) :]


def _lines(text: str) -> list[str]:
    """Lines as `patch` counts them: they end at line feeds and nowhere else."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line
        if not line.endswith("\n"):
            yield "\n\\ No newline at end of file\n"


def _span(start: int, end: int) -> str:
    """Lines from 1 and their number, as a hunk's header has them."""
    length = end - start
    return f"{start + (length > 0)},{length}" if length != 1 else str(start + 1)


class _Matcher(SequenceMatcher[str]):
    """A matcher whose opcodes come from `_opcodes`."""

    def __init__(self, a: list[str], b: list[str]) -> None:
        super().__init__(None, (), (), False)
        self._found = _joined(_opcodes(a, b))

    def get_opcodes(self) -> list[_Opcode]:  # type: ignore[override]
        return self._found


def _opcodes(a: list[str], b: list[str]) -> Iterator[_Opcode]:
    """What to do to `a` to get `b`."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    tail = 0
    while tail < min(len(a), len(b)) - start and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    yield "equal", 0, start, 0, start
    yield from _middle(a, b, start, len(a) - tail, start, len(b) - tail)
    yield "equal", len(a) - tail, len(a), len(b) - tail, len(b)


def _middle(a: list[str], b: list[str], a1: int, a2: int, b1: int, b2: int) -> Iterator[_Opcode]:
    count = a2 - a1
    if count == b2 - b1 and 2 * sum(x == y for x, y in zip(a[a1:a2], b[b1:b2], strict=True)) >= count:
        # Values were changed in place, as most fixes do.
        for i in range(count):
            same = a[a1 + i] == b[b1 + i]
            yield "equal" if same else "replace", a1 + i, a1 + i + 1, b1 + i, b1 + i + 1
        return
    for i, j in [*_anchors(a, b, a1, a2, b1, b2), (a2, b2)]:
        yield from _gap(a, b, a1, i, b1, j)
        if i < a2:
            yield "equal", i, i + 1, j, j + 1
        a1, b1 = i + 1, j + 1


def _gap(a: list[str], b: list[str], a1: int, a2: int, b1: int, b2: int) -> Iterator[_Opcode]:
    if (a2 - a1) * (b2 - b1) > _SMALL or a1 == a2 or b1 == b2:
        yield "replace", a1, a2, b1, b2
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a[a1:a2], b[b1:b2], False).get_opcodes():
        yield tag, a1 + i1, a1 + i2, b1 + j1, b1 + j2


def _anchors(a: list[str], b: list[str], a1: int, a2: int, b1: int, b2: int) -> list[tuple[int, int]]:
    """Lines that occur once on both sides, the longest run of them that keeps the order (patience diff)."""
    once_a = {line for line, count in Counter(a[a1:a2]).items() if count == 1}
    counts_b = Counter(b[b1:b2])
    place = {b[j]: j for j in range(b1, b2) if counts_b[b[j]] == 1}
    pairs = [(i, place[a[i]]) for i in range(a1, a2) if a[i] in once_a and a[i] in place]
    return [pairs[k] for k in longest_increasing([j for _, j in pairs])]


def _joined(opcodes: Iterable[_Opcode]) -> list[_Opcode]:
    """Neighbours of one kind joined, empty ones dropped; a change is "replace" whatever it is."""
    found: list[_Opcode] = []
    for tag, a1, a2, b1, b2 in opcodes:
        kind = "equal" if tag == "equal" else "replace"
        if a1 == a2 and b1 == b2:
            continue
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1], a2, found[-1][3], b2)
        else:
            found.append((kind, a1, a2, b1, b2))
    return found
