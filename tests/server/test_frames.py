"""Cutting what was read into messages, however it comes."""

from __future__ import annotations

import random

from torchlean_ls.frames import BadFrame, FrameReader, frame


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
    assert bodies(b"Content-Length: 2\r\n\r\n{}and more" + frame(b"[]")) == [b"{}", "bad", b"[]"]
    assert bodies(b"Content-Length: two\r\n\r\n", frame(b"{}")) == ["bad", b"{}"]
    assert bodies(b"y" * 50_000, b"z" * 50_000, b"\r\n" + frame(b"{}")) == ["bad", b"{}"]


def test_header_names_have_no_case_and_others_are_passed_over():
    assert bodies(b"CONTENT-length : 2\r\nContent-Type: x\r\n\r\n{}") == [b"{}"]
    assert bodies(b"Content-Type: x\r\nContent-Length:2\r\n\r\n{}") == [b"{}"]
