"""Entries written and added at known places, and the one rule for what is linear in its unknown operand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import EXACT, function
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.linear_rule import affine_of

EDGES = torch.tensor([[0, 1, 2, 3, 3], [1, 0, 3, 1, 2]])
PLACES = torch.tensor([2, 0, 2])


def _columns(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(2, 6)
    y[:, [0, 2, 4]] = x[:, :3]
    return y


def _into_input(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[0, [1, 3]] = x[1, [0, 2]] * 2
    y[1, 2] = 5.0
    return y


def _masked(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y[torch.tensor([[True, False, True, False], [False, False, True, True]])] = 0.5
    return y


def _pairs(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(4, 4)
    y[[0, 1, 2], [1, 2, 3]] = x[0, :3]
    return y + y.T


def _channels(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.ones(2, 3, 4)
    y[:, 1:] = x[:, None]
    y[0, :, [0, 3]] = x[:, :3].T
    return y


def _filled_memory(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    y[:, [0, 2]] = x[:, :2] * 2
    y[:, [3, 1]] = x[:, 2:]
    return y


PLACED: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "columns": _columns,
    "into the input": _into_input,
    "a number where a mask holds": _masked,
    "pairs": _pairs,
    "parts of axes": _channels,
    "scatter": lambda m, x: torch.zeros(2, 5).scatter(1, torch.tensor([[0, 2], [4, 1]]), x[:, 1:3]),
    "scatter a number": lambda m, x: x.scatter(1, torch.tensor([[0, 2], [3, 1]]), 7.0),
    "scatter_add": lambda m, x: torch.ones(3, 4).scatter_add(
        0, torch.tensor([[0, 1, 2, 0], [0, 0, 1, 2]]), x
    ),
    "scatter_reduce sum": lambda m, x: x.scatter_reduce(0, torch.zeros(2, 4, dtype=torch.long), x * x, "sum"),
    "scatter_reduce mean": lambda m, x: torch.zeros(1, 4).scatter_reduce(
        0, torch.zeros(2, 4, dtype=torch.long), x, "mean", include_self=False
    ),
    "index_add": lambda m, x: torch.zeros(4, 4).index_add(0, PLACES[:2], x),
    "index_add with a factor": lambda m, x: x.index_add(1, PLACES, x[:, :3], alpha=-2),
    "index_copy": lambda m, x: x.index_copy(1, torch.tensor([3, 1]), x[:, :2] + 1),
    "index_fill": lambda m, x: x.index_fill(1, torch.tensor([3, 1]), 2.5),
    "accumulated": lambda m, x: torch.zeros(4).index_put((PLACES,), x[0, :3], accumulate=True),
    "masked_scatter": lambda m, x: torch.zeros(2, 4).masked_scatter(torch.eye(4)[:2].bool(), x),
    "put": lambda m, x: torch.zeros(2, 4).put(torch.tensor([5, 1]), x[0, :2]),
    "diagonal_scatter": lambda m, x: torch.zeros(2, 2).diagonal_scatter(x[0, :2]),
    "messages": lambda m, x: torch.zeros(4, 2).index_add(0, EDGES[1], m.w[EDGES[0]] * x[0, :2]),
    "scatter_reduce amax": lambda m, x: x.scatter_reduce(
        1, torch.tensor([[0, 1, 0, 3], [2, 2, 2, 2]]), x * 2, "amax"
    ),
    "scatter_reduce amin of rows": lambda m, x: torch.ones(3, 4).scatter_reduce(
        0, torch.tensor([[2, 2, 2, 2], [0, 0, 0, 0]]), x, "amin", include_self=False
    ),
    "scatter_reduce prod": lambda m, x: torch.full((3,), 2.0).scatter_reduce(
        0, EDGES[0] % 3, x.sum() + m.w.flatten()[:5], "prod"
    ),
    "scatter_reduce amax over nothing": lambda m, x: torch.full((2,), -torch.inf).scatter_reduce(
        0, torch.tensor([0, 1, 1, 0]), x[0], "amax"
    ),
    "all of empty memory": _filled_memory,
    "index_reduce amax": lambda m, x: torch.zeros(4, 4).index_reduce(0, EDGES[1][:2], x, "amax"),
    "index_reduce mean": lambda m, x: torch.zeros(4, 4).index_reduce(0, EDGES[1][:2], x, "mean"),
    "a sparse matrix": lambda m, x: torch.sparse.mm(
        torch.sparse_coo_tensor(EDGES % 2, torch.ones(5), (2, 2)), x
    ),
    "fill_diagonal": lambda m, x: (x[:, :2] * 1.0).fill_diagonal_(3.0),
}


@pytest.mark.parametrize("name", PLACED)
def test_entries_at_known_places(name: str) -> None:
    found = function(PLACED[name], (2, 4), w=nn.Parameter(torch.randn(4, 2)))
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes, "gradients are those of the model"


def test_an_assignment_along_an_axis_is_a_selection_along_it() -> None:
    found = function(_columns, (2, 4))
    assert max(tensor.numel() for tensor in found.tensors.values()) <= 6 * 9


LINEAR: dict[str, tuple[tuple[int, ...], Callable[[Any, torch.Tensor], torch.Tensor]]] = {
    "a grid": ((1, 2, 5, 6), lambda m, x: F.grid_sample(x, m.grid, align_corners=False)),
    "a grid, nearest": (
        (1, 2, 5, 6),
        lambda m, x: F.grid_sample(x, m.grid, mode="nearest", align_corners=True),
    ),
    "a grid, reflected": (
        (1, 2, 5, 6),
        lambda m, x: F.grid_sample(x, m.grid, padding_mode="reflection", align_corners=True),
    ),
    "a volume's grid": (
        (1, 1, 3, 3, 3),
        lambda m, x: F.grid_sample(
            x, F.affine_grid(m.theta, [1, 1, 2, 2, 2], align_corners=True), align_corners=True
        ),
    ),
    "a triangular system": ((4, 3), lambda m, x: torch.linalg.solve_triangular(m.lower, x, upper=False)),
    "from the right": (
        (3, 4),
        lambda m, x: torch.linalg.solve_triangular(m.lower, x, upper=False, left=False),
    ),
    "a Cholesky factor": ((4, 3), lambda m, x: torch.cholesky_solve(x, m.lower)),
    "a system": ((4, 3), lambda m, x: torch.linalg.solve(m.lower + m.lower.T, x)),
    "fold": ((1, 8, 9), lambda m, x: F.fold(x, (4, 4), 2)),
    "unfold": ((1, 2, 4, 5), lambda m, x: F.unfold(x, 3, padding=1, stride=2)),
    "take": ((2, 6), lambda m, x: x.take(torch.tensor([[0, 11], [3, 4]]))),
    "rot90": ((2, 3, 4), lambda m, x: x.rot90(1, (1, 2))),
    "renormalized rows": ((3, 4), lambda m, x: torch.trapezoid(x, dim=1)),
    "differences": ((3, 6), lambda m, x: x.diff(n=2, dim=1)),
    "upsampled without a lowering": (
        (1, 2, 4, 4),
        lambda m, x: F.interpolate(x, (7, 5), mode="nearest-exact"),
    ),
    "a bag of embeddings": (
        (5, 3),
        lambda m, x: F.embedding_bag(torch.tensor([[0, 2], [1, 4]]), x, mode="mean"),
    ),
    "strided": ((4, 4), lambda m, x: x.as_strided((3, 2), (4, 2))),
}


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_in_one_operand_is_a_matrix(name: str) -> None:
    shape, forward = LINEAR[name]
    torch.manual_seed(1)
    state = {
        "grid": torch.rand(1, 3, 4, 2) * 2.2 - 1.1,
        "theta": torch.tensor([[[0.9, 0.1, 0.0, 0.1], [0.0, 1.1, 0.2, 0.0], [0.3, 0.0, 0.8, 0.0]]]),
        "lower": torch.randn(4, 4).tril() + 3 * torch.eye(4),
    }
    found = function(forward, shape, **state)
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes


def test_a_matrix_of_a_parameter_says_what_it_was_computed_from() -> None:
    lower = nn.Parameter(torch.randn(4, 4).tril() + 3 * torch.eye(4))
    found = function(lambda m, x: torch.linalg.solve_triangular(m.w, x, upper=False), (4, 3), w=lower)
    assert [note.code for note in found.notes] == ["TL407"]
    assert "computed from `w`" in found.notes[0].message


def test_parts_of_axes_that_are_treated_alike_share_a_matrix() -> None:
    matrix = torch.randn(3, 5, dtype=torch.float64)
    found = affine_of(lambda x: torch.einsum("oi,bict->boct", matrix, x) + 1.0, (2, 5, 3, 4))
    assert found is not None
    assert (found.lead, found.tail) == (2, 12)
    torch.testing.assert_close(found.matrix, matrix)
    assert bool((found.shift == 1.0).all())


NOT_LINEAR: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a sort": lambda x: x.sort(-1).values,
    "a threshold far out": lambda x: x.clamp(-1e60, 1e60),
    "a threshold near 0": lambda x: F.softshrink(x, 1e-100),
    "a square": lambda x: x * x,
    "a norm": lambda x: x.norm(dim=-1, keepdim=True) * torch.ones_like(x),
    "steps": torch.floor,
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_what_is_not_linear_has_no_matrix(name: str) -> None:
    assert affine_of(NOT_LINEAR[name], (3, 4)) is None


def test_a_matrix_that_is_too_large_is_refused() -> None:
    grid = torch.rand(1, 80, 80, 2)
    with pytest.raises(CaptureError, match="grid_sampler_2d"):
        function(lambda m, x: F.grid_sample(x, m.grid, align_corners=False), (1, 1, 80, 80), grid=grid)


def test_a_part_is_no_reshape() -> None:
    """The matrix of the first entries has ones on its diagonal, and is not square."""
    result = function(lambda m, x: torch.narrow_copy(x, 0, 0, 1), (4,))
    assert result.verification is not None and result.verification.max_relative_error <= EXACT


def _filled_diagonal(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x[:, :1].clone()
    y.fill_diagonal_(0.5)
    return y


def test_a_diagonal_of_a_column_is_filled() -> None:
    result = function(_filled_diagonal, (10, 6))
    assert result.verification is not None and result.verification.max_relative_error <= EXACT
