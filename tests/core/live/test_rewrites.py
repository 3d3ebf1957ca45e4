"""Rewrites of Python source: each is run against what it replaces."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from torchlean_core.capture.errors import Span
from torchlean_core.live.rewrites import rewrites

HEAD = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
GT, ERF, SIGN, GELU = "aten.gt.Scalar", "aten.erf.default", "aten.sign.default", "aten.gelu.default"


def edited(text: str, edits: tuple[tuple[int, int, int, str], ...]) -> str:
    lines = text.split("\n")
    for line, start, end, new in sorted(edits, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new + lines[line - 1][end:]
    return "\n".join(lines)


def rewritten(text: str, operator: str, marked: str) -> tuple[str, str] | None:
    """The title and the text after the only rewrite of what is marked by its own text."""
    line = next(number for number, one in enumerate(text.split("\n"), 1) if marked in one)
    start = text.split("\n")[line - 1].index(marked)
    found = rewrites(text, operator, Span(line, start, line, start + len(marked)))
    return (found[0].title, edited(text, found[0].edits)) if found else None


def expression(operator: str, text: str, marked: str) -> tuple[str, str]:
    """The title, and the expression after the rewrite."""
    found = rewritten(f"{HEAD}def f(x):\n    return {text}\n", operator, marked)
    assert found is not None
    return found[0], found[1].split("return ")[1].strip()


def value(text: str, x: torch.Tensor) -> Any:
    scope = {"torch": torch, "math": math, "F": torch.nn.functional, "x": x}
    return eval(text, scope)


@pytest.mark.parametrize(
    ("text", "marked", "after"),
    [
        ("torch.where(x > 0, x, 0)", "x > 0", "F.relu(x)"),
        ("torch.where(x >= 0, x, torch.zeros_like(x))", "x >= 0", "F.relu(x)"),
        ("torch.where(x < 0, torch.zeros_like(x), x)", "x < 0", "F.relu(x)"),
        ("torch.where(0 < x, x, 0.1 * x)", "0 < x", "F.leaky_relu(x, 0.1)"),
        ("torch.where(x > 0, x, -x / 4)", "x > 0", "F.leaky_relu(x, -0.25)"),
        ("torch.where(x <= 0, x * 0.2, x)", "x <= 0", "F.leaky_relu(x, 0.2)"),
        ("torch.where(x > 0.5, x, 0.5)", "x > 0.5", "x.clamp(min=0.5)"),
        ("torch.where(x > 0.5, 0.5, x)", "x > 0.5", "x.clamp(max=0.5)"),
        ("torch.where(x < -1, x, -1.0)", "x < -1", "x.clamp(max=-1.0)"),
        ("x * (x > 0)", "x > 0", "F.relu(x)"),
        ("(x > 0).float() * x", "x > 0", "F.relu(x)"),
        ("1 + torch.where(x > 0, x, 0) * 2", "x > 0", "1 + F.relu(x) * 2"),
    ],
)
def test_a_step_that_is_none_is_written_as_what_it_is_and_gives_the_same(text, marked, after):
    title, now = expression(GT, text, marked)
    assert now == after and title.endswith("(the same)")
    x = torch.cat(
        [torch.randn(1000, generator=torch.Generator().manual_seed(1)), torch.tensor([0.0, 0.5, -1.0])]
    )
    torch.testing.assert_close(value(now, x), value(text, x), rtol=1e-6, atol=0)


@pytest.mark.parametrize("text", ["x * torch.sign(x)", "x.sign() * x"])
def test_a_number_times_its_sign_is_its_magnitude(text):
    title, now = expression(SIGN, text, "torch.sign(x)" if "torch" in text else "x.sign()")
    assert now == "x.abs()" and title.endswith("(the same)")
    x = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(value(now, x), value(text, x))


@pytest.mark.parametrize(
    "text",
    [
        "0.5 * x * (1 + torch.erf(x / math.sqrt(2)))",
        "x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))",
        "x * (torch.erf(x * 0.70710678) + 1) / 2",
        "0.5 * (1 + (x / 2 ** 0.5).erf()) * x",
    ],
)
def test_gelu_by_hand_gets_its_tanh_form_which_is_near(text):
    erf = (
        text[text.index("torch.erf(") : text.index(")", text.index("erf(")) + 1] if "torch" in text else "erf"
    )
    title, now = expression(ERF, text, erf)
    assert now == 'F.gelu(x, approximate="tanh")' and title.endswith("(changes numbers)")
    x = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(value(now, x), value(text, x), rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.nn.functional.gelu(x), value(text, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("operator", "text", "marked"),
    [
        (GT, "torch.where(x > 0, x, 1)", "x > 0"),
        (GT, "torch.where(x > 0, x, y)", "x > 0"),
        (GT, "torch.where(x > 1, x, 0.5 * x)", "x > 1"),
        (GT, "torch.where(x < 0, x, 0.5)", "x < 0"),
        (GT, "torch.where(f(x) > 0, f(x), 0)", "f(x) > 0"),
        (GT, "x * (x < 0)", "x < 0"),
        (GT, "y * (x > 0)", "x > 0"),
        (GT, "jnp.where(x > 0, x, 0)", "x > 0"),
        (ERF, "torch.erf(x)", "torch.erf(x)"),
        (ERF, "0.5 * x * (1 + torch.erf(x))", "torch.erf(x)"),
        (ERF, "0.5 * y * (1 + torch.erf(x / math.sqrt(2)))", "torch.erf"),
        (ERF, "x * (1 + torch.erf(x / math.sqrt(2)))", "torch.erf"),
        (ERF, "0.5 * x * (1 - torch.erf(x / math.sqrt(2)))", "torch.erf"),
        (SIGN, "y * torch.sign(x)", "torch.sign(x)"),
    ],
)
def test_what_is_not_known_to_be_equal_is_left_alone(operator, text, marked):
    assert rewritten(f"{HEAD}def f(x):\n    return {text}\n", operator, marked) is None


def test_without_a_name_for_the_functions_nothing_is_written():
    text = "from torch import where\n\ndef f(x):\n    return x * (x > 0)\n"
    assert rewritten(text, GT, "x > 0") is None
    assert rewritten(text.replace("from torch import where", "from torch import nn"), GT, "x > 0") is not None


def test_the_gelu_of_a_transformer_layer_becomes_the_tanh_form_also_on_its_fast_path():
    text = (
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n"
        '        self.layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)\n\n'
        "    def forward(self, x):\n        return self.layer(x)\n"
    )
    found = rewritten(text, GELU, "self.layer(x)")
    assert found is not None and "changes numbers" in found[0]
    assert 'activation=functools.partial(torch.nn.functional.gelu, approximate="tanh")' in found[1]
    models = []
    for source in (text, found[1]):
        scope: dict[str, Any] = {}
        exec(source, scope)
        torch.manual_seed(0)
        models.append(scope["Net"]().eval())
    x = torch.randn(2, 3, 8)
    with torch.no_grad():  # the fast path
        before, after = (model(x) for model in models)
    plain = models[1](x)  # with gradients there is no fast path
    torch.testing.assert_close(after, plain, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(after, before, rtol=0, atol=5e-3)
    assert not torch.equal(after, before)
