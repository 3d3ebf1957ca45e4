"""Typing into a text of megabytes: what stands far from the cursor is not copied more often than it must be."""

from __future__ import annotations

_LARGE = 1_000_000
_WINDOW = 1 << 16


class Splice:
    """A text whose parts before and behind a window are kept, so that an edit in the window copies them once."""

    def __init__(self, text: str, start: int, end: int) -> None:
        """Put the window around a stretch of a text."""
        first, last = max(0, start - _WINDOW), min(len(text), end + _WINDOW)
        self.text = text
        self._before, self._inside, self._behind = text[:first], text[first:last], text[last:]

    def replace(self, start: int, end: int, new: str) -> bool:
        """Replace a stretch of the text; False where it is not in the window, and nothing was done."""
        first, last = start - len(self._before), end - len(self._before)
        if first < 0 or last > len(self._inside):
            return False
        self._inside = self._inside[:first] + new + self._inside[last:]
        self.text = "".join((self._before, self._inside, self._behind))
        return True


def spliced(text: str, known: Splice | None, start: int, end: int, new: str) -> tuple[str, Splice | None]:
    """A text with a stretch replaced.

    Args:
        text: The text before.
        known: What the edit before made of it, if anything; it must not be used any more.
        start: Offset of the first character that is replaced.
        end: Offset behind the last one.
        new: What is to stand there.

    Returns:
        The text, and what makes the next edit at this place quicker; None for a text that needs none.
    """
    if len(text) < _LARGE:
        return text[:start] + new + text[end:], None
    if known is None or known.text is not text or not known.replace(start, end, new):
        known = Splice(text, start, end)
        known.replace(start, end, new)
    return known.text, known
