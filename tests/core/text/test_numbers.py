"""Arrays of numbers that are kept as text."""

from __future__ import annotations

import json
import math
import random
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_core.text.numbers import Numbers, numbers_in, numbers_of
from torchlean_core.text.tree import BAD, HUGE

finite = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
nested = st.recursive(finite, lambda inner: st.lists(inner, max_size=4), max_leaves=20)
shapes = st.lists(st.integers(0, 4), min_size=1, max_size=5)


def filled(shape, draw):
    if not shape:
        return draw.choice([draw.randrange(-9, 9), draw.gauss(0, 1), draw.gauss(0, 1) * 1e-9])
    return [filled(shape[1:], draw) for _ in range(shape[0])]


def shape_of(value):
    """The shape by looking at every list; None where it is irregular."""
    if not isinstance(value, list):
        return ()
    inner = {shape_of(item) for item in value}
    if not value:
        return (0,)
    only = inner.pop()
    return None if inner or only is None else (len(value), *only)


@settings(max_examples=400)
@given(nested.filter(lambda value: isinstance(value, list)), st.sampled_from([None, 0, 2]))
def test_a_text_is_what_its_lists_are(value, indent):
    text = json.dumps(value, indent=indent)
    numbers = numbers_in(text)
    assert numbers is not None
    assert numbers.value() == json.loads(text) and numbers == value
    assert len(numbers) == len(value)
    assert numbers.shape() == shape_of(value)
    again = numbers_of(value)
    assert again == numbers and again.digest() == numbers.digest() and hash(again) == hash(numbers)
    if numbers.shape() is not None:
        with np.errstate(over="ignore"):
            expected = np.array(value, np.float64).astype(np.float32)
        assert numbers.array().tobytes() == expected.reshape(numbers.shape()).tobytes()
        assert numbers.is_finite_in_float32() == bool(np.isfinite(expected).all())
    else:
        with pytest.raises(ValueError):
            numbers.array()


@given(shapes, shapes, st.randoms())
def test_a_shape_is_had_or_not(shape, other, draw):
    numbers = numbers_of(filled(shape, draw))
    assert numbers is not None and numbers.has_shape(shape)
    cut = [list(each[: each.index(0) + 1] if 0 in each else each) for each in (shape, other)]
    assert numbers.has_shape(other) == (cut[0] == cut[1])
    assert not numbers.has_shape([*cut[0], 1]) or 0 in cut[0]
    assert not numbers.has_shape([10**30, *shape])


@pytest.mark.parametrize(
    ("text", "shape", "others"),
    [
        ("[]", [0], [[], [1], [0, 1, 0], [1, 0]]),
        ("[ ]", [0, 5], [[], [1]]),
        ("[[],[\n]]", [2, 0], [[2], [2, 1], [1, 0], [0, 2]]),
        ("[[1],[2]]", [2, 1], [[2, 0], [2], [2, 1, 1]]),
        ("[7]", [1], [[], [0], [1, 1]]),
        ("[[[[7]]]]", [1, 1, 1, 1], [[1], [1, 1, 1]]),
        ("[1e5, -2.5]", [2], [[1], [2, 1]]),
    ],
)
def test_small_shapes(text, shape, others):
    numbers = numbers_in(text)
    assert numbers is not None and numbers.has_shape(shape)
    found = [other for other in others if numbers.has_shape(other)]
    assert found == [other for other in others if 0 in shape and other[: len(shape)] == shape]


@pytest.mark.parametrize(
    "text",
    ["[[],[5]]", "[5,[6]]", "[[1,2],[3]]", "[[[1]],[1]]", "[[1],2]", "[[1,2],[3,4],5]", "[[[]],[[1]]]"],
)
def test_irregular_nesting_has_no_shape(text):
    numbers = numbers_in(text)
    assert numbers is not None and numbers.shape() is None and "irregular" in repr(numbers)
    assert not any(numbers.has_shape(shape) for shape in ([], [2], [2, 1], [2, 2], [2, 0], [3, 2], [2, 1, 0]))


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "[", "[1,,2]", "[1,]", "[,1]", "[01]", "[1.]", "[.5]", "[+1]", "[-]", "[1e]", "[NaN]", "[1 2]",
        "[1-2]", "[1]]", "[1] [2]", "[[1]", "[true]", "[null]", '["1"]', "[{}]", "[1, 2] ,", "{}", "[\u0661]",
        "[1e99999999999999999999]", "[1, 2E-00012345678901234567890]", "[0e-99999999999999999999]",
    ],
)  # fmt: skip
def test_what_is_no_sound_array_of_numbers_is_none(text):
    assert numbers_in(text) is None


