"""The messages of every keystroke, and their params, read without the protocol's general machinery.

A change and the request for the diagnostics that follows it are what a user waits for. Through pygls' converter and
dispatch each costs more than checking a file of a hundred nodes; msgspec reads and validates them in microseconds.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Unsigned = Annotated[int, msgspec.Meta(ge=0)]


class _Params(msgspec.Struct, rename="camel"):
    """An object of the protocol; unknown members are ignored, as it asks for."""


class Place(_Params):
    """A line and a column, both from 0."""

    line: Unsigned
    character: Unsigned


class Stretch(_Params):
    """A range of a text."""

    start: Place
    end: Place


class ContentChange(_Params):
    """What stands in place of a range now; without a range, the whole text."""

    text: str
    range: Stretch | None = None


class ChangedDocument(_Params):
    """Which document, and the number of the version that the changes lead to; old clients may send none."""

    uri: str
    version: int | None = None


class ChangeParams(_Params):
    """Params of `textDocument/didChange`."""

    text_document: ChangedDocument
    content_changes: list[ContentChange]


class PulledDocument(_Params):
    """Which document."""

    uri: str


class PullParams(_Params):
    """Params of `textDocument/diagnostic`."""

    text_document: PulledDocument
    previous_result_id: str | None = None


class Later:
    """In place of a result: the answer takes long, and the registered handler is to give it."""


LATER = Later()


def read_params(params: Any, into: type[_Params]) -> Any:
    """The params of a message.

    Raises:
        msgspec.ValidationError: Something is missing, or of another type; the message says where.
    """
    return msgspec.convert(params, into)
