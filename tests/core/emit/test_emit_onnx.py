"""ONNX files that are emitted: they compute what the artifact says, and nothing of a person's is replaced unasked."""

from __future__ import annotations

import json
import os
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.core.cli.support import torchlean
from tests.core.emit.support import artifact_text, random_tensors, write
from torchlean_core.artifact import load_graph
from torchlean_core.capture.job import run as capture
from torchlean_core.emit.onnx import file as onnx_file
from torchlean_core.emit.onnx import model as onnx_models
from torchlean_core.emit.onnx import verify as verifying
from torchlean_core.emit.onnx.file import emit_onnx
from torchlean_core.emit.onnx.model import onnx_model
from torchlean_core.emit.onnx.operators import FORMS
from torchlean_core.emit.onnx.verify import verify
from torchlean_core.emit.provenance import State
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Program, lower
from torchlean_core.kinds import Operator
from torchlean_core.kinds import operators as ops
from torchlean_core.params.resolve import resolve
from torchlean_core.safekeeping.loss import WouldReplace

ROOT = Path(__file__).parents[3]
RELU = ({"kind": "input", "shape": [1, 4]}, {"kind": "relu", "parents": [0], "shape": [1, 4]})
MLP = (
    {"kind": "input", "shape": [1, 4]},
    {"kind": "linear", "parents": [0], "shape": [1, 3]},
    {"kind": "tanh", "parents": [1], "shape": [1, 3]},
)
_MOST_ELEMENTS = 1_000_000


class Drawn:
    """Parameters of a program, drawn at random."""

    def __init__(self, program: Program) -> None:
        self.tensors = random_tensors(program)

    def numpy(self, name: str) -> np.ndarray:
        return self.tensors[name].numpy()


def run(model: onnx.ModelProto | Path, x: np.ndarray) -> list[np.ndarray]:
    """What onnxruntime computes, as a user runs it."""
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


# -- what is computed ---------------------------------------------------------------------------------------


def evaluable(folder: Path):
    """Programs of a folder's artifacts that are clean and can be computed, by the file's name, with parameters."""
    for path in sorted(folder.rglob("*.json")):
        try:
            found = resolve(load_graph(path), path)
            found.program.graph.require_one_input_shape()
        except UserError:
            continue
        program = found.program
        if max(prod(node.shape) for node in program.nodes) > _MOST_ELEMENTS:
            continue
        held = set() if found.store is None else set(found.store.names)
        whole = found.store is not None and {one.name for one in program.parameters()} <= held
        yield path.name, program, found.store if whole else Drawn(program)


@pytest.mark.parametrize(
    ("folder", "count", "refused"),
    [
        (
            "tests/conformance",
            90,
            {
                "odd_batchnorm_extra_eps.json": "eps must be a finite number >= 0",
                "odd_reduce_mean_zero.json": "no result has digits",
                "valid_random_088.json": "no result has digits",
            },
        ),
        ("tests/conformance-general", 230, {"classic.json": "no result has digits"}),
        ("examples", 3, {}),
    ],
)
def test_every_artifact_that_can_be_computed_is_computed_alike(folder, count, refused):
    computed, told = 0, {}
    for name, program, store in evaluable(ROOT / folder):
        try:
            model = onnx_model(program, store)
            onnx.checker.check_model(model, full_check=True)
            verify(model, program, store)
        except UserError as error:
            told[name] = str(error)
        else:
            computed += 1
    assert told.keys() == refused.keys()
    assert all(part in told[name] for name, part in refused.items())
    assert computed >= count


def test_every_operator_has_a_form():
    operators = {one.name for one in vars(ops).values() if isinstance(one, Operator)}
    assert operators - set(FORMS) == {"input", "tuple_getitem"}


def test_an_operator_without_a_form_is_refused_by_node_and_kind(tmp_path, monkeypatch):
    monkeypatch.delitem(FORMS, "relu")
    with pytest.raises(UserError, match=r"node 1 \(relu\): ONNX has no operator for it"):
        emit_onnx(write(tmp_path, artifact_text(*RELU)))


def test_what_computes_something_else_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setitem(FORMS, "relu", FORMS["tanh"])
    with pytest.raises(UserError, match="computes something else of the ONNX model"):
        emit_onnx(write(tmp_path, artifact_text(*RELU)))
    assert not (tmp_path / "m.onnx").exists()


