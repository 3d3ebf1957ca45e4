"""Shape rules against PyTorch's own shapes, and the broadcast witness against its definition."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_core.kinds import alignment
from torchlean_core.kinds.numbers import numel, same_numel, show

dims = st.lists(st.integers(0, 4), max_size=5)


def witness(source, target):
    """ir-v1 section 4, word by word."""
    if not source:
        return [1] * len(target)
    if not target:
        return None
    n, m = source[0], target[0]
    if n == m or n == 1:
        rest = witness(source[1:], target[1:])
        return None if rest is None else [n, *rest]
    rest = witness(source, target[1:])
    return None if rest is None else [1, *rest]


@settings(max_examples=1000)
@given(dims, dims)
def test_the_broadcast_witness_follows_its_definition(source, target):
    assert alignment.witness(source, target) == witness(source, target)


@settings(max_examples=300)
@given(dims, dims)
def test_pytorchs_reading_is_pytorchs(source, target):
    import torch

    x = torch.zeros(source)
    try:
        expected = torch.broadcast_to(x, target).shape
    except RuntimeError:
        assert alignment.right_aligned(source, target) is None
    else:
        aligned = alignment.right_aligned(source, target)
        assert aligned is not None
        assert x.reshape(aligned).expand(target).shape == expected


@given(st.lists(st.integers(0, 10**50), max_size=6), st.lists(st.integers(0, 10**50), max_size=6))
def test_equal_numbers_of_elements_are_told_from_others(a, b):
    assert same_numel(a, b) == (numel(a) == numel(b))
    assert same_numel(a, a[::-1])


@given(st.integers(-(10**60), 10**60))
def test_a_number_is_shown_in_full_when_it_is_short(value):
    text = show(value)
    assert text == str(value) or ("digits)" in text and str(abs(value)).startswith(text.lstrip("-")[:6]))


@given(st.integers(1, 2_000_000), st.integers(12_600, 14_000), st.integers(-2, 2))
@settings(max_examples=100, deadline=None)
def test_a_very_long_number_is_shown_by_its_leading_digits_and_its_length(leading, power, more):
    value = leading * 10**power + more
    digits = str(value)
    assert show(value) == f"{digits[:6]}…({len(digits)} digits)"
