"""Text from files on its way to a terminal: control characters are shown, and never act."""

from __future__ import annotations

_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Characters that end lines, or change the order in which others are shown: a name could pass for another one."""

_PICTURES = (
    {code: 0x2400 + code for code in range(32)}
    | {0x7F: 0x2421}
    | dict.fromkeys((*range(0x80, 0xA0), *_REORDERING), 0xFFFD)
)
_KEEP_LINES = {code: picture for code, picture in _PICTURES.items() if code not in (9, 10)}


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every control character as its picture (`␛`), so that its length stays.

    Args:
        text: Any text.
        lines: Whether line feeds and tabs stay.
    """
    return text.translate(_KEEP_LINES if lines else _PICTURES)


def shortened(text: str, limit: int = 60) -> str:
    """A name from a file, quoted, for a message: control characters escaped, and not endless."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
