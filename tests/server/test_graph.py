"""`torchlean.showGraph` for clients that draw the graph themselves."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.asyncio

MODEL = {
    "format": "torchlean.ir.v1",
    "input_id": 0,
    "output_id": 3,
    "captured_from": {"file": "net.py", "class": "Net", "example_shape": [1, 4]},
    "nodes": [
        {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
        {
            "id": 1,
            "kind": "linear",
            "parents": [0],
            "shape": [1, 3],
            "source": {"line": 9, "module": "body.fc"},
        },
        {"id": 2, "kind": "relu", "parents": [1], "shape": [1, 3], "source": {"line": 10, "module": "body"}},
        {"id": 3, "kind": "relu", "parents": [2], "shape": [9, 9]},
    ],
}
TEXT = json.dumps(MODEL, indent=1)


async def test_the_model_of_a_graph_has_nodes_clusters_findings_and_places(editor):
    uri = await editor.open("m.ir.json", TEXT)
    answer = await editor.run("torchlean.showGraph", {"uri": uri, "format": "model"})
    assert (answer["uri"], answer["format"], answer["version"]) == (uri, "model", 1)
    content = answer["content"]
    assert [(node["id"], node["kind"], node["family"]) for node in content["nodes"]] == [
        ("0", "input", "source"), ("1", "linear", "linear-algebra"), ("2", "relu", "elementwise"),
        ("3", "relu", "elementwise"),
    ]  # fmt: skip
    assert content["edges"] == [[0, 1], [1, 2], [2, 3]]
    [cluster] = content["clusters"]
    assert (cluster["key"], cluster["first"], cluster["last"], cluster["parent"]) == ("body", 1, 2, -1)
    assert content["opened"] == ["body"]
    assert content["nodes"][1]["parameters"] == ["W [3, 4]", "b [3]"]
    assert content["nodes"][3]["findings"][0]["code"] == "TL201"
    assert content["nodes"][1]["origin"] == [0, 8, 0, 8, 0]
    assert content["files"] == [(editor.folder / "net.py").as_uri()]
    line, column, end_line, end_column = content["nodes"][2]["place"]
    lines = TEXT.splitlines()
    assert lines[line][column] == "{" and lines[end_line][end_column - 1] == "}"
    assert '"id": 2' in "".join(lines[line : end_line + 1])


async def test_the_model_follows_the_text_in_the_editor(editor):
    uri = await editor.open("m.ir.json", TEXT)
    editor.change(uri, {"text": TEXT.replace("[\n    9,\n    9\n   ]", "[1, 3]")})
    answer = await editor.run("torchlean.showGraph", {"uri": uri, "format": "model"})
    assert answer["version"] == 2 and "findings" not in answer["content"]["nodes"][3]


async def test_what_there_is_to_know_of_a_node(editor):
    uri = await editor.open("m.ir.json", TEXT)
    answer = await editor.run("torchlean.showGraph", {"uri": uri, "format": "node", "index": 1})
    content = answer["content"]
    assert content["operands"] == [{"index": 0, "id": "0", "kind": "input", "shape": "[1, 4]"}]
    assert [user["id"] for user in content["users"]] == ["2"]
    assert [(one["name"], one["shape"], one["count"]) for one in content["parameters"]] == [
        ("linear_1_W", "[3, 4]", 12), ("linear_1_b", "[3]", 3),
    ]  # fmt: skip
    assert content["module"] == "body.fc" and content["summary"]
    with pytest.raises(Exception, match="no node at place 7"):
        await editor.run("torchlean.showGraph", {"uri": uri, "format": "node", "index": 7})


async def test_two_versions_are_compared(editor):
    good = TEXT.replace("[\n    9,\n    9\n   ]", "[1, 3]")
    uri = await editor.open("m.ir.json", good)
    old = good.replace('"kind": "relu"', '"kind": "tanh"', 1)
    request = {"uri": uri, "format": "model", "against": {"text": old, "name": "HEAD"}}
    content = (await editor.run("torchlean.showGraph", request))["content"]
    assert [node.get("mark") for node in content["nodes"]] == [None, None, "changed", None]
    assert (
        content["nodes"][2]["changes"] == ['kind: "tanh" → "relu"'] and content["name"] == "HEAD → m.ir.json"
    )
    (editor.folder / "old.ir.json").write_text(old)
    request["against"] = {"uri": (editor.folder / "old.ir.json").as_uri()}
    content = (await editor.run("torchlean.showGraph", request))["content"]
    assert content["name"] == "old.ir.json → m.ir.json"
    request["against"] = {"text": TEXT, "name": "HEAD"}
    with pytest.raises(Exception, match="HEAD"):
        await editor.run("torchlean.showGraph", request)
    with pytest.raises(Exception, match="against"):
        await editor.run("torchlean.showGraph", {**request, "against": 3})


async def test_the_depth_of_a_picture(editor):
    uri = await editor.open("m.ir.json", TEXT)
    answer = await editor.run("torchlean.showGraph", {"uri": uri, "format": "text", "depth": 0})
    assert "▸ body" in answer["content"] and "linear" not in answer["content"]
    with pytest.raises(Exception, match="depth"):
        await editor.run("torchlean.showGraph", {"uri": uri, "depth": "some"})
