"""The example shape that a model's first layers suggest."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.capture.guess import guess_shape
from torchlean_core.capture.pyfile import PythonFile, parse

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nWIDTH = 4\nSIZES = (6, 7)\n"


def guess(init: str, forward: str, parameters: str = "", more: str = ""):
    def indented(text: str) -> str:
        return "".join(f"        {line}\n" for line in text.splitlines())

    source = (
        f"{HEAD}{more}\nclass Net(nn.Module):\n    def __init__(self{parameters}):\n        super().__init__()\n"
        f"{indented(init)}    def forward(self, x):\n{indented(forward)}"
    )
    tree = parse(source)
    assert tree is not None, source
    return guess_shape(PythonFile(Path("/nowhere/model.py"), source, tree), "Net")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("nn.Linear(4, 8)", (1, 4)),
        ("nn.Linear(in_features=WIDTH * 2, out_features=8)", (1, 8)),
        ("nn.Linear(SIZES[-1], 8)", (1, 7)),
        ("nn.Linear(2 ** 3 // 2 - 1, 8)", (1, 3)),
        ("torch.nn.Linear(4, 8)", (1, 4)),
        ("nn.Conv2d(3, 8, 3)", (1, 3, 32, 32)),
        ("nn.Conv1d(3, 8, 3)", (1, 3, 64)),
        ("nn.LSTM(5, 8, batch_first=True)", (1, 8, 5)),
        ("nn.GRU(5, 8)", (8, 1, 5)),
        ("nn.TransformerEncoderLayer(16, 2, batch_first=True)", (1, 8, 16)),
        ("nn.LayerNorm(5)", (1, 5)),
        ("nn.BatchNorm1d(5)", (1, 5)),
        ("nn.BatchNorm2d(5)", (1, 5, 32, 32)),
        ("nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(9, 2)))", (1, 9)),
        ("nn.Sequential(nn.Flatten(), nn.Linear(784, 2))", (1, 1, 28, 28)),
        ("nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))", (1, 3, 32, 32)),
        ("nn.Sequential(nn.Flatten(), nn.Linear(10, 2))", (1, 10)),
        ("nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 2))", (1, 1, 28, 28)),
        ("nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))",
         (1, 1, 32, 32)),
    ],
)  # fmt: skip
def test_the_first_layer_tells(layer: str, shape: tuple[int, ...]) -> None:
    found = guess(f"self.net = {layer}", "return self.net(x)")
    assert found is not None and found.shape == shape


@pytest.mark.parametrize(
    ("forward", "shape"),
    [
        ('"""Doc."""\nx = F.relu(x)\nx = self.fc(x)\nreturn torch.tanh(x)', (1, 4)),
        ("y = F.relu(self.fc(x.float()))\nif y: pass\nreturn y", (1, 4)),
        ("return self.fc(torch.flatten(x, 1)).relu()", (1, 4)),
        ("for layer in self.layers:\n    x = layer(x)\nreturn x", (1, 5)),
        ("a = 3\nreturn self.fc(x)", (1, 4)),
        ("return self.inner(x)", (1, 6)),
        ("return nn.Linear(3, 3)(x)", (1, 3)),
    ],
)
def test_forward_is_followed_as_far_as_it_is_a_chain(forward: str, shape: tuple[int, ...]) -> None:
    init = """\
self.fc = nn.Linear(4, 4)
self.layers = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 6)])
self.inner = Inner(6)"""
    more = """
class Inner(nn.Module):
    def __init__(self, width, out=2):
        super().__init__()
        self.width = width
        self.fc = nn.Linear(self.width, out)
    def forward(self, x):
        return self.fc(x)
"""
    found = guess(init, forward, more=more)
    assert found is not None and found.shape == shape


def test_a_default_of_the_constructor_is_a_value_and_the_reason_is_said() -> None:
    found = guess("self.fc = nn.Linear(width, 2)", "return self.fc(x)", ", width=WIDTH * 3")
    assert found is not None
    assert found == ((1, 12), "nn.Linear(width, 2) in line 10")


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        ("self.e = nn.Embedding(10, 4)", "return self.e(x)"),
        ("self.fc = nn.Linear(width, 4)", "return self.fc(x)"),
        ("self.fc = nn.Linear(*sizes)", "return self.fc(x)"),
        ("self.fc = nn.LazyLinear(4)", "return self.fc(x)"),
        ("self.fc = nn.Linear(4, 4)", "return self.fc(x.permute(0, 2, 1))"),
        ("self.fc = nn.Linear(4, 4)", "return x + self.fc(x)"),
        ("self.fc = nn.Linear(4, 4)", "if x: return self.fc(x)"),
        ("self.fc = other.Linear(x)", "return self.fc(x)"),
        ("pass", "return x"),
        ("pass", "return self(x)"),
        ("self.fc = nn.Sequential(nn.Linear(4, 5), nn.Linear(6, 2))", "return self.fc(x)"),
    ],
)
def test_where_nothing_tells_nothing_is_guessed(init: str, forward: str) -> None:
    assert guess(init, forward, ", width") is None


def test_a_model_in_itself_ends() -> None:
    assert guess("self.net = Net()", "return self.net(x)") is None