def test_a_small_error_in_a_weight_is_found(tmp_path):
    program = lower(load_graph(write(tmp_path, artifact_text(*MLP))))
    store = Drawn(program)
    model = onnx_model(program, store)
    verify(model, program, store)
    weights = next(one for one in model.graph.initializer if one.name == "linear_1_W")
    values = numpy_helper.to_array(weights) * np.float32(1 + 1e-5)
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    with pytest.raises(UserError, match="computes something else"):
        verify(model, program, store)


def test_a_function_that_loses_digits_in_float32_is_judged_in_float64(tmp_path, monkeypatch):
    program = lower(load_graph(write(tmp_path, artifact_text(*MLP))))
    store = Drawn(program)
    model = onnx_model(program, store)
    by, run_model = verifying._evaluation(model)
    monkeypatch.setattr(
        verifying,
        "_evaluation",
        lambda _: (by, lambda x: [one * np.float32(1 + 2e-5) for one in run_model(x)]),
    )
    assert 1e-5 < verify(model, program, store).error < 1e-4
    monkeypatch.setattr(
        verifying, "_evaluation", lambda _: (by, lambda x: [one * np.float32(1.001) for one in run_model(x)])
    )
    with pytest.raises(UserError, match="computes something else"):
        verify(model, program, store)


def test_without_onnxruntime_the_evaluator_of_onnx_computes(tmp_path, monkeypatch):
    monkeypatch.setattr(verifying.importlib.util, "find_spec", lambda name: None)
    result = emit_onnx(write(tmp_path, artifact_text(*MLP)))
    assert result.verified.by == f"onnx {onnx.__version__}"
    assert result.verified.inputs == 6


def test_layers_of_images_follow_one_another_without_reshapes():
    path = ROOT / "examples/generated/tiny_cnn.ir.json"
    found = resolve(load_graph(path), path)
    model = onnx_model(found.program, found.store)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "MaxPool", "Reshape", "Gemm"]


def test_a_constant_that_is_added_everywhere_is_not_copied(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [2, 3]},
        {"kind": "const", "shape": [1, 3]},
        {"kind": "broadcast_to", "parents": [1], "shape": [2, 3], "from_shape": [1, 3], "to_shape": [2, 3]},
        {"kind": "add", "parents": [0, 2], "shape": [2, 3]},
        {"kind": "add", "parents": [2, 2], "shape": [2, 3]},
        {"kind": "mul_elem", "parents": [3, 4], "shape": [2, 3]},
    )
    emit_onnx(write(tmp_path, text))
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert kinds == ["Expand", "Add", "Add", "Mul"]  # the second sum needs one whole operand


def test_an_input_that_is_the_output_has_a_node_between(tmp_path):
    emit_onnx(write(tmp_path, artifact_text(RELU[0])))
    x = np.ones((1, 4), dtype=np.float32)
    assert np.array_equal(run(tmp_path / "m.onnx", x)[0], x)


def test_several_outputs_are_in_their_order(tmp_path):
    root = json.loads(artifact_text(*MLP))
    del root["output_id"]
    emit_onnx(write(tmp_path, json.dumps({**root, "output_ids": [2, 1]})))
    second, first = run(tmp_path / "m.onnx", np.ones((1, 4), dtype=np.float32))
    assert np.allclose(second, np.tanh(first), rtol=1e-6)


def test_what_is_written_says_its_opset_and_what_it_was_made_of(tmp_path):
    emit_onnx(write(tmp_path, artifact_text(*MLP)))
    model = onnx.load(tmp_path / "m.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    assert model.producer_name == "torchlean-ls"
    (said,) = model.metadata_props
    assert json.loads(said.value)["artifact"] == "m.ir.json"


def test_parameters_have_the_models_names_or_the_artifacts():
    path = ROOT / "examples/generated/tiny_mlp.ir.json"
    found = resolve(load_graph(path), path)
    of_model, of_artifact = (
        {one.name for one in onnx_model(found.program, found.store, of_model=which).graph.initializer}
        for which in (True, False)
    )
    assert of_model == {"hidden.weight", "hidden.bias", "scores.weight", "scores.bias"}
    assert of_artifact == {"linear_1_W", "linear_1_b", "linear_3_W", "linear_3_b"}


def test_more_than_a_file_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_models, "MOST_BYTES", 16)
    with pytest.raises(UserError, match="an ONNX file has less than 2 GiB"):
        emit_onnx(write(tmp_path, artifact_text(*MLP)))


