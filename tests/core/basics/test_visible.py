"""What a terminal would act on is shown, and never acts."""

import unicodedata

import pytest

from torchlean_core.basics.visible import visible


@pytest.mark.parametrize("code", [*range(0xA0), *range(0x600, 0x620), *range(0x2000, 0x2070), 0xFEFF])
def test_no_character_that_moves_others_gets_through(code):
    char = chr(code)
    shown = visible(f"a{char}b")
    moves = unicodedata.category(char) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(char) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    ) or char in "\u061c\u200e\u200f"  # fmt: skip
    assert len(shown) == 3
    assert (shown == f"a{char}b") is not moves


def test_lines_and_tabs_stay_where_lines_are_shown():
    assert visible("a\n\tb\r\u2028\u202e", lines=True) == "a\n\tb␍\ufffd\ufffd"
