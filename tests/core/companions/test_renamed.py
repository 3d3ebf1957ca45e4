"""A model that was renamed: the file does not have it any more, and what it has is said and offered."""

from __future__ import annotations

import pytest

from torchlean_core.companions.model import model_findings
from torchlean_core.companions.remedies import remedies

HEAD = "from torch import nn\n"


def model(name):
    return f"class {name}(nn.Module):\n    def forward(self, x):\n        return x\n"


@pytest.mark.parametrize(
    ("text", "message", "offered"),
    [
        (
            HEAD + model("Other"),
            "net.py has no Net any more, from which this artifact was captured; it has Other",
            "Other",
        ),
        (HEAD + model("A") + model("B"), "it has A and B", None),
        (HEAD, "it has no model", None),
        (
            HEAD + model("Net").replace("x", "y"),
            "net.py changed since Net was captured from it; capture again",
            "Net",
        ),
        (HEAD + model("Other") + "Net = Other\n", "net.py changed since Net was captured from it", "Net"),
        ("class Other(:\n", "net.py changed since Net was captured from it", "Net"),
    ],
)
def test_what_there_is_in_its_place_is_said(tmp_path, text, message, offered):
    (tmp_path / "net.py").write_text(text)
    recorded = {"file": "net.py", "class": "Net", "sha256": "0" * 64, "example_shape": [1, 4]}
    [finding] = model_findings(tmp_path / "m.ir.json", {"captured_from": recorded})
    assert message in finding.message
    assert [remedy.arguments["name"] for remedy in remedies(finding)] == ([offered] if offered else [])
    if offered:
        assert f"`torchlean capture net.py:{offered} -o m.ir.json" in finding.message
