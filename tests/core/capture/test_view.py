"""A Python document while it is typed: the same trees as parsing it all gives, and models that move along."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from torchlean_core.capture.models import find_models
from torchlean_core.capture.pyfile import parse
from torchlean_core.capture.view import PythonView

FILE = Path("/nowhere/model.py")
SOURCE = '''\
"""Models."""
from torch import nn
a = 1; b = (2,
    3); c = 4

# torchlean: example-shape=1,4
@decorated
class A(nn.Module):
    """Text
class Fake(nn.Module): pass
    """

    def forward(self, x):
        if x:
            return x
        else:
            return (x,
                    x)


if a:
    b = 2
else:
    b = 3


class B(A):
    def __init__(self, width):
        pass


def build():
    return B(
        4
    )


class C(B):
    text = """
    """

    def forward(self, x): return x
'''


def shown(models) -> list[tuple]:
    return [(model.name, model.first_line, model.last_line, model.forward_line) for model in models]


@pytest.fixture
def view() -> PythonView:
    view = PythonView(FILE)
    view.update(SOURCE)
    return view


def test_a_text_that_parses_gives_what_reading_it_gives(view: PythonView) -> None:
    assert view.parses and view.models == find_models(SOURCE, FILE)
    assert [model.name for model in view.models] == ["A", "B", "C"]


def test_while_the_text_does_not_parse_models_move_with_the_lines_above_them(view: PythonView) -> None:
    before = {model.name: model for model in view.models}
    typed = SOURCE.replace("if a:\n    b = 2\n", "x = (\n\nif a:\n    b = 2\n")
    models = {model.name: model for model in view.update(typed)}
    assert not view.parses
    assert models["A"] == before["A"]
    assert models["B"].first_line == before["B"].first_line + 2
    assert models["C"].name_span.line == typed.split("\n").index("class C(B):")
    assert models["C"].last_line == before["C"].last_line + 2
    assert models["C"].forward_line == before["C"].forward_line + 2
    assert view.line_of_good(models["C"].first_line) == before["C"].first_line
    assert view.line_of_good(typed.split("\n").index("x = (")) is None


def test_a_model_whose_own_head_is_typed_keeps_its_place_and_one_that_is_deleted_is_gone(
    view: PythonView,
) -> None:
    models = view.update(SOURCE.replace("class B(A):", "class B(A, nn.:"))
    assert [model.name for model in models] == ["A", "B", "C"]
    typed = SOURCE.replace("class B(A):\n    def __init__(self, width):\n        pass\n", "class (\n")
    assert [model.name for model in view.update(typed)] == ["A", "C"]
    assert [model.name for model in view.update("class (")] == []
    assert view.update(SOURCE) == find_models(SOURCE, FILE)


def test_a_model_that_grows_while_it_is_typed_reaches_to_its_end(view: PythonView) -> None:
    typed = SOURCE.replace("        pass\n", "        pass\n        x = (\n        y = 3\n")
    (model,) = [model for model in view.update(typed) if model.name == "B"]
    assert typed.split("\n")[model.last_line] == "        y = 3"


def test_a_directive_moves_with_its_model(view: PythonView) -> None:
    models = view.update("x = (\n" + SOURCE)
    assert [one.line for one in models[0].directives] == [6]
    assert models[0].example_shape == (1, 4)


def test_a_text_that_never_parsed_has_no_models() -> None:
    view = PythonView(FILE)
    assert view.update("class A(nn.Module):\n  def (") == []
    assert view.file is None and view.line_of_good(0) is None


def test_other_files_are_looked_at_again_although_the_text_is_the_same(tmp_path: Path) -> None:
    view = PythonView(tmp_path / "model.py")
    source = "from base import Base\nclass Net(Base): pass\n"
    assert view.update(source) == []
    (tmp_path / "base.py").write_text("from torch import nn\nclass Base(nn.Module): pass\n")
    assert [model.name for model in view.update(source)] == ["Net"]


PIECES = [
    "\n", " ", "    ", "(", ")", ":", '"""', "'", "x", "1", "#", ",", "class Z(nn.Module): pass", "else:", "@d", "\\",
    "def f(): pass", "\t", "\f", "é", ";", "\r", "if a:", "return x", "async ", "\u2028", "{", "}",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_parsing_what_changed_gives_the_tree_of_the_whole(seed: int) -> None:
    """Random edits, each from a text that parses: pieces put in, characters and lines taken out."""
    rng = random.Random(seed)
    view = PythonView(FILE)
    text = SOURCE
    view.update(text)
    for _ in range(60):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 0, 0, 1, 1, 4, 30)))
        edited = text[:start] + rng.choice(["", *PIECES, *PIECES]) + text[end:]
        view.update(edited)
        whole = parse(edited)
        assert view.parses == (whole is not None), edited
        if whole is not None:
            assert view.file is not None
            assert ast.dump(view.file.tree, include_attributes=True) == ast.dump(
                whole, include_attributes=True
            )
            assert shown(view.models) == shown(find_models(edited, FILE))
            text = edited
