"""The field `parameters` of hand-written artifacts: what is shared, a view, fixed, absent; and the hash."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from torchlean_core.artifact import artifact_hash, parse_graph
from torchlean_core.check import check_text
from torchlean_core.errors import UserError
from torchlean_core.graph import lower
from torchlean_core.init import default_plan, materialize
from torchlean_core.interp import Interpreter


def artifact(first: dict[str, Any], second: dict[str, Any], out: int = 4) -> str:
    """Two linear layers 4 -> 4 -> out with what is said of their parameters."""
    return json.dumps(
        {
            "format": "torchlean.ir.v1",
            "input_id": 0,
            "output_id": 2,
            "nodes": [
                {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
                {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 4], "parameters": first},
                {"id": 2, "kind": "linear", "parents": [1], "shape": [1, out], "parameters": second},
            ],
        }
    )


def program(first: dict[str, Any], second: dict[str, Any], out: int = 4):
    text = artifact(first, second, out)
    assert [f for f in check_text(text).findings if f.severity.name == "ERROR"] == []
    return lower(parse_graph(text))


def test_equal_names_are_one_tensor_under_the_first_use() -> None:
    found = program({"W": {"name": "w"}}, {"W": {"name": "w", "view": [{"permute": [1, 0]}]}})
    assert [p.name for p in found.parameters()] == ["linear_1_W", "linear_1_b", "linear_2_b"]
    tensors = materialize(found, default_plan(found))
    x = torch.randn(1, 4)
    w = tensors["linear_1_W"]
    torch.testing.assert_close(Interpreter(found, tensors).run(x), x @ w.T @ w)


def test_the_shape_of_a_tensor_of_which_there_are_only_parts_is_the_least_that_holds_them() -> None:
    found = program(
        {"W": {"name": "w", "view": [{"slice": [[0, 0, 4]]}]}},
        {"W": {"name": "w", "view": [{"slice": [[0, 4, 8]]}, {"permute": [1, 0]}]}},
    )
    assert found.parameters()[0].shape == (8, 4)


def test_a_reshape_alone_does_not_tell_the_shape_which_must_be_given() -> None:
    view = [{"reshape": [4, 4]}]
    with pytest.raises(
        UserError, match="the shape of 'w' does not follow from its views: give it as `shape`"
    ):
        program({"W": {"name": "w", "view": view}}, {})
    found = program({"W": {"name": "w", "view": view, "shape": [16]}}, {})
    assert found.parameters()[0].shape == (16,)


def test_absent_and_fixed_tensors_are_neither_drawn_nor_trained() -> None:
    found = program({"W": {"trainable": False}, "b": {"absent": True}}, {})
    assert [(p.name, p.trainable) for p in found.parameters()] == [
        ("linear_1_W", False),
        ("linear_2_W", True),
        ("linear_2_b", True),
    ]
    assert list(found.without) == ["linear_1_b"]
    kept = {"linear_1_W": torch.full((4, 4), 3.0)}
    tensors = materialize(found, default_plan(found), kept=kept)
    assert torch.equal(tensors["linear_1_W"], kept["linear_1_W"])


def test_a_use_that_does_not_train_lets_no_gradient_through() -> None:
    found = program({"W": {"name": "w"}}, {"W": {"name": "w", "trainable": False}})
    tensors = {name: t.requires_grad_() for name, t in materialize(found, default_plan(found)).items()}
    x = torch.randn(1, 4)
    Interpreter(found, tensors).function(tensors, x).sum().backward()
    w = tensors["linear_1_W"]
    expected = w.detach().sum(0)[:, None] * x
    torch.testing.assert_close(w.grad, expected)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "must be an object by role"),
        ({"W": 3}, "W must be an object"),
        ({"W": {"name": 3}}, "`name` of W must be text"),
        ({"W": {"trainable": "no"}}, "`trainable` of W must be true or false"),
        ({"W": {"absent": True}}, "W cannot be absent"),
        ({"W": {"name": "w", "view": [{"turn": 1}]}}, "knows no step 'turn'"),
        ({"W": {"name": "w", "view": [{"permute": [0, 0]}], "shape": [4, 4]}}, "no order of the axes"),
        (
            {"W": {"name": "w", "view": [{"slice": [[0, 0, 2]]}], "shape": [4, 4]}},
            r"shape \[2, 4\], expected \[4, 4\]",
        ),
        ({"W": {"derived": "w"}}, "`derived` of W must be an array of names"),
    ],
)
def test_what_is_malformed_is_told_where_it_is_used_and_no_error_of_the_importers(said, message: str) -> None:
    with pytest.raises(UserError, match=message):
        program(said, {})


def test_two_shapes_of_one_tensor_are_told() -> None:
    with pytest.raises(UserError, match=r"linear_2_W is a view of 'w' of shape \[4, 4\], expected \[3, 4\]"):
        program({"W": {"name": "w"}}, {"W": {"name": "w"}}, out=3)


def test_the_hash_counts_what_is_shared_and_not_how_it_is_called() -> None:
    def digest(*said: dict[str, Any]) -> str:
        return artifact_hash(parse_graph(artifact(*said)))

    one = digest({"W": {"name": "w"}}, {"W": {"name": "w"}})
    assert one == digest({"W": {"name": "v"}}, {"W": {"name": "v", "derived": ["z"]}})
    assert one != digest({"W": {"name": "w"}}, {"W": {"name": "v"}})
    assert one != digest({"W": {"name": "w"}}, {"W": {"name": "w", "trainable": False}})
