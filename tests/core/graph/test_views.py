"""Views of parameters: shapes, source text and arrays agree, for random sequences of steps."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from torchlean_core.graph.views import (
    HELPERS,
    ViewError,
    blocks,
    embed,
    expand,
    flip,
    narrow,
    parse_view,
    permute,
    reshape,
    rows,
    source,
    source_shape,
    then,
    view_json,
    viewed_shape,
)
from torchlean_core.kinds import helpers
from torchlean_core.params.uses import viewed


def random_step(draw: random.Random, shape):
    rank = len(shape)
    kind = draw.choice(["permute", "slice", "reshape", "flip", "expand", "embed", "blocks"])
    if kind == "permute":
        return permute(*draw.sample(range(rank), rank))
    if kind == "slice" and rank:
        axis = draw.randrange(rank)
        start = draw.randint(0, shape[axis])
        return narrow((axis, start, draw.randint(start, shape[axis])))
    if kind == "flip":
        return flip(*draw.sample(range(rank), draw.randint(0, rank)))
    if kind == "expand":
        return expand((draw.randint(1, 2), *(draw.randint(1, 3) if size == 1 else size for size in shape)))
    if kind == "embed":
        start = [draw.randint(0, 2) for _ in shape]
        step = [draw.randint(1, 2) for _ in shape]
        room = [
            s + max(n - 1, 0) * d + 1 + draw.randint(0, 1) for n, s, d in zip(shape, start, step, strict=True)
        ]
        return embed(room, start, step)
    if kind == "blocks" and rank >= 2:
        return blocks(draw.choice([n for n in range(1, shape[0] + 1) if shape[0] % n == 0] or [1]))
    count = int(np.prod(shape, dtype=np.int64))
    return reshape((count,) if draw.random() < 0.5 else (1, count))


def computed(view, tensor: torch.Tensor) -> torch.Tensor:
    scope = {name: getattr(helpers, name) for name in HELPERS}
    return eval(source(view, "x"), {"x": tensor, **scope})


@pytest.mark.parametrize("seed", range(60))
def test_shape_text_and_arrays_of_a_view_agree(seed: int) -> None:
    draw = random.Random(seed)
    base = tuple(draw.randint(1, 4) for _ in range(draw.randint(1, 3)))
    tensor = torch.arange(1.0, 1 + int(np.prod(base))).reshape(base)
    steps, view, shape = [], (), base
    for _ in range(draw.randint(1, 5)):
        step = random_step(draw, shape)
        if int(np.prod(viewed_shape((step,), shape), dtype=np.int64)) > 3000:
            break
        steps.append(step)
        view, shape = then(view, base, step), viewed_shape((step,), shape)
    expected = computed(tuple(steps), tensor)
    assert tuple(expected.shape) == shape == viewed_shape(view, base)
    assert len(view) <= len(steps), "composing makes no step more"
    assert torch.equal(computed(view, tensor), expected)
    assert np.array_equal(viewed(tensor.numpy(), view), expected.numpy())
    assert parse_view(view_json(view)) == view


def test_gradients_of_all_uses_add_up_in_the_tensor() -> None:
    x = torch.randn(4, 6, requires_grad=True)
    view = then(then((), (4, 6), narrow((0, 1, 3))), (4, 6), permute(1, 0))
    (computed(view, x).sum() + computed((blocks(2),), x).sum()).backward()
    assert torch.equal(x.grad, torch.ones(4, 6) + torch.tensor([0.0, 1, 1, 0])[:, None])


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (range(2, 5), [{"slice": [[0, 2, 5]]}]),
        ([0, 1, 6, 7], [{"reshape": [2, 6, 3]}, {"slice": [[1, 0, 2]]}, {"reshape": [4, 3]}]),
        ([1, 3, 5, 7, 9, 11], [{"reshape": [6, 2, 3]}, {"slice": [[1, 1, 2]]}, {"reshape": [6, 3]}]),
        ([0, 2], None),
        ([3, 1], None),
        ([], None),
    ],
)
def test_rows_are_a_view_where_there_is_one(chosen, expected) -> None:
    view = rows((12, 3), list(chosen))
    assert (None if view is None else view_json(view)) == expected
    if view is not None:
        x = torch.randn(12, 3)
        assert torch.equal(computed(view, x), x[list(chosen)])


def test_the_least_source_of_a_view() -> None:
    assert source_shape((narrow((0, 0, 8)), permute(1, 0)), (6, 8)) == (8, 6)
    assert source_shape((blocks(3), flip(0)), (6, 9)) == (6, 3)
    assert source_shape((reshape((2, 3)),), (2, 3)) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "array of steps"),
        ([{}], "one key"),
        ([{"turn": [0]}], "knows no step 'turn'"),
        ([{"permute": "x"}], "array of natural numbers"),
        ([{"permute": [-1]}], "natural numbers"),
        ([{"slice": [[0, 1]]}], r"\[axis, start, stop\]"),
        ([{"slice": 3}], "array"),
        ([{"embed": [1]}], "shape, start and step"),
        ([{"blocks": True}], "natural"),
    ],
)
def test_what_is_no_view_is_told(value, message: str) -> None:
    with pytest.raises(ViewError, match=message):
        parse_view(value)


@pytest.mark.parametrize(
    "step",
    [
        permute(0),
        narrow((2, 0, 1)),
        narrow((0, 0, 9)),
        reshape((5,)),
        flip(2),
        expand((5, 3)),
        embed((2,), (0,), (1,)),
        embed((2, 2), (0, 0), (1, 1)),
        blocks(3),
    ],
)
def test_a_step_that_does_not_fit_is_told(step) -> None:
    with pytest.raises(ViewError):
        viewed_shape((step,), (4, 3))
