"""Two versions of a graph in one picture, and `torchlean diff --graph`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from torchlean_core.artifact.diff import diff_graphs
from torchlean_core.artifact.load import graph_of
from torchlean_core.check import check_text
from torchlean_core.picture import draw
from torchlean_core.picture.compared import compared


def artifact(*kinds: str) -> str:
    nodes = [
        {"id": place, "kind": kind, "parents": [place - 1] if place else [], "shape": [1, 4]}
        for place, kind in enumerate(kinds)
    ]
    return json.dumps(
        {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": nodes}
    )


def drawing(old: str, new: str):
    before, after = check_text(old), check_text(new)
    return compared(before, after, diff_graphs(graph_of(before, "a"), graph_of(after, "b")), "a → b")


def test_nodes_of_both_versions_are_drawn_with_what_became_of_them():
    found = drawing(artifact("input", "relu", "tanh", "exp"), artifact("input", "relu", "exp", "abs"))
    assert [(box.kind, box.mark) for box in found.boxes] == [
        ("input", ""), ("relu", ""), ("tanh", "removed"), ("exp", "changed"), ("abs", "added"),
    ]  # fmt: skip
    assert found.marked == {(1, 2): "removed", (2, 3): "removed", (1, 3): "added", (3, 4): "added"}


def test_a_change_is_said_in_words():
    found = drawing(
        artifact("input", "relu"), artifact("input", "relu").replace('"relu"', '"relu", "debug_target": "x"')
    )
    assert found.boxes[1].changes == ('debug_target: added "x"',)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("text", "- 2 tanh   [1, 4]  ← -1"),
        (
            "dot",
            'n2 [label="- 2 tanh\\n[1, 4]", color="#cf222e", style=filled, fillcolor="#cf222e26", penwidth=2]',
        ),
        ("dot", 'n1 -> n2 [color="#cf222e", penwidth=2, style=dashed]'),
        ("mermaid", "class n2 removed"),
        ("mermaid", '["- 2 tanh<br/>'),
        ("mermaid", "linkStyle 1 stroke:#cf222e,stroke-width:3px,stroke-dasharray:4 3"),
        ("svg", ">- 2 tanh</text>"),
    ],
)
def test_every_form_marks_what_changed(form, says):
    assert says in draw(drawing(artifact("input", "relu", "tanh"), artifact("input", "relu")), form, "b")


def test_nodes_that_moved_leave_an_order():
    found = drawing(artifact("input", "relu", "tanh", "exp"), artifact("input", "exp", "tanh", "relu"))
    assert all(operand < user for operand, user in found.edges)
    assert len(found.boxes) >= 4


def test_the_command_draws_the_difference(tmp_path):
    (tmp_path / "a.json").write_text(artifact("input", "relu", "tanh"))
    (tmp_path / "b.json").write_text(artifact("input", "relu"))
    command = [sys.executable, "-m", "torchlean_core", "diff", "a.json", "b.json"]
    done = subprocess.run([*command, "--graph", "text"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1 and b"- 2 tanh" in done.stdout and b"1 removed" in done.stderr
    done = subprocess.run([*command, "--graph", "svg", "-o", "d.svg"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1 and (tmp_path / "d.svg").read_text().startswith("<svg")
    assert b"wrote d.svg" in done.stderr
    done = subprocess.run(
        [*command, "--graph", "svg", "--output-format", "json"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 2 and not done.stdout
    done = subprocess.run([*command, "--graph", "svg", "-o", "a.json"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2
    assert subprocess.run([*command, "-o", "x"], cwd=tmp_path, capture_output=True).returncode == 2