# -- there and back -----------------------------------------------------------------------------------------


def _tensor(name: str, *shape: int) -> TensorProto:
    generator = np.random.default_rng(abs(hash(name)) % 1000)
    return numpy_helper.from_array(
        generator.standard_normal(shape).astype(np.float32) * np.float32(0.5), name
    )


def _model(nodes, tensors, shape, outputs):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def _dense():
    nodes = [
        helper.make_node("Gemm", ["image", "W1", "b1"], ["a"], "first", transB=1),
        helper.make_node("Relu", ["a"], ["b"], "second"),
        helper.make_node("MatMul", ["b", "W2"], ["c"], "third"),
        helper.make_node("Add", ["c", "b2"], ["scores"], "fourth"),
    ]
    return _model(
        nodes,
        [_tensor("W1", 5, 4), _tensor("b1", 5), _tensor("W2", 5, 2), _tensor("b2", 2)],
        [1, 4],
        ["scores"],
    )


def _convolutional():
    nodes = [
        helper.make_node("Conv", ["image", "K1", "k1"], ["a"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("MaxPool", ["b"], ["c"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "K2"], ["d"], "conv2", strides=[2, 2], group=2),
        helper.make_node("Sigmoid", ["d"], ["e"], "sigmoid"),
        helper.make_node("Flatten", ["e"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "W", "b0"], ["scores"], "scores"),
    ]
    tensors = [
        *(_tensor("K1", 4, 2, 3, 3), _tensor("k1", 4), _tensor("K2", 6, 2, 3, 3)),
        *(_tensor("W", 6, 3), _tensor("b0", 3)),
    ]
    return _model(nodes, tensors, [1, 2, 8, 8], ["scores"])


def _residual():
    nodes = [
        helper.make_node("MatMul", ["image", "Q"], ["q"], "query"),
        helper.make_node("Transpose", ["q"], ["t"], "turn", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "t"], ["s"], "weights"),
        helper.make_node("Softmax", ["s"], ["p"], "softmax", axis=-1),
        helper.make_node("MatMul", ["p", "image"], ["m"], "mix"),
        helper.make_node("Add", ["m", "image"], ["r"], "add"),
        helper.make_node("ReduceMean", ["r"], ["scores"], "mean", axes=[1], keepdims=0),
    ]
    return _model(nodes, [_tensor("Q", 6, 6)], [1, 5, 6], ["scores"])


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize("make", [_dense, _convolutional, _residual])
def test_a_model_that_is_captured_and_emitted_computes_the_same(tmp_path, make, dialect):
    original = make()
    (tmp_path / "net.onnx").write_bytes(original.SerializeToString())
    request = {"file": str(tmp_path / "net.onnx"), "name": "", "example_shape": None, "dialect": dialect}
    capture({**request, "out": str(tmp_path / "net.ir.json")}, lambda _: None)
    result = emit_onnx(tmp_path / "net.ir.json", tmp_path / "back.onnx")
    back = onnx.load(result.output)
    shape = [dim.dim_value for dim in original.graph.input[0].type.tensor_type.shape.dim]
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        (expected,), (found,) = run(original, x), run(back, x)
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
    before = {one.name for one in original.graph.initializer}
    assert before & {one.name for one in back.graph.initializer}
    assert [one.name for one in back.graph.output] == ["scores"]
    # Once more: what was emitted is captured, and emitted again.
    capture({**request, "file": str(result.output), "out": str(tmp_path / "again.ir.json")}, lambda _: None)
    again = onnx.load(emit_onnx(tmp_path / "again.ir.json").output)
    assert [node.op_type for node in again.graph.node] == [node.op_type for node in back.graph.node]
    assert {one.name for one in again.graph.initializer} == {one.name for one in back.graph.initializer}


# -- files --------------------------------------------------------------------------------------------------


def test_a_file_is_fresh_until_something_changes(tmp_path):
    artifact = write(tmp_path, artifact_text(*MLP))
    assert emit_onnx(artifact, check=True).before is State.MISSING
    assert emit_onnx(artifact).written
    content = (tmp_path / "m.onnx").read_bytes()
    result = emit_onnx(artifact)
    assert (result.before, result.written) == (State.FRESH, False)
    assert emit_onnx(artifact, force=True).written
    assert (tmp_path / "m.onnx").read_bytes() == content
    assert emit_onnx(artifact, names="artifact", check=True).changed == ("the options",)
    artifact.write_text(artifact.read_text("utf-8").replace("tanh", "relu"))
    result = emit_onnx(artifact, check=True)
    assert (result.before, result.changed) == (State.STALE, ("the artifact",))
    assert emit_onnx(artifact).doubt == "m.params.safetensors was made for another version of m.ir.json"


def test_another_parameter_file_and_other_names_are_remembered(tmp_path):
    artifact = write(tmp_path, artifact_text(*MLP))
    (tmp_path / "m.params.safetensors").rename(tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"TL501 no parameter file .*: the artifact needs 2 tensors"):
        emit_onnx(artifact)
    emit_onnx(artifact, params=tmp_path / "other.safetensors", names="artifact")
    assert emit_onnx(artifact, check=True).before is State.FRESH


def test_a_file_that_was_edited_is_kept(tmp_path):
    artifact = write(tmp_path, artifact_text(*MLP))
    target = emit_onnx(artifact).output
    model = onnx.load(target)
    model.graph.node[0].name = "mine"
    onnx.save(model, target)
    edited = target.read_bytes()
    with pytest.raises(WouldReplace, match="edited since it was generated"):
        emit_onnx(artifact)
    assert target.read_bytes() == edited
    result = emit_onnx(artifact, force=True)
    assert result.kept == tmp_path / "m.onnx.orig"
    assert result.kept.read_bytes() == edited


@pytest.mark.parametrize(
    "content",
    [b"", b"no model\n", b"\x08" * 100, b"\x0a\xff\xff\xff\xff\x7f", _dense().SerializeToString()],
    ids=["empty", "text", "varints", "length", "model"],
)
def test_somebody_elses_file_is_not_replaced(tmp_path, content):
    artifact = write(tmp_path, artifact_text(*MLP))
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(WouldReplace, match=r"was not generated by torchlean; .*-o m_emitted\.onnx"):
        emit_onnx(artifact)
    assert (tmp_path / "m.onnx").read_bytes() == content
    assert emit_onnx(artifact, force=True).kept.read_bytes() == content


@pytest.mark.parametrize("said", ["", "[]", "{}", "[" * 10_000, '{"artifact": "//host/m"}'])
def test_a_model_that_says_something_odd_of_its_origin_is_somebody_elses(tmp_path, said):
    artifact = write(tmp_path, artifact_text(*MLP))
    target = emit_onnx(artifact).output
    model = onnx.load(target)
    model.metadata_props[0].value = said
    onnx.save(model, target)
    assert emit_onnx(artifact, check=True).before is State.FOREIGN


def test_a_pipe_is_not_replaced(tmp_path):
    artifact = write(tmp_path, artifact_text(*MLP))
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="is a pipe or socket, no regular file"):
        emit_onnx(artifact)


