"""A generated module is a module as any other: exported, compiled, moved, copied, pickled, trained."""

from __future__ import annotations

import copy
import io
import pickle
import sys

import pytest
import torch

from tests.core.emit.support import artifact_text, interpreter, load_module, write
from tests.core.emit.test_emit_values import ATTENTION
from torchlean_core.emit import emit_file

CNN = artifact_text(
    {"kind": "input", "shape": [2, 6, 6]},
    {
        "kind": "conv2d", "parents": [0], "shape": [3, 6, 6], "inC": 2, "outC": 3,
        "kH": 3, "kW": 3, "stride": 1, "padding": 1,
    },
    {"kind": "relu", "parents": [1], "shape": [3, 6, 6]},
    {"kind": "max_pool2d", "parents": [2], "shape": [3, 3, 3], "kH": 2, "kW": 2, "stride": 2},
    {"kind": "flatten", "parents": [3], "shape": [27], "value_shape": [3, 3, 3]},
    {"kind": "linear", "parents": [4], "shape": [4]},
)  # fmt: skip
RANDOM = artifact_text(
    {"kind": "input", "shape": []},
    {"kind": "sigmoid", "parents": [0], "shape": []},
    {"kind": "bernoulli_mask", "parents": [1], "shape": [5, 3], "seed": 4},
    {"kind": "rand_uniform", "shape": [5, 3], "seed": 2**63 + 5},
    {"kind": "mul_elem", "parents": [2, 3], "shape": [5, 3]},
    {"kind": "linear", "parents": [4], "shape": [5, 2]},
)
GROUPED = artifact_text(
    {"kind": "input", "shape": [2, 4, 4]},
    {
        "kind": "conv2d", "parents": [0], "shape": [2, 4, 4], "inC": 2, "outC": 2,
        "kH": 1, "kW": 1, "stride": 1, "padding": 0, "groups": 2,
    },
)  # fmt: skip
GROUPED_TENSORS = {
    "conv2d_1_kernel": torch.diag(torch.tensor([1.5, -2.0]))[:, :, None, None],
    "conv2d_1_bias": torch.zeros(2),
}
GRAPHS = {"cnn": CNN, "attention": ATTENTION, "random numbers": RANDOM, "grouped": GROUPED}
STYLES = [("cnn", "sequential"), *((name, "module") for name in GRAPHS)]


@pytest.fixture(params=[0, 10**6], ids=["from file", "literals"])
def limit(request):
    return request.param


def made(folder, name, style, limit):
    """A generated module's class, its model, and an input."""
    artifact = write(folder, GRAPHS[name], GROUPED_TENSORS if name == "grouped" else None)
    output = emit_file(artifact, changes={"style": style, "literal_limit": limit}).output
    module = load_module(output)
    reference = interpreter(GRAPHS[name])
    x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(0))
    return module, module.ExportedIRModel(), x


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_state_dict_copies_pickles_and_types(tmp_path, name, style, limit):
    module, model, x = made(tmp_path, name, style, limit)
    with torch.no_grad():
        expected = model(x)
        twin = module.ExportedIRModel()
        for parameter in twin.parameters():
            parameter.zero_()
        buffer = io.BytesIO()
        torch.save(model.state_dict(), buffer)
        buffer.seek(0)
        twin.load_state_dict(torch.load(buffer, weights_only=True))
        assert torch.equal(twin(x), expected)
        assert torch.equal(copy.deepcopy(model)(x), expected)
        sys.modules[module.__name__] = module
        try:
            assert torch.equal(pickle.loads(pickle.dumps(model))(x), expected)
        finally:
            del sys.modules[module.__name__]
        double = copy.deepcopy(model).double()
        assert double(x.double()).dtype == torch.float64
        torch.testing.assert_close(double(x.double()).float(), expected, rtol=1e-4, atol=1e-5)
        assert {p.dtype for p in module.ExportedIRModel(torch.float64).parameters()} == {torch.float64}
        elsewhere = copy.deepcopy(model).to("meta")
        assert elsewhere(x.to("meta")).shape == expected.shape
        assert {t.device.type for t in (*elsewhere.parameters(), *elsewhere.buffers())} == {"meta"}


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_torch_export(tmp_path, name, style):
    _, model, x = made(tmp_path, name, style, 0)
    exported = torch.export.export(model, (x,)).module()
    with torch.no_grad():
        assert torch.equal(exported(x), model(x))


def has_compiler() -> bool:
    from torch._inductor import cpp_builder, exc

    try:
        return bool(cpp_builder.get_cpp_compiler())
    except exc.InvalidCxxCompiler:
        return False


@pytest.mark.skipif(not has_compiler(), reason="torch.compile needs a C++ compiler")
def test_torch_compile(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [4]},
        {"kind": "linear", "parents": [0], "shape": [3]},
        {"kind": "relu", "parents": [1], "shape": [3]},
    )
    model = load_module(emit_file(write(tmp_path, text)).output).ExportedIRModel()
    x = torch.randn(4)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model)(x), model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_torch_compile_traces_the_whole_graph(tmp_path, name, style):
    _, model, x = made(tmp_path, name, style, 0)
    with torch.no_grad():
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        assert torch.equal(compiled(x), model(x))


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_parameters_train_and_buffers_stay(tmp_path, name, style, limit):
    module, model, x = made(tmp_path, name, style, limit)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = module.make_optimizer(model, lr=0.05)
    target = torch.zeros_like(model(x))
    losses = [module.train_step(model, optimizer, x, target) for _ in range(20)]
    assert losses[-1] < losses[0]
    trained = {key for key, _ in model.named_parameters()}
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) is (key not in trained), key
    assert module.ExportedIRModel()(x).equal(module.ExportedIRModel()(x))
    for key, value in module.ExportedIRModel().state_dict().items():  # the file itself was not written to
        assert torch.equal(value, before[key])


def test_structural_zeros_stay_zero_while_it_trains(tmp_path):
    module, model, x = made(tmp_path, "grouped", "module", 10**6)
    optimizer = module.make_optimizer(model, lr=0.1)
    for _ in range(5):
        module.train_step(model, optimizer, x, torch.zeros(2, 4, 4))
    kernel = model.conv2d_1_kernel.detach()[:, :, 0, 0]
    assert kernel[0, 1] == kernel[1, 0] == 0 and kernel[0, 0] != 1.5
    assert "conv2d_1_kernel_structure" not in model.state_dict()


def test_a_missing_weights_file_is_named(tmp_path):
    _, _, _ = made(tmp_path, "cnn", "module", 0)
    (tmp_path / "m.params.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"m\.params\.safetensors"):
        load_module(tmp_path / "m.py").ExportedIRModel()
