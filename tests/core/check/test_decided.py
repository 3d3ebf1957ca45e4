"""Findings that the format's description decides where readers of it might differ."""

from __future__ import annotations

import json

import pytest

from torchlean_core.check import check_text

INPUT = {"id": 0, "kind": "input", "parents": [], "shape": [2, 3, 4]}
ATTENTION = {
    "id": 1, "kind": "multihead_attention", "parents": [0, 0, 0], "value_kind": "tuple",
    "tuple_shapes": [[2, 3, 4], [2, 3, 3]], "num_heads": 1, "embed_dim": 4, "batch_first": True, "dropout_zero": True,
}  # fmt: skip
TAKEN = {"id": 2, "kind": "tuple_getitem", "parents": [1], "shape": [2, 3, 4], "index": 0}


def codes(attention: dict[str, object], **taken: object) -> list[tuple[str, int | None]]:
    nodes = [INPUT, attention, {**TAKEN, **taken}]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": 2, "nodes": nodes}
    return sorted((one.code, one.node) for one in check_text(json.dumps(root)).findings)


WRONG = {"num_heads": 2, "embed_dim": 5, "batch_first": False, "dropout_zero": False}


@pytest.mark.parametrize("bias", [{}, 1.5, "true", None, [], 0])
@pytest.mark.parametrize("wrong", [{}, *({name: value} for name, value in WRONG.items()), WRONG])
def test_an_ill_typed_bias_of_an_attention_silences_nothing(bias: object, wrong: dict[str, object]) -> None:
    expected = [("TL011", 1), *[("TL304", 2)] * len(wrong)]
    assert codes({**ATTENTION, "bias": bias, **wrong}) == expected


@pytest.mark.parametrize("absent", WRONG)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_missing_or_ill_typed_field_silences_what_is_said_of_itself_only(absent: str, wrong: str) -> None:
    left = {name: value for name, value in ATTENTION.items() if name != absent}
    others = [] if absent == wrong else [("TL304", 2)]
    if absent != wrong:
        left[wrong] = WRONG[wrong]
    assert codes(left) == [("TL010", 1), *others]
    assert codes({**left, absent: "x"}) == [("TL011", 1), *others]


def test_a_component_that_is_not_lowered_is_told_beside_a_missing_field() -> None:
    left = {name: value for name, value in ATTENTION.items() if name != "embed_dim"}
    assert codes(left, index=1, shape=[2, 3, 3]) == [
        ("TL010", 1),
        ("TL304", 2),
        ("TL304", 2),
    ]  # and its shape


LONG = "9" * 20
PLACES = [
    '{{"format": "torchlean.ir.v1", "input_id": {}}}',
    '{{"nodes": [{{"id": 0, "kind": "input", "parents": [], "shape": [1], "eps": {}}}]}}',
    '{{"nodes": [{{"id": 0, "kind": "const", "parents": [], "shape": [1], "value": [{}]}}]}}',
    '{{"anything": [1, {{"else": {}}}]}}',
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", ["0e", "0.0E", "1e-", "-0e+", "1.5E+", "0e00", "10e"])
def test_an_exponent_of_more_than_19_digits_is_no_number_wherever_it_stands(place: str, number: str) -> None:
    text = place.format(number + LONG)
    found = [one for one in check_text(text).findings if one.code == "TL001"]
    assert [one.message for one in found] == [
        f"`{number}{LONG}` cannot be read: its exponent has more than 19 digits"
    ]
    report = check_text(text)
    start, end = report.span(found[0])
    assert text[start:end] == number + LONG
    short = place.format(number + "0" * 30 + "1")  # leading zeros are no digits that count
    assert "TL001" not in [one.code for one in check_text(short).findings]
    quoted = place.format(json.dumps(number + LONG))
    assert "TL001" not in [one.code for one in check_text(quoted).findings]
