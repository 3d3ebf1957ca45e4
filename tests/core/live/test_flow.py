"""Which statements may have bound a name that is read."""

from __future__ import annotations

import pytest

from torchlean_core.live.flow import reaching

HEAD = "def forward(self, x):\n"


def bound_by(body: str, name: str = "x") -> set[int] | None:
    """Lines that may have bound a name before the line with the mark."""
    text = HEAD + body
    line = next(number for number, one in enumerate(text.split("\n"), 1) if "▮" in one)
    return reaching(text.replace("▮", ""), line, name)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (" ▮return f(x)\n", {1}),
        (" x = f(x)\n ▮x = f(x)\n", {2}),
        (" ▮x = f(x)\n", {1}),
        (" if a:\n  x = f(x)\n else:\n  ▮y = g(x)\n", {1}),
        (" if a:\n  x = f(x)\n  ▮y = x\n else:\n  x = g(x)\n", {3}),
        (" if a:\n  x = f(x)\n else:\n  x = g(x)\n ▮return x\n", {3, 5}),
        (" if a:\n  x = f(x)\n ▮return x\n", {1, 3}),
        (" if a:\n  x = f(x)\n  return x\n ▮return x\n", {1}),
        (" for layer in a:\n  ▮y = f(x)\n  x = g(y)\n return x\n", {1, 4}),
        (" for layer in a:\n  x = g(y)\n  ▮y = f(x)\n return x\n", {3}),
        (" for layer in a:\n  x = g(x)\n ▮return x\n", {1, 3}),
        (" for x in ▮x:\n  pass\n", {1}),
        (" for x in a:\n  ▮f(x)\n", {2}),
        (" for x in a:\n  pass\n ▮f(x)\n", {1, 2}),
        (" while ▮f(x):\n  x = g(x)\n", {1, 3}),
        (" while True:\n  x = g(x)\n  if a:\n   break\n  x = h(x)\n ▮return x\n", {3}),
        (" for y in a:\n  x = g(x)\n  if a:\n   continue\n  x = h(x)\n ▮return x\n", {1, 3, 6}),
        (" try:\n  x = f(x)\n  x = g(x)\n except E:\n  ▮y = x\n", {1, 3, 4}),
        (" try:\n  x = f(x)\n finally:\n  ▮y = x\n", {1, 3}),
        (" with a as x:\n  ▮y = x\n", {2}),
        (" match a:\n  case 1:\n   x = f(x)\n ▮return x\n", {1, 4}),
        (" x = f(\n  x\n )\n ▮return x\n", {2}),
        (" def x():\n  pass\n ▮return x\n", {2}),
        (" def inner(x):\n  ▮return x\n return inner(x)\n", {2}),
    ],
)
def test_the_statements_that_reach_a_read(body: str, lines: set[int]) -> None:
    assert bound_by(body) == lines


def test_nothing_is_known_outside_of_functions_or_of_what_does_not_parse() -> None:
    assert reaching("x = 1\ny = x\n", 2, "x") is None
    assert reaching("def f(x):\n return (\n", 2, "x") is None
