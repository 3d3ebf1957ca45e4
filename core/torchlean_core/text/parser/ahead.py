"""What stands ahead in a text: by this a parser that finds a bracket missing or too much tells where it is.

Each function also says how far it looked, since an edit up to there can change what it says.
"""

from __future__ import annotations

import re

from torchlean_core.kinds import ROOT_NAMES

_WINDOW = 4096
"""Characters that are looked at for a node's id: a text of nothing but braces must not cost its square."""

_SPACE = re.compile(r"[ \t\r\n]*+")
_KEY = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*+)"[ \t\r\n]*+(:?)')
_ID = re.compile(r'"id"[ \t\r\n]*+:')
_NO_KEY = ("[", "-", *"0123456789")
_END = re.compile(r"[ \t\r\n]*+(\}?)[ \t\r\n]*+(\Z)?")
_AFTER_COMMA = re.compile(r"[ \t\r\n]*+,?[ \t\r\n]*+")


def key_at(text: str, position: int, end: int) -> tuple[str | None, int]:
    """The key, a string before a colon, that stands at a place."""
    match = _KEY.match(text, position, end)
    if match is None:
        return None, position + 1
    return (match[1] if match[2] else None), match.end() + 1


def behind_comma(text: str, position: int, end: int) -> int:
    """The place of what follows, behind a comma if there is one."""
    match = _AFTER_COMMA.match(text, position, end)
    return match.end() if match is not None else position


def behind_space(text: str, position: int, end: int) -> int:
    """The place of what follows."""
    match = _SPACE.match(text, position, end)
    return match.end() if match is not None else position


def id_ahead(text: str, position: int, end: int) -> tuple[bool, int]:
    """Whether the members that stand at a place, up to the next closing brace, have an id among them."""
    limit = min(end, position + _WINDOW)
    closing = text.find("}", position, limit)
    limit = closing if closing >= 0 else limit
    return _ID.search(text, position, limit) is not None, limit + 1


def root_goes_on(text: str, position: int, end: int) -> tuple[bool, int]:
    """Whether what follows is the root's: its end and that of the text, or one of its fields."""
    match = _END.match(text, position, end)
    if match is not None and match[2] is not None:
        return True, match.end() + 1
    key, reach = key_at(text, behind_comma(text, position, end), end)
    return key in ROOT_NAMES, max(reach, match.end() + 1 if match is not None else 0)


def node_follows(text: str, position: int, end: int) -> tuple[bool, int]:
    """Whether a node begins here, or behind a comma."""
    place = behind_comma(text, position, end)
    inside = behind_space(text, place + 1, end)
    key, reach = key_at(text, inside, end)
    follows = text.startswith("{", place, end) and text.startswith('"', inside, end)
    return follows and key not in ROOT_NAMES, reach


def node_ends(text: str, position: int, end: int) -> tuple[bool, int]:
    """Whether what follows begins another node, or goes on with the root."""
    follows, reach = node_follows(text, position, end)
    place = behind_space(text, position, end)
    if follows or place >= end:
        return True, reach
    if text[place] != "]":
        return False, reach
    goes_on, far = root_goes_on(text, place + 1, end)
    return goes_on, max(far, reach)


def object_opens(text: str, position: int, end: int) -> tuple[bool, int]:
    """Whether what stands behind a brace can be inside an object: no number, array, or string without a colon."""
    place = behind_space(text, position, end)
    if text.startswith('"', place, end):
        key, reach = key_at(text, place, end)
        return key is not None, reach
    return not text.startswith(_NO_KEY, place, end), place + 1


def text_ends(text: str, position: int, end: int) -> bool:
    """Whether nothing but space follows."""
    return not text[position:end].strip(" \t\r\n") if end - position < _WINDOW else False
