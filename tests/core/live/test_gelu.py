"""GELU gets its tanh form where the one that was refused is written, and nowhere else."""

from __future__ import annotations

import pytest

from torchlean_core.capture.errors import Span
from torchlean_core.live.gelu import tanh_gelu

HEAD = (
    "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom torch.nn import GELU as Act\n"
)
FUNCTION = f"{HEAD}def f(x):\n    "
NET = f"""{HEAD}
class Other(nn.Module):
    def __init__(self):
        self.act = nn.GELU()
        self.made = Act()

class Net(nn.Module):
    def __init__(self):
        self.act = nn.GELU()
        self.second = Act()
        self.told = nn.GELU(approximate="none")
        self.net = nn.Sequential(nn.Linear(2, 2), torch.nn.GELU(), nn.Sequential(nn.GELU('none')))
        self.lib = Library()
        self.twice = nn.GELU()
        self.twice = nn.ReLU()

    def forward(self, x):
        return self.call(x)

def make():
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU())
    return model
"""


def span_of(text: str, part: str) -> Span:
    number, line = next((n, line) for n, line in enumerate(text.split("\n"), 1) if part in line)
    start = line.index(part)
    return Span(number, start, number, start + len(part))


def rewritten(text: str, part: str, *modules: str) -> str | None:
    found = tanh_gelu(text, span_of(text, part), modules)
    if found is None:
        return None
    assert "changes numbers" in found.title
    lines = text.split("\n")
    for line, start, end, new in sorted(found.edits, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new + lines[line - 1][end:]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("F.gelu(x)", 'F.gelu(x, approximate="tanh")'),
        ("F.gelu(é)", 'F.gelu(é, approximate="tanh")'),
        ("F.gelu(input=x)", 'F.gelu(input=x, approximate="tanh")'),
        ("F.gelu(x, approximate='none')", 'F.gelu(x, approximate="tanh")'),
        ("torch.nn.functional.gelu(F.gelu(x))", 'torch.nn.functional.gelu(F.gelu(x), approximate="tanh")'),
    ],
)
def test_a_call_of_gelu_gets_the_tanh_form_in_its_place(before: str, after: str) -> None:
    text = f"{FUNCTION}é = x; y = {before}\n    z = F.gelu(y)\n"
    assert rewritten(text, before) == text.replace(before, after)


@pytest.mark.parametrize(
    "call", ["F.gelu(*x)", "F.gelu(**x)", "F.relu(x)", "self.gelu(x)", "F.gelu(x, approximate=a)"]
)
def test_other_calls_are_left_alone(call: str) -> None:
    assert rewritten(f"{FUNCTION}y = {call}\n    return nn.GELU()(y)\n", call) is None


@pytest.mark.parametrize(
    ("modules", "line", "after"),
    [
        (["act"], "self.act = nn.GELU()", 'self.act = nn.GELU(approximate="tanh")'),
        (
            ["blocks.0.second", "blocks.1.second"],
            "self.second = Act()",
            'self.second = Act(approximate="tanh")',
        ),
        (["told"], 'approximate="none"', 'approximate="tanh"'),
        (["net.1"], "torch.nn.GELU()", 'torch.nn.GELU(approximate="tanh")'),
        (["net.2.0"], "nn.GELU('none')", 'nn.GELU("tanh")'),
    ],
)
def test_a_module_is_changed_where_its_class_makes_it(modules: list[str], line: str, after: str) -> None:
    head, own = NET.split("class Net")
    expected = f"{head}class Net{own.replace(line, after, 1)}"
    assert rewritten(NET, "self.call(x)", *modules) == expected


@pytest.mark.parametrize(
    "modules", [[], ["lib.act"], ["net.0"], ["net.7"], ["twice"], ["missing"], ["act", "missing"]]
)
def test_nothing_is_changed_where_what_was_refused_is_not_found(modules: list[str]) -> None:
    assert rewritten(NET, "self.call(x)", *modules) is None


def test_a_function_that_makes_a_chain_is_changed_at_its_place() -> None:
    expected = NET.replace("nn.Linear(4, 4), nn.GELU()", 'nn.Linear(4, 4), nn.GELU(approximate="tanh")')
    assert rewritten(NET, "make", "1") == expected


def test_a_text_that_does_not_parse_is_left_alone() -> None:
    assert rewritten("y = (F.gelu(x)\n", "F.gelu(x)") is None
