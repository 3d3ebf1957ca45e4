"""Lines and columns as LSP counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_core.text import Encoding, LineIndex, Position

texts = st.text(alphabet=["a", "é", "𝔸", "\n", "\r", "\u2028", "\x85", " "], max_size=40)


@given(texts, st.sampled_from(Encoding), st.data())
def test_an_offset_survives_the_way_to_a_position_and_back(text, encoding, data):
    lines = LineIndex(text)
    offset = data.draw(st.integers(0, len(text)))
    position = lines.position(offset, encoding)
    back = lines.offset(position, encoding)
    inside_line_end = text[offset - 1 : offset + 1] == "\r\n" and 0 < offset < len(text)
    assert back == (offset - 1 if inside_line_end else offset)


def test_only_line_feed_and_carriage_return_end_a_line():
    assert list(LineIndex("a\nb\r\nc\rd\u2028e\x85f").starts) == [0, 2, 5, 7]


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_columns_are_counted_in_the_encodings_units(encoding, column):
    assert LineIndex("𝔸b").position(1, Encoding(encoding)).character == column


def test_positions_out_of_range_are_the_nearest_place():
    lines = LineIndex("ab\ncd")
    assert lines.offset(Position(0, 99)) == 2
    assert lines.offset(Position(9, 0)) == 5
    assert lines.offset(Position(-1, 3)) == 0


plain_texts = st.text(alphabet="ab\n ", max_size=60)


@given(st.one_of(texts, plain_texts), st.sampled_from(Encoding), st.data())
def test_ranges_of_many_spans_are_those_of_each(text, encoding, data):
    lines = LineIndex(text)
    offset = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(offset, offset).map(lambda pair: tuple(sorted(pair))), max_size=8))
    expected = [(*start, *end) for start, end in (lines.range(*span, encoding) for span in spans)]
    assert lines.ranges(spans, encoding) == expected


@given(texts, st.sampled_from(Encoding), st.data())
def test_positions_do_not_depend_on_what_was_asked_before(text, encoding, data):
    lines = LineIndex(text)
    for _ in range(6):
        offset, unit = data.draw(st.integers(0, len(text))), data.draw(st.sampled_from(Encoding))
        assert lines.position(offset, unit) == LineIndex(text).position(offset, unit)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_long_line_with_other_characters_is_not_counted_anew_for_every_place(encoding):
    text = "é𝔸" + "a" * 3_000_000 + "é" + "b" * 1_000_000
    lines = LineIndex(text)
    offsets = range(3_500_000, 3_510_000)
    assert lines.positions(offsets, encoding) == [lines.position(offset, encoding) for offset in offsets]
    for offset in (1, 2, 3_000_001, 3_900_000):
        assert lines.offset(lines.position(offset, encoding), encoding) == offset


@pytest.fixture
def counted(monkeypatch):
    """The lengths of the texts whose units are counted."""
    lengths: list[int] = []
    units = Encoding.units

    def count(self: Encoding, text: str) -> int:
        lengths.append(len(text))
        return units(self, text)

    monkeypatch.setattr(Encoding, "units", count)
    return lengths


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_positions_in_one_long_line_count_every_character_about_once(counted, end):
    text = "é" * 100_000 + end
    positions = LineIndex(text).positions(range(0, 100_000, 100), Encoding.UTF8)
    assert positions[-1] == (0, 2 * 99_900)
    assert sum(counted) <= 2 * len(text)


def test_an_offset_in_a_long_line_is_found_without_a_step_for_every_character(counted):
    line = LineIndex("é" * 100_000)
    assert line.offset(Position(0, 2 * 99_999), Encoding.UTF8) == 99_999
    assert len(counted) <= 5_000
