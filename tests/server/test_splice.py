"""Edits of long texts."""

from __future__ import annotations

import random

from torchlean_ls.splice import spliced


def test_edits_here_and_there_give_the_text_that_slices_give():
    draw = random.Random(0)
    text = expected = "".join(draw.choice("abé,\n") for _ in range(1_200_000))
    known = None
    at = 0
    for number in range(120):
        at = (
            draw.randrange(len(text))
            if number % 10 == 0
            else max(0, min(len(text), at + draw.randrange(-9, 9)))
        )
        end = min(len(text), at + draw.choice([0, 0, 1, 5, 100_000 if number % 40 == 0 else 2]))
        new = draw.choice(["", "x", "\n", "é" * 30, "y" * 70_000 if number % 50 == 0 else "z"])
        before = text
        text, known = spliced(text, known, at, end, new)
        expected = expected[:at] + new + expected[end:]
        assert text == expected and known is not None
        if number % 7 == 0:  # a version that came to nothing, as of two changes in one message
            text, known = spliced(before, known, 0, 0, "!")
            expected = "!" + before
            assert text == expected
    assert spliced("short", None, 1, 2, "H") == ("sHort", None)
