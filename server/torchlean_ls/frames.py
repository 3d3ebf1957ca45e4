"""Messages on a stream: a header with `Content-Length`, then JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# At the begin of a line; or behind the end of a message that was longer than its header said.
_LENGTH = re.compile(rb"(?:^|(?<=[\n}]))content-length[ \t]*:([^\r\n]*)", re.IGNORECASE)
_FIELDS = (b"content-length", b"content-type")
MAX_HEADER = 16_384
MAX_BODY = 1 << 30


class BadFrame(NamedTuple):
    """Bytes that are no message; the message says why."""

    message: str


class FrameReader:
    """Cuts what was read into bodies of messages; what is no frame is skipped up to the next header."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._wanted: int | None = None  # length of the body that is being read
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Take in what was read."""
        self._chunks.append(data)
        self._size += len(data)

    def frames(self) -> Iterator[bytes | BadFrame]:
        """The messages that are complete."""
        while True:
            if self._wanted is not None:
                if self._size < self._wanted:
                    return
                data = self._all()
                body, rest = data[: self._wanted], data[self._wanted :]
                self._wanted = None
                self._put_back(rest)
                yield body
                continue
            data = self._all()
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) <= MAX_HEADER:
                    self._put_back(data)
                    return
                bad = not self._skipping
                self._skip(data)
                if bad:
                    yield BadFrame(f"a header is at most {MAX_HEADER} bytes long")
                if self._size <= MAX_HEADER:
                    return
                continue
            self._put_back(data[end + 4 :])
            length, clean = _content_length(data[:end])
            if isinstance(length, BadFrame):
                if not self._skipping:
                    yield length
                self._skipping = True
                continue
            self._wanted = length
            if not clean and not self._skipping:
                yield BadFrame("bytes between messages: is a Content-Length too small?")
            self._skipping = False

    def _all(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks, self._size = [], 0
        return data

    def _put_back(self, data: bytes) -> None:
        if data:
            self._chunks.insert(0, data)
            self._size += len(data)

    def _skip(self, data: bytes) -> None:
        """Go to the next thing that looks like a header."""
        self._skipping = True
        start = data.lower().find(b"content-length", 1)
        self._put_back(data[start:] if start > 0 else data[-20:])


def _content_length(header: bytes) -> tuple[int | BadFrame, bool]:
    """The length that a header gives, and whether it begins where the message before it ended."""
    lengths = list(_LENGTH.finditer(header))
    if not lengths:
        return BadFrame("a message begins with a Content-Length header"), False
    found = lengths[-1]  # what stands before may be rubbish
    text = found[1].strip()
    if not text.isdigit() or len(text) > 12 or int(text) > MAX_BODY:
        shown = text[:40].decode("latin-1")
        return BadFrame(f"Content-Length must be a number of bytes, found {shown!r}"), False
    before = header[: found.start()]
    return int(text), not before or (before.endswith(b"\n") and b"{" not in before)


def is_header(start: bytes) -> bool | None:
    """Whether what a client said first is the begin of a header; None where that needs more bytes.

    A browser that was led here speaks HTTP, and no page that somebody visits may start a session.
    """
    name, colon, _ = start.partition(b":")
    name = name.lower()
    if colon:
        return name.rstrip(b" \t") in _FIELDS
    return None if any(field.startswith(name.rstrip(b" \t")) for field in _FIELDS) else False


def frame(body: bytes) -> bytes:
    """A message as it is sent."""
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
