"""Words for what stands where something else was expected."""

from __future__ import annotations

from torchlean_core.text.numbers import MAX_EXPONENT_DIGITS
from torchlean_core.text.tree import Tree


def too_long_exponent(word: str) -> str:
    """A number whose exponent is longer than anything is read for."""
    return f"`{short(word)}` cannot be read: its exponent has more than {MAX_EXPONENT_DIGITS} digits"


def word_message(word: str) -> str:
    """A word, unquoted, where a value belongs."""
    if word in ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"):
        return f"`{word}` is not JSON: numbers are finite"
    if word in ("True", "False", "None"):
        return (
            f"`{word}` is Python; JSON writes `{ {'True': 'true', 'False': 'false', 'None': 'null'}[word] }`"
        )
    if word.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if word.startswith("'"):
        return "JSON strings stand in double quotes"
    if word[0] in "+-.0123456789":
        return f"`{short(word)}` is not a JSON number"
    return f"expected a value, found `{short(word)}`"


def short(text: str) -> str:
    """At most 40 characters of a text."""
    return text if len(text) <= 40 else text[:39] + "…"


def key_named(key: Tree) -> str:
    """A key, by its name where it has one."""
    return f"the key {quote(key.value)}" if isinstance(key.value, str) else "this key"


def quote(text: str) -> str:
    """A text in double quotes, cut short."""
    return f'"{short(text)}"'
