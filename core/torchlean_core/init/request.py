"""Requests of jobs: JSON objects, from the command line or the server, read into dataclasses."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from torchlean_core.errors import UsageError

T = TypeVar("T")

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def parse_request(kind: type[T], job: str, request: Mapping[str, Any]) -> T:
    """A request object as an instance of a dataclass with an `artifact` and fields of plain types.

    Raises:
        UsageError: A field is unknown or of another type, or `artifact` is missing.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(request) - set(hints))
    if unknown:
        raise UsageError(f"{job} knows no {', '.join(unknown)}; it knows {', '.join(hints)}")
    if "artifact" not in request:
        raise UsageError(f"{job} needs the path of an artifact")
    for name, value in request.items():
        allowed = typing.get_args(hints[name]) if isinstance(hints[name], types.UnionType) else (hints[name],)
        if not any(_is(value, option) for option in allowed):
            words = " or ".join(_WORDS[option] for option in allowed if option in _WORDS)
            raise UsageError(f"{name} must be {words}, found {value!r:.40}")
    return kind(**request)


def _is(value: Any, option: Any) -> bool:
    if option is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if option is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, option)
