"""The sequential lowering: which graphs are chains, their seeds, and the files that are emitted."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.core.emit.support import artifact_text, emitted, interpreter, random_tensors, write
from torchlean_core.artifact import parse_graph
from torchlean_core.cli.main import main
from torchlean_core.emit import emit_file
from torchlean_core.errors import UserError
from torchlean_core.graph import lower, to_sequential
from torchlean_core.init import default_plan
from torchlean_core.interp.sequential import sequential_module
from torchlean_core.kinds import CLASSIC


def chain(shape, *steps):
    """A chain over an input: each step is (kind, result shape, own fields)."""
    nodes = [{"kind": "input", "shape": shape}]
    for kind, result, fields in steps:
        nodes.append({"kind": kind, "parents": [len(nodes) - 1], "shape": result, **fields})
    return artifact_text(*nodes)


def reshape(before, after):
    return "reshape", after, {"in_shape": before, "out_shape": after}


def window(kind, shape, kernel, stride=1, padding=None, **fields):
    own = {"kH": kernel[0], "kW": kernel[1], "stride": stride, **fields}
    return kind, shape, own if padding is None else {**own, "padding": padding}


CHAINS = {
    "mlp": chain([1, 4], ("linear", [1, 8], {}), ("relu", [1, 8], {}), ("linear", [1, 3], {})),
    "activations": chain(
        [2, 3], ("tanh", [2, 3], {}), ("sigmoid", [2, 3], {}), ("softmax", [2, 3], {"axis": 1})
    ),
    "layernorm": chain([2, 3, 4], ("layernorm", [2, 3, 4], {"axis": 1}), ("relu", [2, 3, 4], {})),
    "layernorm eps": chain([2, 4], ("layernorm", [2, 4], {"axis": 1, "eps": 0.25})),
    "batch norm": chain(
        [1, 3, 2, 2], ("batch_norm2d_nchw_eval", [1, 3, 2, 2], {"channels": 3, "eps": 0.001})
    ),
    "convolution": chain(
        [2, 8, 6],
        window("conv2d", [4, 8, 6], (3, 3), 1, 1, inC=2, outC=4),
        ("relu", [4, 8, 6], {}),
        window("max_pool2d", [4, 4, 3], (2, 2), 2),
        window("avg_pool2d", [4, 3, 2], (2, 2), 1),
        window("max_pool2d_pad", [4, 3, 2], (3, 3), 1, 1),
        window("avg_pool2d_pad", [4, 2, 1], (3, 3), 2, 1),
        ("flatten", [8], {"value_shape": [4, 2, 1]}),
        ("linear", [5], {}),
    ),
    "uneven convolution": chain([1, 5, 7], window("conv2d", [2, 3, 4], (2, 3), 2, 1, inC=1, outC=2)),
    "padding past half a window": chain(
        [2, 3, 3],
        window("max_pool2d_pad", [2, 8, 8], (2, 2), 1, 3),
        window("avg_pool2d_pad", [2, 13, 13], (2, 2), 1, 3),
    ),
    "stride past 32 bits": chain([2, 3, 3], window("max_pool2d", [2, 1, 1], (2, 2), 2**40)),
    "reshapes": chain(
        [2, 3, 4],
        reshape([2, 3, 4], [2, 12]),
        reshape([2, 12], [2, 2, 6]),
        reshape([2, 2, 6], [6, 4]),
        reshape([6, 4], [1, 6, 4]),
        reshape([1, 6, 4], [24]),
        reshape([24], [24]),
    ),
    "to a scalar": chain([1, 1], reshape([1, 1], []), reshape([], [1]), ("flatten", [1], {"value_shape": [1]})),
    "of a scalar": chain([], ("flatten", [1], {"value_shape": []})),
    "empty": chain([0, 3], reshape([0, 3], [3, 0]), ("relu", [3, 0], {})),
    "input alone": chain([2]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("limit", [10**6, 0], ids=["literals", "from file"])
def test_a_chain_as_an_nn_sequential_gives_what_the_interpreter_gives(tmp_path, name, limit):
    text = CHAINS[name]
    reference = interpreter(text)
    x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(1))
    model = emitted(tmp_path, text, style="sequential", literal_limit=limit)
    assert isinstance(model, torch.nn.Sequential)
    with torch.no_grad():
        torch.testing.assert_close(model(x), reference.run(x), rtol=1e-6, atol=1e-6)
    built = sequential_module(reference.program, random_tensors(reference.program))
    with torch.no_grad():
        assert torch.equal(built(x), model(x))
        assert torch.equal(copy.deepcopy(model)(x), model(x))
    assert [type(module).__name__ for module in built] == [type(module).__name__ for module in model]


def test_exactly_the_kinds_of_the_page_have_a_layer_view():
    expected = {
        "linear", "conv2d", "max_pool2d", "avg_pool2d", "max_pool2d_pad", "avg_pool2d_pad", "flatten", "reshape",
        "relu", "tanh", "sigmoid", "softmax", "layernorm", "batch_norm2d_nchw_eval",
    }  # fmt: skip
    assert {
        name for name, kind in CLASSIC.tensor_kinds.items() if kind.operator.layer is not None
    } == expected


def test_seeds_follow_the_occurrence_of_layers_with_parameters():
    program = lower(parse_graph(CHAINS["convolution"]))
    layers = to_sequential(program)
    assert [
        (program.kind_of(layer.node), layer.occurrence, layer.seeds) for layer in layers if layer.seeds
    ] == [
        ("conv2d", 0, (0, 1)),
        ("linear", 1, (2, 3)),
    ]
    plan = default_plan(program)
    weights = {layer.node.raw: layer.seeds[0] for layer in layers if layer.seeds}
    assert plan["conv2d_1_kernel"].seed == weights[1] and plan["linear_8_W"].seed == weights[8]


def test_the_file_reads_as_layers_with_their_seeds(tmp_path):
    artifact = write(tmp_path, CHAINS["mlp"])
    text = emit_file(artifact, changes={"style": "sequential", "class_name": "Net"}).output.read_text()
    assert "class Net(nn.Sequential):" in text
    assert "nn.Linear(4, 8),  # layer 0, seeds 0 and 1\n" in text
    assert "nn.ReLU(),\n" in text


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([("add", [0, 0], {}), ("relu", [1], {})], "node 1 (add)"),
        ([("relu", [0], {}), ("exp", [1], {}), ("sin", [2], {})], "node 2 (exp)"),
        ([("softmax", [0], {"axis": 0})], "node 1 (softmax)"),
        ([("const", [], {}), ("mul_elem", [0, 1], {})], "node 1 (const)"),
        ([("relu", [0], {}), ("linear", [0], {}), ("add", [1, 2], {})], "node 2 (linear)"),
    ],
)
def test_the_first_node_without_a_layer_view_is_named(tmp_path, capsys, monkeypatch, nodes, named):
    text = artifact_text(
        {"kind": "input", "shape": [2, 3]},
        *({"kind": kind, "parents": parents, "shape": [2, 3], **own} for kind, parents, own in nodes),
    )
    message = f"{named} has no Seq lowering; use the module style"
    with pytest.raises(UserError) as caught:
        to_sequential(lower(parse_graph(text)))
    assert str(caught.value) == message
    monkeypatch.chdir(tmp_path)
    write(tmp_path, text)
    assert main(["emit", "m.ir.json", "--style", "sequential"]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "m.py").exists()


def test_an_attention_is_no_layer():
    from tests.core.emit.test_emit_values import ATTENTION

    with pytest.raises(
        UserError, match=r"node 2 \(tuple_getitem\) has no Seq lowering; use the module style"
    ):
        to_sequential(lower(parse_graph(ATTENTION)))


def test_what_does_not_reach_the_output_is_no_obstacle(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [2, 3]},
        {"kind": "exp", "parents": [0], "shape": [2, 3]},
        {"kind": "relu", "parents": [0], "shape": [2, 3]},
    )
    model = emitted(tmp_path, text, style="sequential")
    assert [type(module).__name__ for module in model] == ["ReLU"]


GROUPED = chain(
    [4, 6, 6], window("conv2d", [6, 2, 2], (5, 5), 1, 0, inC=4, outC=6, groups=2, dilation=[2, 2])
)


@pytest.mark.parametrize("limit", [10**6, 0], ids=["literals", "from file"])
def test_a_dense_kernel_becomes_the_grouped_and_dilated_convolution_it_stands_for(tmp_path, limit):
    dense = torch.zeros(6, 4, 5, 5)
    dense[:3, :2, ::2, ::2] = torch.randn(3, 2, 3, 3)
    dense[3:, 2:, ::2, ::2] = torch.randn(3, 2, 3, 3)
    tensors = {"conv2d_1_kernel": dense, "conv2d_1_bias": torch.randn(6)}
    model = emitted(tmp_path, GROUPED, tensors, style="sequential", literal_limit=limit)
    assert repr(model[0]) == "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), dilation=(2, 2), groups=2)"
    x = torch.randn(4, 6, 6)
    reference = interpreter(GROUPED, tensors)
    with torch.no_grad():
        torch.testing.assert_close(model(x), reference.run(x), rtol=1e-5, atol=1e-5)
        built = sequential_module(reference.program, tensors)
        assert torch.equal(built(x), model(x))


def test_batch_normalization_keeps_its_statistics_and_a_negative_variance_counts_as_zero(tmp_path):
    text = CHAINS["batch norm"]
    tensors = random_tensors(lower(parse_graph(text)))
    tensors["batchnorm_1_var"][1] = -0.5
    model = emitted(tmp_path, text, tensors, style="sequential")
    assert not model.training and not model[0].training
    x = torch.randn(1, 3, 2, 2)
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpreter(text, tensors).run(x))


def test_building_a_sequential_draws_no_random_numbers(tmp_path):
    artifact = write(tmp_path, CHAINS["mlp"])
    output = emit_file(artifact, changes={"style": "sequential"}).output
    from tests.core.emit.support import load_module

    module = load_module(output)
    torch.manual_seed(5)
    module.ExportedIRModel()
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(5)))


def test_the_style_is_remembered_with_the_other_options(tmp_path):
    artifact = write(tmp_path, CHAINS["mlp"])
    emit_file(artifact, changes={"style": "sequential"})
    assert not emit_file(artifact).written
    assert "nn.Module" in emit_file(artifact, changes={"style": "module"}).output.read_text()
