"""A text under several rounds of edits, remembered as edits of the first version."""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.check.fixes.edit import Edit


class Pieces:
    """A text as pieces of its first version and new text between them."""

    def __init__(self, text: str) -> None:
        self.first = text
        # (start, end, "") is a stretch of the first version, (-1, -1, text) is new.
        self._pieces: list[tuple[int, int, str]] = [(0, len(text), "")]

    def apply(self, edits: Sequence[Edit]) -> None:
        """Apply edits of the present version; they do not overlap."""
        made: list[tuple[int, int, str]] = []
        waiting = self._pieces[::-1]
        position = 0

        def take(until: int, keep: bool) -> None:
            """Go on to a place of the present version."""
            nonlocal position
            while position < until:
                start, end, new = waiting.pop()
                length = len(new) if start < 0 else end - start
                used = min(length, until - position)
                if used < length:
                    rest = (-1, -1, new[used:]) if start < 0 else (start + used, end, "")
                    waiting.append(rest)
                if keep:
                    made.append((-1, -1, new[:used]) if start < 0 else (start, start + used, ""))
                position += used

        for edit in sorted(edits):
            take(edit.start, True)
            if edit.text:
                made.append((-1, -1, edit.text))
            take(edit.end, False)
        self._pieces = made + waiting[::-1]

    def edits(self) -> tuple[Edit, ...]:
        """Edits of the first version that give the present one, each as short as it can be."""
        found = []
        position = 0
        new: list[str] = []
        for start, end, text in [*self._pieces, (len(self.first), len(self.first), "")]:
            if start < 0:
                new.append(text)
                continue
            edit = self._trimmed(position, start, "".join(new))
            if edit is not None:
                found.append(edit)
            position, new = end, []
        return tuple(found)

    def _trimmed(self, start: int, end: int, text: str) -> Edit | None:
        """An edit without what stays the same at its two ends; None where nothing is left."""
        first = self.first
        common = 0
        while common < min(end - start, len(text)) and first[start + common] == text[common]:
            common += 1
        start, text = start + common, text[common:]
        common = 0
        while common < min(end - start, len(text)) and first[end - 1 - common] == text[-1 - common]:
            common += 1
        end, text = end - common, text[: len(text) - common]
        return Edit(start, end, text) if start < end or text else None
