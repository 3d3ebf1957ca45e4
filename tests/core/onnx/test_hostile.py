"""Files that are broken, hostile or no ONNX files at all: one line, no traceback, and nothing else is opened."""

from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from torchlean_core.capture import write
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.target import Target
from torchlean_core.errors import UserError
from torchlean_core.onnx import file as onnx_file
from torchlean_core.onnx import memory
from torchlean_core.onnx.load import load_onnx, read_onnx
from torchlean_core.options.capture import Options

from .support import FLOAT, captured, drawn, ints, model, node, saved


def refusal(file: Path, shape: tuple[int, ...] | None = None) -> str:
    with pytest.raises(CaptureError) as caught:
        load_onnx(read_onnx(file, shape))
    message = str(caught.value)
    assert message.startswith(str(file))
    return message.removeprefix(str(file))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text\n" * 10, "it is text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(100), "it is a zip archive"),
        (os.urandom(0) + b"\xff" * 300, "its bytes are no message of protobuf"),
        (b"\x1f\x8bno gzip", "no gzip file"),
    ],
)
def test_no_onnx_file(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(content)
    message = refusal(file)
    assert said in message
    assert "\n" not in message


def test_a_damaged_file(tmp_path: Path) -> None:
    whole = model([node("Add", "x b")], [2, 64], {"b": drawn(64)}).SerializeToString()
    file = tmp_path / "m.onnx"
    for cut in range(1, len(whole), 7):
        file.write_bytes(whole[:cut])
        try:
            load_onnx(read_onnx(file))
        except CaptureError as error:
            assert "\n" not in str(error)


def test_a_gzip_file_that_is_cut_off_or_unpacks_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(model([node("Relu", "x")], [2, 3]).SerializeToString())
    file = tmp_path / "m.onnx.gz"
    file.write_bytes(packed)
    assert captured(file).parameters == 0
    file.write_bytes(packed[:-12])
    assert "cut off" in refusal(file)
    monkeypatch.setattr(onnx_file, "MOST", 1000)
    file.write_bytes(gzip.compress(bytes(10_000)))
    assert "2 GB or more when it is unpacked" in refusal(file)
    (tmp_path / "m.onnx").write_bytes(bytes(2000))
    assert "2 GB or more" in refusal(tmp_path / "m.onnx")


def external(folder: Path, location: str, **said: Any) -> Path:
    proto = model([node("Add", "x b")], [2, 4], {"b": drawn(4)})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **said}.items():
        tensor.external_data.add(key=key, value=str(value))
    return saved(proto, folder)


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "/etc/passwd",
        "a/../../secret.bin",
        "C:\\secret.bin",
        "\\\\host\\share",
        "",
        "a\0b",
        "link.bin",
        ".",
    ],
)
def test_numbers_outside_of_the_folder_are_not_opened(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    message = refusal(external(folder, location))
    assert "its numbers are to lie in" in message
    assert "\n" not in message and "\0" not in message


def test_numbers_in_another_file(tmp_path: Path) -> None:
    numbers = drawn(4)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(bytes(8) + numbers.tobytes() + bytes(100))
    found = captured(external(tmp_path, "data/w.bin", offset=8, length=16))
    assert any(np.array_equal(one.numpy().ravel(), numbers) for one in found.tensors.values())
    assert "has 124 bytes" in refusal(external(tmp_path, "data/w.bin", offset=8, length=1600))
    assert "does not hold" in refusal(external(tmp_path, "data/w.bin", offset=8, length=12))
    assert "its offset is no number" in refusal(external(tmp_path, "data/w.bin", offset="-8"))
    assert "no such file" in refusal(external(tmp_path, "data/other.bin"))


def test_a_bomb_of_sizes(tmp_path: Path) -> None:
    huge = ints(100_000, 100_000, 1000)
    cases = [
        model([node("ConstantOfShape", "s", "c"), node("Add", "x c")], [1], {"s": huge}),
        model([node("Expand", "x s")], [1], {"s": huge}),
        model([node("Tile", "x s")], [1, 1, 1], {"s": huge}),
        model([node("Pad", "x s", mode="constant")], [1], {"s": ints(0, 10**12)}),
        model([node("Add", "a b", "c"), node("Add", "x c")], [1], {"a": drawn(40_000, 1), "b": drawn(40_000)}),
        model([node("Resize", "x - s")], [1, 1, 8, 8], {"s": np.array([1, 1, 1e6, 1e6], dtype=np.float32)}),
        model([node("Range", "a b c", "d"), node("Add", "x d")], [1],
              {"a": np.float32(0), "b": np.float32(1e12), "c": np.float32(1)}),
        model([node("Einsum", "x a a a", equation="a,b,c,d->abcd")], [1000], {"a": drawn(1000)}),
    ]  # fmt: skip
    for proto in cases:
        assert "elements" in refusal(saved(proto, tmp_path)) or pytest.fail(proto.graph.node[0].op_type)


def test_known_numbers_of_every_type_have_a_limit(tmp_path: Path) -> None:
    column, row = np.zeros((60_000, 1), dtype=np.int64), np.zeros((1, 60_000), dtype=np.int64)
    used = [node("Cast", "a", "f", to=1), node("ReduceMax", "f", "r", keepdims=0), node("Mul", "x r")]
    for operator in ("Add", "Greater"):
        proto = model([node(operator, "k j", "a"), *used], [2], {"k": column, "j": row})
        assert f"{operator} in node `a`: its result of shape [60000, 60000] has more than" in refusal(
            saved(proto, tmp_path)
        )
    wide = [1 << 30] * 4
    proto = model([node("Conv", "x w", pads=wide)], [1, 1, 4, 4], {"w": drawn(1, 1, 2, 2)})
    assert "Conv in node `y`: its result has more than 268,435,456 elements" in refusal(
        saved(proto, tmp_path)
    )


def test_known_numbers_go_after_their_last_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long chain needs no more than two of its values at once; what is needed later counts as a whole."""
    monkeypatch.setattr(memory, "MOST_BYTES", 3 << 20)
    size = {"s": ints(1 << 18)}  # 1 MiB each
    chain = [node("ConstantOfShape", "s", "c0")]
    chain += [node("Cos", f"c{n}", f"c{n + 1}") for n in range(20)]
    end = [node("ReduceSum", "c20", "r", keepdims=0), node("Mul", "x r")]
    load_onnx(read_onnx(saved(model([*chain, *end], [2], size), tmp_path)))
    views = [node("Unsqueeze", f"c0 a{n}", f"v{n}") for n in range(9)]
    axes = {f"a{n}": ints(0) for n in range(9)}
    kept = " ".join(f"v{n}" for n in range(9))
    end = [node("Sum", kept, "t"), node("ReduceSum", "t", "r", keepdims=0), node("Mul", "x r")]
    load_onnx(read_onnx(saved(model([chain[0], *views, *end], [2], size | axes), tmp_path)))
    kept = " ".join(f"c{n}" for n in range(21))
    end = [node("Sum", kept, "t"), node("ReduceSum", "t", "r", keepdims=0), node("Mul", "x r")]
    message = refusal(saved(model([*chain, *end], [2], size), tmp_path))
    assert "Cos in node `c3`: what is known beforehand takes more than 3 MiB" in message


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_lack_of_memory_is_no_bug(wrapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any) -> Any:
        error = RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 2097152 bytes."
        )
        if wrapped:
            raise UserError("node 3 cannot be computed") from error
        raise error

    monkeypatch.setattr(write, "capture", lacking)
    file = saved(model([node("Relu", "x")], [2]), tmp_path)
    source = read_onnx(file)
    with pytest.raises(CaptureError, match=r"m\.onnx: TL603 .*memory.* \(for a tensor of 2 MiB\)"):
        write.capture_file(
            Target(file, ""),
            source.shape,
            tmp_path / "q.ir.json",
            Options(),
            load=lambda *_: load_onnx(source),
        )


def test_what_is_computed_of_a_parameter_is_said_to_be(tmp_path: Path) -> None:
    nodes = [node("Mul", "x s", "a"), node("ReduceMax", "s", "h", keepdims=0), node("Clip", "a - h")]
    message = refusal(saved(model(nodes, [1, 3], {"s": drawn(3)}), tmp_path))
    assert "its input `h` depends on a parameter" in message
    nodes[1] = node("ReduceMax", "a", "h", keepdims=0)
    message = refusal(saved(model(nodes, [1, 3], {"s": drawn(3)}), tmp_path))
    assert "its input `h` depends on the network's input" in message


def test_control_flow_is_refused_however_deep(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [node("Identity", "x")], "inner", [], [helper.make_tensor_value_info("y", FLOAT, None)]
    )
    for _ in range(20):
        branch = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph, name="deep")
        graph = helper.make_graph([branch], "g", [], [helper.make_tensor_value_info("y", FLOAT, None)])
        if branch.ByteSize() > 1 << 20:
            break
    proto = model([branch], [2], {"c": np.array(True)})
    message = refusal(saved(proto, tmp_path))
    assert "TL601 If in node `deep`: an artifact has no control flow" in message


def test_a_message_that_is_nested_without_end(tmp_path: Path) -> None:
    inner = b""
    for _ in range(5000):  # a graph in an attribute of a node of a graph, and so on
        attribute = b"\x32" + _length(inner) + inner
        made = b"\x2a" + _length(attribute) + attribute
        inner = b"\x0a" + _length(made) + made
    file = tmp_path / "m.onnx"
    file.write_bytes(b"\x3a" + _length(inner) + inner)
    assert "is no ONNX file, or a damaged one" in refusal(file)


def _length(content: bytes) -> bytes:
    size, found = len(content), b""
    while size > 127:
        found += bytes([size & 127 | 128])
        size >>= 7
    return found + bytes([size])


def function(name: str, calls: list[str]) -> onnx.FunctionProto:
    nodes = [helper.make_node(one, ["a"], [f"b{n}"], domain="own") for n, one in enumerate(calls)]
    nodes += (
        [helper.make_node("Sum", [f"b{n}" for n in range(len(calls))], ["b"])]
        if calls
        else [helper.make_node("Relu", ["a"], ["b"])]
    )
    return helper.make_function(
        "own", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    )


def with_functions(functions: list[onnx.FunctionProto], called: str) -> onnx.ModelProto:
    proto = model([helper.make_node(called, ["x"], ["y"], domain="own")], [2])
    proto.functions.extend(functions)
    proto.opset_import.append(helper.make_opsetid("own", 1))
    return proto


def test_functions_of_the_file(tmp_path: Path) -> None:
    proto = with_functions([function("f0", []), function("f1", ["f0", "f0"])], "f1")
    assert len(captured(saved(proto, tmp_path)).graph.nodes) == 4
    names = [f"f{n}" for n in range(30)]
    many = [function("f0", [])] + [function(one, [before] * 4) for before, one in itertools.pairwise(names)]
    assert "more than 1,000,000" in refusal(saved(with_functions(many, "f29"), tmp_path))
    assert "calls itself" in refusal(saved(with_functions([function("f0", ["f0"])], "f0"), tmp_path))


def test_graphs_that_are_none(tmp_path: Path) -> None:
    circle = [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Add", "a b")]
    assert "needs its own result" in refusal(saved(model(circle, [2]), tmp_path))
    assert "nothing that makes `z`" in refusal(saved(model([node("Add", "x z")], [2]), tmp_path))
    assert "nothing that makes `w`" in refusal(saved(model([node("Relu", "x")], [2], outputs="w"), tmp_path))
    twice = [node("Relu", "x"), node("Neg", "x")]
    assert "two values named `y`" in refusal(saved(model(twice, [2]), tmp_path))
    assert "two outputs named `y`" in refusal(saved(model(twice[:1], [2], outputs="y y"), tmp_path))
    proto = model([node("Relu", "x")], [2])
    proto.graph.ClearField("output")
    assert "no output" in refusal(saved(proto, tmp_path))
    proto = model([node("Add", "x b")], [2])
    proto.graph.input.append(helper.make_tensor_value_info("b", FLOAT, [2]))
    assert "takes 2 inputs (x, b); an artifact has one" in refusal(saved(proto, tmp_path))
    proto = model([node("Identity", "b")], [2], {"b": drawn(2)})
    del proto.graph.input[:]
    assert "takes 0 inputs" in refusal(saved(proto, tmp_path))


def test_nodes_that_are_none(tmp_path: Path) -> None:
    def of(*nodes: onnx.NodeProto, shape: tuple[int, ...] = (2, 3), opset: int = 17, **tensors: Any) -> str:
        return refusal(saved(model(nodes, shape, tensors, opset=opset), tmp_path))

    assert "node `y` (Relu) has 2 inputs, expected 1" in of(node("Relu", "x x"))
    assert "no attribute `color`" in of(node("Relu", "x", color=1))
    assert "of another type" in of(node("Softmax", "x", axis=1.5))
    assert "has no attribute `to`" in of(node("Cast", "x"))
    assert "no input `B`" in of(node("Add", "x -"))
    assert "TL601 Nonsense in node `n`" in of(node("Nonsense", "x", name="n"))
    assert "com.acme.Relu in node `y`: operators of other domains" in of(
        helper.make_node("Relu", ["x"], ["y"], domain="com.acme")
    )
    assert "is of operator set 6; those from 7 on are read" in of(node("Relu", "x"), opset=6)
    assert "is of operator set 99" in of(node("Relu", "x"), opset=99)
    assert "axis 7" in of(node("Softmax", "x", axis=7))
    assert "cannot have the shape" in of(node("Reshape", "x s"), s=ints(5, 5))
    assert "TL603 node `y` (Add) cannot be computed" in of(node("Add", "x b"), b=drawn(7))
    assert "makes int64 of what is computed" in of(node("Cast", "x", "i", to=7), node("Cast", "i", to=1))
    assert "depends on the network's input" in of(node("Cast", "x", "s", to=1), node("Reshape", "x s"))
    assert "its output `y` is int64" in of(node("Shape", "x"))
    assert "string has no place" in of(node("Relu", "x"), b=np.array(["a"], dtype=object))


def test_tensors_that_do_not_hold_what_they_say(tmp_path: Path) -> None:
    for dims, raw in (
        ([1000, 1000], bytes(16)),
        ([-1], bytes(16)),
        ([2**40, 2**40], bytes(16)),
        ([3], bytes(16)),
    ):
        proto = model([node("Add", "x b")], [4], {"b": drawn(4)})
        tensor = proto.graph.initializer[0]
        del tensor.dims[:]
        tensor.dims.extend(dims)
        tensor.raw_data = raw
        assert "tensor `b`" in refusal(saved(proto, tmp_path))
    proto = model([node("Add", "x b")], [4], {"b": drawn(4)})
    proto.graph.initializer[0].data_type = 77
    assert "type 77 has no place in an artifact" in refusal(saved(proto, tmp_path))


def test_a_name_cannot_lead_a_terminal_astray(tmp_path: Path) -> None:
    message = refusal(saved(model([node("Nonsense\x1b[2J", "x", name="a\nb\x1b[31m")], [2]), tmp_path))
    assert "\x1b" not in message
    assert len(message.splitlines()) == 2


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    content = model([node("Relu", "x", name="name")], [2]).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(content.replace(b"name", b"\xff\xfe\xfd\xfc"))
    assert "a name in it is no UTF-8" in refusal(tmp_path / "m.onnx")
