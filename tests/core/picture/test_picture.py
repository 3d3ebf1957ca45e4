"""Pictures of graphs: every form, of clean and broken artifacts, and the command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from benchmarks.artifacts import make_artifact

from torchlean_core.check import check_text
from torchlean_core.errors import UserError
from torchlean_core.picture import FORMATS, drawing_of, picture
from torchlean_core.picture.layered import layered

SVG = "{http://www.w3.org/2000/svg}"


def artifact(*nodes: dict, **root) -> str:
    return json.dumps(
        {
            "format": "torchlean.ir.v1",
            "input_id": 0,
            "output_id": len(nodes) - 1,
            "nodes": list(nodes),
            **root,
        }
    )


INPUT = {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}
RESIDUAL = artifact(
    INPUT,
    {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 4]},
    {"id": 2, "kind": "relu", "parents": [1], "shape": [1, 4]},
    {"id": 3, "kind": "add", "parents": [0, 2], "shape": [1, 4]},
)


def test_dot_has_every_node_and_edge():
    text = picture(check_text(RESIDUAL), "dot", "m.ir.json")
    assert re.findall(r"n(\d+) -> n(\d+)", text) == [("0", "1"), ("1", "2"), ("0", "3"), ("2", "3")]
    assert 'label="1 linear\\n[1, 4]"' in text and text.startswith('digraph "m.ir.json" {')


def test_mermaid_has_every_node_and_edge():
    text = picture(check_text(RESIDUAL), "mermaid", "m")
    assert re.findall(r"n(\d+) --> n(\d+)", text) == [("0", "1"), ("1", "2"), ("0", "3"), ("2", "3")]
    assert 'n1["1 linear<br/>[1, 4]"]' in text


def test_mermaid_has_entities_for_what_has_a_meaning_in_it():
    node = '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4], "source": {"module": "it\'s #1; <b> & \\"x\\""}}'
    source = '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}'
    nodes = ", ".join([source, node, node.replace('"id": 1', '"id": 2').replace("[0]", "[1]")])
    report = check_text(f'{{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 2, "nodes": [{nodes}]}}')
    text = picture(report, "mermaid", "m", "all")
    assert '"it\'s #35;1; #lt;b#gt; #amp; #quot;x#quot;"' in text


def test_text_has_rails_for_the_values_that_are_still_needed():
    assert picture(check_text(RESIDUAL), "text", "m") == (
        "●    0 input   [1, 4]\n"
        "├─●  1 linear  [1, 4]  ← 0\n"
        "│ ●  2 relu    [1, 4]  ← 1\n"
        "●─╯  3 add     [1, 4]  ← 0, 2  (output)\n"
    )


def test_svg_is_xml_with_a_group_for_every_node_and_boxes_that_do_not_overlap():
    root = ElementTree.fromstring(picture(check_text(make_artifact(120, 5)), "svg", "m"))
    groups = [group for group in root.iter(f"{SVG}g") if "node" in group.get("class", "")]
    assert [group.get("data-index") for group in groups] == [str(index) for index in range(120)]
    boxes = []
    for group in groups:
        rect = group.find(f"{SVG}rect")
        boxes.append([float(rect.get(name)) for name in ("x", "y", "width", "height")])
    width, height = (float(value) for value in root.get("viewBox").split()[2:])
    for number, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width + 1 and y + h <= height + 1
        for other_x, other_y, other_w, _ in boxes[number + 1 :]:
            assert y != other_y or x + w <= other_x + 0.2 or other_x + other_w <= x + 0.2


def test_operands_stand_above_their_users_and_layers_are_apart():
    edges = [(0, 1), (1, 2), (0, 3), (2, 3), (3, 4), (0, 4)]
    layout = layered([50.0] * 5, edges, 10.0)
    assert all(layout.layer[start] < layout.layer[end] for start, end in edges)
    assert [len(bends) for bends in layout.bends] == [0, 0, 2, 0, 0, 3]
    assert layered([], [], 10.0).x == []


@pytest.mark.parametrize("form", FORMATS)
def test_names_from_a_file_cannot_break_out(form):
    text = artifact(INPUT, {"id": 1, "kind": 'x"]\n</svg><script>`\x1b[31m\\', "parents": [0], "shape": [1]})
    shown = picture(check_text(text), form, 'a"b<c>.json')
    assert "\x1b" not in shown and len(shown.splitlines()) < 80
    assert form in ("text", "dot") or "<script>" not in shown
    if form == "svg":
        ElementTree.fromstring(shown)
    assert form != "dot" or all(line.endswith((";", "{", "}")) for line in shown.splitlines())


@pytest.mark.parametrize("form", FORMATS)
def test_what_can_be_read_of_a_broken_artifact_is_drawn(form):
    broken = artifact(
        INPUT, {"id": 1, "kind": "relu", "parents": [7, 0, 1, -1, "x"], "shape": "?"}, {"id": 2}
    )[:-9]
    assert "relu" in picture(check_text(broken), form, "m")


def test_nothing_to_draw_and_too_much_for_svg_are_refused():
    with pytest.raises(UserError, match="nothing to draw"):
        picture(check_text("{}"), "text", "m.json")
    big = check_text(make_artifact(1_600))
    with pytest.raises(UserError, match="draw it as `dot`"):
        picture(big, "svg", "m.json", "all")
    assert picture(big, "dot", "m.json").count("->") == len(drawing_of(big, "m").edges)


def test_a_wide_graph_is_listed_without_rails():
    nodes = [
        INPUT,
        *({"id": index, "kind": "relu", "parents": [0], "shape": [1, 4]} for index in range(1, 40)),
    ]
    nodes.append({"id": 40, "kind": "concat", "parents": list(range(1, 40)), "axis": 0, "shape": [39, 4]})
    text = picture(check_text(artifact(*nodes)), "text", "m")
    assert "●" not in text and text.splitlines()[1].startswith("1 relu")


# -- the command ----------------------------------------------------------------------------------------------


def graph(*arguments: str, cwd, text: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "torchlean_core", "graph", *arguments]
    return subprocess.run(command, cwd=cwd, input=text, capture_output=True)


def test_the_command_prints_or_writes_the_picture(tmp_path):
    (tmp_path / "m.ir.json").write_text(RESIDUAL)
    done = graph("m.ir.json", cwd=tmp_path)
    assert done.returncode == 0 and "●─╯  3 add".encode() in done.stdout and done.stderr == b""
    done = graph("m.ir.json", "--format", "svg", "-o", "m.svg", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == b"" and b"wrote m.svg" in done.stderr
    assert (tmp_path / "m.svg").read_text().startswith("<svg")
    assert graph("-", "--format", "dot", cwd=tmp_path, text=RESIDUAL.encode()).stdout.startswith(b"digraph")


def test_the_command_says_what_is_wrong(tmp_path):
    (tmp_path / "bad.ir.json").write_text(RESIDUAL.replace('"shape": [1, 4]}]', '"shape": [1, 5]}]'))
    done = graph("bad.ir.json", cwd=tmp_path)
    assert done.returncode == 1 and b"1 error" in done.stderr and b"add" in done.stdout
    assert graph("none.ir.json", cwd=tmp_path).returncode == 2
    assert graph("bad.ir.json", "-o", "bad.ir.json", cwd=tmp_path).returncode == 2
    (tmp_path / "empty.json").write_text("{}")
    assert b"nothing to draw" in graph("empty.json", cwd=tmp_path).stderr


# -- clusters -------------------------------------------------------------------------------------------------

BLOCKS = artifact(
    INPUT,
    *(
        {
            "id": place,
            "kind": ("linear", "relu")[place % 2 == 0],
            "parents": [place - 1],
            "shape": [1, 4],
            "source": {"line": 1, "module": f"body.{(place - 1) // 2}"},
        }
        for place in range(1, 7)
    ),
)


def test_open_clusters_are_subgraphs_and_headings():
    report = check_text(BLOCKS)
    assert picture(report, "text", "m", 1) == (
        "●  0 input     [1, 4]\n"
        "│  ▾ body ×3\n"
        "●    ▸ body.0  [1, 4] · 2 nodes  ← 0\n"
        "●    ▸ body.1  [1, 4] · 2 nodes  ← 2\n"
        "●    ▸ body.2  [1, 4] · 2 nodes  ← 4  (output)\n"
    )
    assert re.findall(r'subgraph "(.*)"', picture(report, "dot", "m")) == [
        "cluster_body", "cluster_body.0", "cluster_body.1", "cluster_body.2",
    ]  # fmt: skip
    assert 'subgraph c1["body.0"]' in picture(report, "mermaid", "m")
    root = ElementTree.fromstring(picture(report, "svg", "m", 1))
    found = [group.get("data-cluster") for group in root.iter(f"{SVG}g")]
    assert found == ["body", None, "body.0", "body.1", "body.2"]


@pytest.mark.parametrize("kinds", [["relu"], ["relu", "tanh", "exp", "sigmoid", "exp", "relu", "relu"]])
def test_the_picture_of_a_long_chain_can_be_looked_at(kinds):
    nodes = [
        {"id": place, "kind": kinds[place * place % len(kinds)], "parents": [place - 1], "shape": [1, 4]}
        for place in range(1, 1_000)
    ]
    root = ElementTree.fromstring(picture(check_text(artifact(INPUT, *nodes)), "svg", "m"))
    width, height = (float(value) for value in root.get("viewBox").split()[2:])
    assert height < 3_100 and width < 3_100


def test_frames_hold_what_is_in_them():
    root = ElementTree.fromstring(picture(check_text(BLOCKS), "svg", "m", "all"))

    def area(group) -> list[float]:
        rect = group.findall(f"{SVG}rect")[-1]
        return [float(rect.get(name)) for name in ("x", "y", "width", "height")]

    groups = list(root.iter(f"{SVG}g"))
    frames = {group.get("data-cluster"): area(group) for group in groups if group.get("class") == "frame"}
    for group in groups:
        index = group.get("data-index")
        if index in (None, "0"):
            continue
        x, y, w, h = area(group)
        left, top, width, height = frames[f"body.{(int(index) - 1) // 2}"]
        assert left < x and top < y and x + w < left + width and y + h < top + height
