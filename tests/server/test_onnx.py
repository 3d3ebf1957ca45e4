"""ONNX files in an editor: captured by command, offered in an empty artifact, named by hovers on nodes."""

from __future__ import annotations

import gzip
import json

import numpy as np
import onnx
import pytest
from lsprotocol import types
from onnx import TensorProto, helper, numpy_helper

from tests.server.conftest import PROFILES

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[:1], indirect=True)]

START = types.Range(types.Position(0, 0), types.Position(0, 0))


def network(kind: str = "Relu", shape=(1, 4)) -> bytes:
    """An ONNX file: a matrix, a bias, and a function."""
    weights = [
        numpy_helper.from_array(np.full((3, 4), 0.5, dtype=np.float32), "fc.weight"),
        numpy_helper.from_array(np.ones(3, dtype=np.float32), "fc.bias"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["image", "fc.weight", "fc.bias"], ["hidden"], "fc", transB=1),
            helper.make_node(kind, ["hidden"], ["scores"], "last"),
        ],
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


@pytest.fixture
def net(editor):
    file = editor.folder / "net.onnx"
    file.write_bytes(network())
    return file


async def test_an_onnx_file_is_captured_beside_itself(editor, net):
    answer = await editor.run("torchlean.capture", {"uri": net.as_uri(), "ask": True})
    output = editor.folder / "net.ir.json"
    assert (answer["output"], answer["uri"]) == (str(output), output.as_uri())
    assert answer["parameters"] == 15
    assert json.loads(output.read_text("utf-8"))["captured_from"]["file"] == "net.onnx"


async def test_the_artifact_goes_where_it_is_said(editor, net):
    packed = editor.folder / "net.onnx.gz"
    packed.write_bytes(gzip.compress(net.read_bytes()))
    answer = await editor.run("torchlean.capture", {"uri": packed.as_uri(), "out": "other.ir.json"})
    assert answer["output"] == str(editor.folder / "other.ir.json")
    answer = await editor.run("torchlean.capture", {"uri": packed.as_uri()})
    assert answer["output"] == str(editor.folder / "net.ir.json")


async def test_a_file_that_cannot_be_captured_says_why_in_its_message(editor):
    file = editor.folder / "odd.onnx"
    file.write_bytes(network("NonZero"))
    with pytest.raises(Exception, match="NonZero"):
        await editor.run("torchlean.capture", {"uri": file.as_uri()})
    assert not (editor.folder / "odd.ir.json").exists()


async def test_an_empty_artifact_offers_the_onnx_files_beside_it(editor, net):
    (editor.folder / "new.ir.json").write_text("")
    uri = await editor.open("new.ir.json", "")
    titles = {action.title: action for action in await editor.fixes(uri, START)}
    action = titles["Capture net.onnx here"]
    assert action.command.arguments == [{"uri": net.as_uri(), "out": "new.ir.json"}]
    await editor.run("torchlean.capture", action.command.arguments[0])
    text = (editor.folder / "new.ir.json").read_text("utf-8")
    assert json.loads(text)["captured_from"]["file"] == "net.onnx"
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(text))
    titles = [action.title for action in await editor.fixes(uri, START)]
    assert "Capture net.onnx here" not in titles
    assert "Capture net.onnx again" in titles


async def test_a_node_tells_its_name_in_the_onnx_file(editor, net):
    await editor.run("torchlean.capture", {"uri": net.as_uri()})
    text = (editor.folder / "net.ir.json").read_text("utf-8")
    uri, position = await editor.open_marked("net.ir.json", text.replace('"linear"', '"li▮near"'))
    hover = await editor.ask(types.TEXT_DOCUMENT_HOVER, uri, position)
    shown = hover["contents"]["value"] if isinstance(hover["contents"], dict) else str(hover["contents"])
    assert "in the ONNX file: node `fc`, output `hidden`" in shown
    # There is no text behind a node to go to.
    assert await editor.ask(types.TEXT_DOCUMENT_DEFINITION, uri, position) is None


async def test_a_file_that_changed_is_captured_again_by_a_quick_fix(editor, net):
    await editor.run("torchlean.capture", {"uri": net.as_uri()})
    net.write_bytes(network("Tanh"))
    text = (editor.folder / "net.ir.json").read_text("utf-8")
    uri = await editor.open("net.ir.json", text)
    found = await editor.diagnostics(uri)
    while not (stale := [one for one in found if one.code == "TL521"]):  # told as soon as the file was read
        await editor.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        found = editor.published[uri].diagnostics
    (finding,) = stale
    action = next(
        one for one in await editor.fixes(uri, finding.range) if one.title == "Capture net.onnx again"
    )
    await editor.run("torchlean.capture", {**action.command.arguments[0], "force": True})
    assert '"tanh"' in (editor.folder / "net.ir.json").read_text("utf-8")
