"""What the interpreter takes and refuses, beside the values themselves."""

import pytest
import torch

from tests.core.interp.interp_cases import CASES, X
from tests.core.interp.interp_reference import program_of
from torchlean_core.errors import UsageError, UserError
from torchlean_core.interp import Interpreter, resolve_device

LINEAR = [X, {"kind": "linear", "parents": [0], "shape": [2, 4]}]


def linear_params(**changes):
    return {"linear_1_W": torch.ones(4, 3), "linear_1_b": torch.zeros(4), **changes}


def test_wrong_input_shape_names_both():
    interpreter = Interpreter(program_of(LINEAR), linear_params())
    with pytest.raises(UserError, match=r"shape \[3, 2\], expected \[2, 3\]"):
        interpreter.run(torch.zeros(3, 2))


def test_wrong_input_type_names_both():
    interpreter = Interpreter(program_of(LINEAR), linear_params())
    with pytest.raises(UserError, match="the input is float64, expected float32"):
        interpreter.run(torch.zeros(2, 3, dtype=torch.float64))


def test_missing_parameter_is_named():
    with pytest.raises(UserError, match=r"node 1 \(linear\): linear_1_W \[4, 3\] is missing"):
        Interpreter(program_of(LINEAR), {})


def test_parameter_of_another_shape_is_named():
    with pytest.raises(UserError, match=r"linear_1_b has shape \[5\], expected \[4\]"):
        Interpreter(program_of(LINEAR), linear_params(linear_1_b=torch.zeros(5)))


def test_inputs_of_different_shapes_are_refused():
    program = program_of([X, {"kind": "input", "shape": [3, 2]}], output=0)
    with pytest.raises(
        UserError, match=r"input nodes 0 and 1 have different shapes \(\[2, 3\] and \[3, 2\]\)"
    ):
        Interpreter(program, {})


def test_half_precision_is_refused():
    with pytest.raises(UserError, match="expected float32 or float64"):
        Interpreter(program_of([X]), {}, torch.float16)


@pytest.mark.parametrize("eps", ["1e-5", True, -1.0, None])
def test_epsilon_that_is_no_number_names_the_node(eps):
    program = program_of([X, {"kind": "layernorm", "parents": [0], "shape": [2, 3], "axis": 1, "eps": eps}])
    with pytest.raises(UserError, match=r"node 1 \(layernorm\): eps must be a finite number >= 0"):
        Interpreter(program, {})


def test_node_too_big_for_memory_is_named():
    shape = [1 << 40, 1 << 40]
    node = {"kind": "rand_uniform", "shape": shape, "seed": 0}
    program = program_of([X, node])
    with pytest.raises(UserError, match=r"node 1 \(rand_uniform\).* cannot be computed"):
        Interpreter(program, {}).run(torch.zeros(2, 3))


def test_nodes_off_the_path_to_the_output_are_not_evaluated():
    huge = {"kind": "rand_uniform", "shape": [1 << 40, 1 << 40], "seed": 0}
    program = program_of([X, huge, {"kind": "relu", "parents": [0], "shape": [2, 3]}])
    x = torch.tensor([[1.0, -2.0, 3.0], [-1.0, 0.0, 2.0]])
    assert torch.equal(Interpreter(program, {}).run(x), x.clamp(min=0))


def test_gradients_stop_at_detach_and_flow_elsewhere():
    program = program_of(
        [
            X,
            {"kind": "detach", "parents": [0], "shape": [2, 3]},
            {"kind": "mul_elem", "parents": [0, 1], "shape": [2, 3]},
            {"kind": "sum", "parents": [2], "shape": []},
        ]
    )
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    Interpreter(program, {}).function({}, x).backward()
    assert torch.equal(x.grad, x.detach())


def test_attention_has_gradients_for_all_projections():
    program = program_of(CASES["attention"])
    params = {p.name: torch.rand(p.shape).requires_grad_(p.trainable) for p in program.parameters()}
    interpreter = Interpreter(program, params)
    interpreter.function(params, torch.randn(2, 3, 4)).sum().backward()
    assert all(params[p.name].grad is not None for p in program.parameters() if p.trainable)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cpu:0", "CUDA"])
def test_unknown_device_is_a_usage_error(name):
    with pytest.raises(UsageError, match="unknown device"):
        resolve_device(name)


def test_cpu_is_always_there():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_absent_gpu_is_a_usage_error(name):
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match=f"device {name} was asked for, but .*use --device cpu"):
        resolve_device(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_agrees_with_cpu_on_every_kind():
    for name, nodes in CASES.items():
        program = program_of(nodes)
        params = {p.name: torch.rand(p.shape) for p in program.parameters()}
        x = torch.rand(program.nodes[program.input_id].shape)
        on_cpu = Interpreter(program, params).run(x)
        on_gpu = Interpreter(program, params, device="cuda").run(x)
        torch.testing.assert_close(
            on_gpu.cpu(),
            on_cpu,
            rtol=1e-4,
            atol=1e-5,
            equal_nan=True,
            msg=lambda text, name=name: f"{name}: {text}",
        )
