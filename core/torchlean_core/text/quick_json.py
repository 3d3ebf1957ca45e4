"""JSON that is read quickly where msgspec is installed, and by the exact parser alone where it is not.

Checking and serving need msgspec. A worker runs in the interpreter that a model needs, which may have torch, numpy
and safetensors, and nothing of what this package brings along: there every text is read by `text.parser`, which gives
the same values and findings in more time. This is the one place that knows which of the two it is.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchlean_core.kinds.numbers import parse_number

if TYPE_CHECKING:
    import msgspec
    from msgspec import Struct
else:
    try:
        import msgspec
        from msgspec import Struct
    except ImportError:  # another interpreter's packages: not installed, or built for another version
        msgspec = None

        class Struct:
            """Stands in for `msgspec.Struct`: subclasses are dataclasses, which take longer to make."""

            def __init_subclass__(cls, *, frozen: bool = False) -> None:
                dataclasses.dataclass(frozen=frozen)(cls)


__all__ = [
    "IS_THERE",
    "Struct",
    "Unread",
    "empty_dict",
    "read",
    "read_as_spelled",
    "read_floats",
    "read_numbers",
    "read_root",
    "skim",
    "write_floats",
]

IS_THERE = msgspec is not None
"""Whether texts are read quickly."""

_NOT_JSON = ("JSON is malformed", "Input data was truncated")


class Unread(ValueError):
    """A text that was not read here; it may be JSON all the same.

    Attributes:
        malformed: Whether it is known to be no JSON.
    """

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        is_decoding = error is not None and isinstance(error, msgspec.DecodeError)
        self.malformed = is_decoding and str(error).startswith(_NOT_JSON)


def _reader(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(text: str | bytes) -> Any:
        try:
            return decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
            raise Unread(error) from error

    return read


def _unread(text: str | bytes) -> Any:
    raise Unread


class _Spelled(dict[str, int | float]):
    """Numbers with a point or an exponent as TorchLean reads them, by how they are spelled."""

    _MOST = 200_000
    """Spellings that are kept."""

    def __missing__(self, text: str) -> int | float:
        number = _as_spelled(text)
        if len(self) < self._MOST:
            self[text] = number
        return number


def _as_spelled(text: str) -> int | float:
    if text.endswith(".0"):
        return int(text[:-2])
    if "e" not in text and "E" not in text and text.rstrip("0")[-1] != ".":
        number = float(text)  # with decimals that are not all zero it is no integer
        if number:
            return number
    return parse_number(text)


def _read_as_spelled(text: str | bytes) -> Any:
    return msgspec.json.Decoder(float_hook=_Spelled().__getitem__).decode(text)


if IS_THERE:
    read_as_spelled = _reader(_read_as_spelled)
    read = _reader(msgspec.json.Decoder().decode)
    read_root = _reader(msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)
    read_numbers = _reader(msgspec.json.Decoder(list[float | bool | None]).decode)
    read_floats = _reader(msgspec.json.Decoder(list[float]).decode)
    skim = _reader(msgspec.json.Decoder(msgspec.Raw).decode)
else:
    read = read_as_spelled = read_root = read_numbers = read_floats = skim = _unread


_SMALL = re.compile(r"0\.0000([1-9])(\d*)")  # begins with a literal, which is quick to search for


def write_floats(values: Any) -> str:
    """The JSON text of a float or of nested lists of finite floats: the same with and without the quick writer."""
    if not IS_THERE:
        return json.dumps(values, separators=(",", ":")).replace("e+", "e").replace("e-0", "e-")
    text: str = msgspec.json.encode(values).decode("ascii")
    return _SMALL.sub(_scientific, text) if "0.0000" in text else text


def _scientific(match: re.Match[str]) -> str:
    """A number from 0.00001 to 0.0001, which msgspec writes out and Python does not."""
    if match.string[match.start() - 1 : match.start()].isdigit():  # the end of 10.00001
        return match[0]
    return f"{match[1]}.{match[2]}e-5" if match[2] else f"{match[1]}e-5"


def empty_dict() -> Any:
    """A field of a `Struct` that begins as an empty dict."""
    return msgspec.field(default_factory=dict) if IS_THERE else dataclasses.field(default_factory=dict)
