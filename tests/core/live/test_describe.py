"""What is told of the name or expression at a place."""

from __future__ import annotations

import pytest

from tests.core.live.records import SOURCE, bound, line, view
from torchlean_core.capture.record import Bound, Seen
from torchlean_core.live.describe import describe, markdown


def told(text: str, *views) -> str | None:
    """The hover at the mark of a line of the model's text."""
    before, _, after = text.partition("▮")
    content = before + after
    number = next(i for i, one in enumerate(SOURCE.split("\n"), 1) if one.strip() == content)
    found = describe(views or [view()], number, SOURCE.split("\n")[number - 1].index(content) + len(before))
    return markdown(found, lambda one, node: f"node {node}") if found else None


def test_a_name_that_is_bound_has_its_shape():
    assert told("▮h = self.hidden(x)") == "`h`: `[1, 8]` float32"


def test_a_name_that_is_read_has_the_shape_that_it_was_bound_to():
    assert told("h = self.hidden(▮x)") == "`x`: `[1, 4]` float32"
    assert told("return torch.nn.functional.gelu(▮h)") == "`h`: `[1, 8]` float32"
    assert told("def forward(self, ▮x):") == "`x`: `[1, 4]` float32"


def test_a_call_has_its_shape_operators_and_nodes():
    text = told("h = self.hid▮den(x)")
    assert text == ("`self.hidden(x)`: `[1, 8]` float32\n\nbecame node 1\n\noperators: `aten.linear.default`")


def test_a_name_of_a_tuple_has_its_parts():
    parts = (line(11, bound("h[0]", (1, 8)), bound("h[1]", (2, 8))),)
    assert told("▮h = self.hidden(x)", view(lines=parts)) == (
        "`h`\n\n- `h[0]` `[1, 8]` float32 ×1\n- `h[1]` `[2, 8]` float32 ×1"
    )


def test_values_for_several_modules_name_them():
    values = Bound("h", (Seen((1, 8), count=2, modules=("net.0", "net.1")), Seen((1, 4), modules=("net.2",))))
    assert told("▮h = self.hidden(x)", view(lines=(line(11, values),))) == (
        "`h`\n\n- `[1, 8]` float32 ×2 in net.0, net.1\n- `[1, 4]` float32 ×1 in net.2"
    )


def test_models_that_tell_the_same_are_not_told_apart():
    assert told("▮h = self.hidden(x)", view(), view(name="Other")) == "`h`: `[1, 8]` float32"
    other = view(name="Other", lines=(line(11, bound("h", (9,))),))
    assert told("▮h = self.hidden(x)", view(), other) == (
        "**Net**\n\n`h`: `[1, 8]` float32\n\n---\n\n**Other**\n\n`h`: `[9]` float32"
    )


@pytest.mark.parametrize("text", ["super().▮__init__()", "▮import torch"])
def test_nothing_is_told_of_what_was_not_recorded(text):
    assert told(text) is None


@pytest.mark.parametrize(
    "statement", ["for y in x:", "if x is None:", "elif x is None:", "else:", "with f(x) as y:", "y += x"]
)
def test_headers_of_statements_are_read(statement):
    indent = " " * 8
    above = f"if a:\n{indent}    pass\n{indent}" if statement.startswith("el") else ""
    below = f"\n{indent}    pass" if statement.endswith(":") else ""
    source = SOURCE.replace("h = self.hidden(x)", above + statement + below)
    number = 11 + above.count("\n")
    lines = (line(10, bound("x", (1, 4))), line(number))
    column = 8 + statement.find("x")
    found = describe([view(source, source, lines=lines, expressions=())], number, column)
    assert [one.title for one in found] == (["x"] if "x" in statement else [])


def read(source: str, lines: tuple, number: int, column: int, now: str | None = None) -> str | None:
    """What is told of a place of a model's text."""
    found = describe([view(now or source, source, lines=lines, expressions=())], number, column)
    return markdown(found, lambda one, node: f"node {node}") if found else None


def test_a_name_on_the_right_of_its_own_assignment_is_what_it_was_before_and_on_the_left_what_it_is_behind():
    source = SOURCE.replace("h = self.hidden(x)", "x = self.hidden(x)")
    lines = (line(10, bound("x", (1, 4))), line(11, bound("x", (1, 8))))
    assert read(source, lines, 11, 8) == "`x`: `[1, 8]` float32"
    assert read(source, lines, 11, 24) == "`x`: `[1, 4]` float32"


def test_a_name_in_a_branch_is_what_that_branch_bound():
    body = "if a:\n            x = f(x)\n        else:\n            y = g(x)"
    source = SOURCE.replace("h = self.hidden(x)", body)
    lines = (line(10, bound("x", (1, 4))), line(12, bound("x", (1, 8))), line(14, bound("y", (1, 2))))
    assert read(source, lines, 14, 18) == "`x`: `[1, 4]` float32"


def test_a_name_in_a_loop_is_what_it_was_before_and_what_the_loop_made_of_it():
    body = "for a in self.b:\n            y = f(x)\n            x = g(y)"
    source = SOURCE.replace("h = self.hidden(x)", body)
    lines = (
        line(10, bound("x", (1, 4))),
        line(11),
        line(12, bound("y", (1, 6))),
        line(13, bound("x", (1, 8))),
    )
    assert read(source, lines, 12, 18) == "`x`\n\n- `[1, 4]` float32 ×1\n- `[1, 8]` float32 ×1"
    assert read(source, lines, 13, 18) == "`y`: `[1, 6]` float32"


def test_a_name_that_an_edited_line_may_have_bound_is_not_known():
    source = SOURCE.replace("gelu(h)", "gelu(h) + 1")
    now = source.replace("self.hidden(x)", "self.other(x)")
    lines = (line(10, bound("x", (1, 4))), line(11, bound("h", (1, 8))), line(12, bound("return", (1, 8))))
    column = SOURCE.split("\n")[11].index("gelu(h)") + 5
    assert read(source, lines, 12, column) == "`h`: `[1, 8]` float32"
    assert read(source, lines, 12, column, now) is None


def test_while_the_text_does_not_parse_the_text_that_ran_tells():
    now = SOURCE + "\n    def (\n"
    column = SOURCE.split("\n")[11].index("gelu(h)") + 5
    lines = (line(10, bound("x", (1, 4))), line(11, bound("h", (1, 8))), line(12, bound("return", (1, 8))))
    assert read(SOURCE, lines, 12, column, now) == "`h`: `[1, 8]` float32"
