"""Cutting what was read into messages, however it comes."""

from __future__ import annotations

import random

import pytest

from torchlean_ls.frames import BadFrame, FrameReader, frame, is_header


def bodies(*chunks: bytes) -> list[bytes | str]:
    reader = FrameReader()
    found: list[bytes | str] = []
    for chunk in chunks:
        reader.feed(chunk)
        found += ["bad" if isinstance(one, BadFrame) else one for one in reader.frames()]
    return found


def test_messages_are_the_same_however_they_are_cut():
    sent = [b"{}", b"", b"x" * 70_000, "é𝔸".encode(), b"Content-Length: 5\r\n\r\n12345"]
    stream = b"".join(map(frame, sent))
    draw = random.Random(0)
    for _ in range(50):
        cuts = sorted(draw.randrange(len(stream)) for _ in range(draw.randrange(30)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert bodies(*pieces) == sent


def test_rubbish_is_told_once_and_skipped():
    assert bodies(b"rubbish\r\n\r\n" * 3 + frame(b"{}")) == ["bad", b"{}"]
    assert bodies(b"Content-Length: 2\r\n\r\n{}, 1]}" + frame(b"[]")) == [b"{}", "bad", b"[]"]
    assert bodies(b"Content-Length: two\r\n\r\n", frame(b"{}")) == ["bad", b"{}"]
    assert bodies(b"y" * 50_000, b"z" * 50_000, b"\r\n" + frame(b"{}")) == ["bad", b"{}"]


def test_header_names_have_no_case_and_others_are_passed_over():
    assert bodies(b"CONTENT-length : 2\r\nContent-Type: x\r\n\r\n{}") == [b"{}"]
    assert bodies(b"Content-Type: x\r\nContent-Length:2\r\n\r\n{}") == [b"{}"]


def test_a_header_begins_a_line():
    assert bodies(b"X-Content-Length: 3\r\nContent-Length: 2\r\n\r\n{}") == [b"{}"]
    assert bodies(b"X-Content-Length: 2\r\n\r\n{}" + frame(b"[]")) == ["bad", b"[]"]


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"", None),
        (b"C", None),
        (b"content-LENGTH", None),
        (b"Content-Length ", None),
        (b"Content-Length: 2", True),
        (b"Content-Type:", True),
        (b"P", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 5", False),
        (b"GET / HTTP/1.1\r\nHost: localhost", False),
        (b"Content-Lengthy: 5", False),
        (b"\x16\x03\x01", False),
        (b"{", False),
    ],
)
def test_what_a_client_says_first_is_a_header_or_not(start, answer):
    assert is_header(start) is answer