def test_nothing_is_left_where_writing_fails(tmp_path, monkeypatch):
    artifact = write(tmp_path, artifact_text(*MLP))

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_file, "replacing", full)
    with pytest.raises(UsageError, match="cannot be written"):
        emit_onnx(artifact)
    assert not (tmp_path / "m.onnx").exists()


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_says_what_it_wrote_and_how_it_was_verified(tmp_path):
    write(tmp_path, artifact_text(*MLP))
    done = torchlean("emit", "m.ir.json", "-o", "net.onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"wrote net.onnx: 2 nodes, opset 17; verified with onnxruntime ")
    done = torchlean("emit", "m.ir.json", "--style", "onnx", "-o", "net.onnx", "--check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"net.onnx: fresh\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--style", "onnx", "-o", "m.py"], b"--style onnx and m.py: name a file such as net.onnx"),
        (["--style", "module", "-o", "m.onnx"], b"--style module and m.onnx: name a file such as net.py"),
        (["--style", "onnx", "--class-name", "Net"], b"--class-name: is of a module"),
        (["--style", "onnx", "--no-training-skeleton"], b"--training-skeleton: is of a module"),
        (["--style", "onnx", "--dtype", "float64"], b"--dtype: an ONNX file is written in float32"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, message):
    write(tmp_path, artifact_text(*RELU))
    done = torchlean("emit", "m.ir.json", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.glob("m.py")) + list(tmp_path.glob("*.onnx"))