def test_exponents_of_few_digits_are_read():
    numbers = numbers_in("[1e400, -1E+400, 1e-0000000000000000000000400, 1e1234567890123456789, 5]")
    assert numbers is not None
    assert numbers.value()[:2] == [10**400, -(10**400)] and numbers.value()[3] is HUGE
    assert numbers.array().tolist() == [math.inf, -math.inf, 0, math.inf, 5]
    assert not numbers.is_finite_in_float32()
    again = numbers_of(numbers.value())
    assert again is not None and again.array().tolist() == numbers.array().tolist()


@pytest.mark.parametrize(
    ("number", "finite"),
    [
        ("3.4028235677973362e38", True),
        ("3.4028235677973367e38", False),
        ("-3.5e38", False),
        ("1e+38", True),
        ("1e39", False),
        ("9" * 39, False),
        ("3" + "4" * 37, True),
        ("0." + "9" * 50, True),
        ("9" * 400 + "e-390", True),
        ("0.0001e42", True),
        ("1E300", False),
    ],
)
def test_the_limit_of_float32(number, finite):
    numbers = numbers_in(f"[[1, {number}]]")
    assert numbers is not None and numbers.is_finite_in_float32() is finite
    assert bool(np.isfinite(numbers.array()).all()) is finite


@pytest.mark.parametrize(
    "value", [None, True, "1", {}, [1, True], [[1], None], ["1"], [math.inf], math.nan, BAD]
)
def test_what_holds_anything_else_is_no_array_of_numbers(value):
    assert numbers_of(value) is None


def test_a_single_number_has_the_shape_of_a_scalar():
    numbers = numbers_of(2.5)
    assert (
        numbers is not None and numbers.shape() == () and numbers.has_shape([]) and not numbers.has_shape([1])
    )
    assert numbers.value() == 2.5 and numbers.array().shape == () and float(numbers.array()) == 2.5
    with pytest.raises(TypeError):
        len(numbers)


def test_a_digest_tells_values_and_nesting_and_not_spelling():
    def digest(text):
        numbers = numbers_in(text)
        assert numbers is not None
        return numbers.digest()

    assert digest("[1.0, 2e0]") == digest("[1,2]")
    texts = ["[1,2]", "[2,1]", "[[1,2]]", "[[1],[2]]", "[[],[1]]", "[[1],[]]", "[]", "[[]]", "[1]", "[1,-2]"]
    assert len({digest(text) for text in texts}) == len(texts)


def test_nesting_of_any_depth_takes_little_time():
    row = f"[{','.join('1' * 300)}]"
    wide = "[" + ",".join([row] * 300) + "]"
    start = time.perf_counter()
    for depth in (1, 50, 900):
        numbers = Numbers("[" * depth + wide + "]" * depth)
        assert numbers.has_shape([1] * depth + [300, 300])
    deep = Numbers("[" * 9_000 + "1" + "]" * 9_000)
    assert deep.has_shape([1] * 9_000)
    assert numbers_of(deep.value()) is not None
    assert time.perf_counter() - start < 5


def test_an_array_takes_little_more_memory_than_its_text():
    draw = random.Random(0)
    text = "[" + ", ".join(repr(draw.gauss(0, 1)) for _ in range(400_000)) + "]"
    numbers = Numbers(text)
    tracemalloc.start()
    found = numbers.array()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (400_000,) and peak < 2.5 * len(text)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("1.000000059604644775390625", 0x3F800000),  # halfway: to the even one
        ("1.000000059604644775390625000001", 0x3F800001),
        ("1.00000005960464477539062499999", 0x3F800000),
        ("-1.000000059604644775390625000001", 0xBF800001),
        ("1.000000178813934326171875", 0x3F800002),
        ("1.00000017881393432617187499999999", 0x3F800001),
        ("3.4028235677973366e38", 0x7F7FFFFF),
        ("340282356779733661637539395458142568448", 0x7F800000),
        ("7.006492321624085e-46", 0x00000000),
        ("7.0064923216240853546186479164495807e-46", 0x00000001),
        ("0.1", 0x3DCCCCCD),
    ],
)
def test_numbers_become_the_float32_next_to_them(text, bits):
    import numpy as np

    found = Numbers(f"[0.5, {text}]").array()
    assert found.view(np.uint32)[1] == bits
    assert Numbers(f"[{text}]").is_finite_in_float32() == (bits != 0x7F800000)
