"""Shapes, selections, reductions and matrix products: each is captured exactly."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import exact, function, kinds

CASES = {
    "reshape": lambda x: x.reshape(4, 6) + 1,
    "reshape with -1": lambda x: x.reshape(-1, 4).exp(),
    "view": lambda x: x.exp().view(6, 4),
    "flatten": lambda x: x.flatten() * 2,
    "flatten(1)": lambda x: x.flatten(1) * 2,
    "flatten in the middle": lambda x: x[None].flatten(1, 2) * 2,
    "unflatten": lambda x: x.unflatten(2, (2, 2)) * 2,
    "unsqueeze": lambda x: x.unsqueeze(1) * x.unsqueeze(-1).reshape(2, 1, 3, 4),
    "squeeze": lambda x: x[:1].squeeze(0) + 1,
    "squeeze all": lambda x: x[:1, :, :1].squeeze() + 1,
    "permute": lambda x: x.permute(2, 0, 1) * 2,
    "permute twice": lambda x: x.permute(2, 0, 1).permute(1, 2, 0) + x,
    "transpose": lambda x: x.transpose(0, -1) * 2,
    "t": lambda x: x[0].t() * 2,
    "mT": lambda x: x.mT * 2,
    "movedim": lambda x: torch.movedim(x, 0, 2) * 2,
    "expand": lambda x: x[:, :1].expand(-1, 5, -1) * 2,
    "expand with new axes": lambda x: x.expand(3, 2, 3, 4) * 2,
    "repeat": lambda x: x.repeat(2, 1, 3),
    "cat": lambda x: torch.cat([x, x.exp(), torch.ones(2, 3, 1)], dim=-1),
    "stack": lambda x: torch.stack([x, x.exp()], dim=1),
    "chunk": lambda x: torch.cat(list(reversed(x.chunk(2, dim=-1))), -1),
    "split": lambda x: x.split([1, 3], dim=2)[1] * 2,
    "unbind": lambda x: x.unbind(1)[2] * 2,
    "slice": lambda x: x[:, 1:, ::2] * 2,
    "select": lambda x: x[1, -1] * 2,
    "flip": lambda x: x.flip([0, 2]),
    "roll": lambda x: x.roll(1, 2),
    "index_select": lambda x: x.index_select(1, torch.tensor([2, 0, 0])),
    "narrow": lambda x: x.narrow(2, 1, 2) * 2,
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=0.5),
    "glu": lambda x: F.glu(x, dim=-1),
    "sum": lambda x: x.sum(),
    "sum over axes": lambda x: x.sum((0, 2)),
    "sum keepdim": lambda x: x / x.exp().sum(-1, keepdim=True),
    "mean": lambda x: x.mean(),
    "mean over axes": lambda x: x.mean((1, 2), keepdim=True) + x,
    "var": lambda x: x.var(-1) + x.var((0, 1, 2), unbiased=False),
    "std": lambda x: x.std(1, keepdim=True) + x,
    "amax": lambda x: x.amax(1) + x.amax((1,), keepdim=True)[:, 0],
    "amax over all": lambda x: x.amax(),
    "amin": lambda x: x.amin((0, 2)),
    "softmax": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "logsumexp": lambda x: x.logsumexp(-1),
    "logsumexp keepdim": lambda x: x.logsumexp((0, 1), keepdim=True) + x,
    "norm": lambda x: x / x.norm(dim=-1, keepdim=True),
    "normalize": lambda x: F.normalize(x, dim=-1),
    "1-norm": lambda x: torch.linalg.vector_norm(x, ord=1, dim=-1),
    "rms norm": lambda x: F.rms_norm(x, (4,), eps=1e-6),
    "matmul of rank 2": lambda x: x[0] @ x[1].T,
    "matmul of rank 3": lambda x: x @ x.transpose(1, 2),
    "matmul with a vector": lambda x: x @ x[0, 0],
    "vector times matrix": lambda x: x[0, 0] @ x[0].T,
    "dot": lambda x: x[0, 0] @ x[0, 1],
    "matmul broadcast": lambda x: x[None] @ x[0].T[None, None],
    "bmm": lambda x: torch.bmm(x, x.transpose(1, 2)),
    "baddbmm": lambda x: torch.baddbmm(x[:, :, :3], x, x.transpose(1, 2), beta=0.5, alpha=2),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x),
    "outer": lambda x: torch.outer(x[0, 0], x[1, 1]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_capture_is_exact(name: str) -> None:
    assert exact(function(lambda m, x: CASES[name](x), (2, 3, 4)))


@pytest.mark.parametrize("shape", [(4,), (1, 4), (2, 3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_is_one_node(shape: tuple[int, ...], bias: bool) -> None:
    result = function(lambda m, x: m.layer(x), shape, layer=nn.Linear(4, 5, bias=bias))
    assert kinds(result) == ["linear"]
    assert set(result.tensors) == ({"linear_1_W", "linear_1_b"} if bias else {"linear_1_W"})
    assert result.tensors["linear_1_W"].shape == (5, 4)
    assert exact(result)


def test_a_parameter_matrix_is_a_const_and_a_matmul() -> None:
    result = function(lambda m, x: x @ m.w, (2, 4), w=nn.Parameter(torch.randn(4, 3)))
    assert kinds(result) == ["const", "matmul"]
    assert exact(result)


def test_a_transposed_parameter_matrix_is_a_linear_layer() -> None:
    result = function(lambda m, x: x @ m.w.T, (2, 4), w=nn.Parameter(torch.randn(3, 4)))
    assert kinds(result) == ["linear"]
    assert exact(result)


def test_addmm_keeps_beta_and_alpha() -> None:
    result = function(
        lambda m, x: torch.addmm(m.b, x, m.w, beta=0.5, alpha=2.0),
        (2, 4),
        w=nn.Parameter(torch.randn(4, 3)),
        b=nn.Parameter(torch.randn(3)),
    )
    assert exact(result)


def test_a_bilinear_form_of_the_input() -> None:
    assert exact(function(lambda m, x: F.linear(x, x), (3, 4)))


def test_trivial_reshapes_and_permutations_are_dropped() -> None:
    result = function(lambda m, x: x.reshape(12).reshape(3, 4).t().t().reshape(3, 4).exp(), (3, 4))
    assert kinds(result) == ["exp"]


def test_a_selection_says_so_in_its_debug_target() -> None:
    result = function(lambda m, x: x[:, 1:], (2, 3))
    targets = [node.extra["debug_target"] for node in result.graph.nodes if node.kind == "matmul"]
    assert targets == ["aten.slice.Tensor (selection matrix)"]
    assert [node.extra.get("trainable") for node in result.graph.nodes if node.kind == "const"] == [False]


def test_what_the_output_does_not_need_is_left_out() -> None:
    def forward(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        module.layer(x).exp()
        return x.relu()

    result = function(forward, (2, 4), layer=nn.Linear(4, 4))
    assert kinds(result) == ["relu"]
    assert result.tensors == {}


def test_a_constant_model_keeps_its_input() -> None:
    result = function(lambda m, x: m.w * 1.0, (2,), w=torch.ones(3))
    assert kinds(result) == ["const"]
    assert result.graph.output_id == 1


def test_the_identity_is_the_input_alone() -> None:
    result = function(lambda m, x: x, (2,))
    assert kinds(result) == []


KNOWN_FIRST = {
    "layer norm": lambda m, x: F.layer_norm(m.p, (3,), x.mean(0), x.sum(0)),
    "batch norm": lambda m, x: F.batch_norm(m.p[None], m.mean, m.var, x[:, 0], x[:, 1]),
    "group norm": lambda m, x: F.group_norm(m.p[None], 2, x[:, 0], x[:, 1]),
    "linear": lambda m, x: F.linear(m.p, x),
    "softmax": lambda m, x: torch.addcmul(m.p, x, x),
    "prelu": lambda m, x: F.prelu(m.p, x[0, :1]),
    "the kernel of prelu": lambda m, x: torch.ops.aten._prelu_kernel(x[:, :2, None] - m.p[:, None], x[0]),
}
"""The first operand is a parameter, another one depends on the input."""


@pytest.mark.parametrize("name", KNOWN_FIRST)
def test_a_known_tensor_is_taken_for_a_value(name: str) -> None:
    torch.manual_seed(0)
    state = {"p": nn.Parameter(torch.randn(4, 3)), "mean": torch.randn(4), "var": torch.rand(4) + 0.5}
    assert exact(function(KNOWN_FIRST[name], (4, 3), **state))


OF_A_SCALAR = {
    "sum": lambda x: x.sum(0),
    "mean": lambda x: x.mean(-1, keepdim=True),
    "prod": lambda x: x.prod(0),
    "amax": lambda x: x.amax(0),
    "amin": lambda x: x.amin(-1, keepdim=True),
    "max": lambda x: x.max(0).values,
    "min": lambda x: x.min(-1).values,
    "logsumexp": lambda x: x.logsumexp(0),
    "log_softmax": lambda x: x.log_softmax(0) + x,
    "norm": lambda x: x.norm(dim=0),
    "sort": lambda x: x.sort(0).values,
    "cumsum": lambda x: x.cumsum(0),
    "flip": lambda x: x.flip(0),
    "index_select": lambda x: x.index_select(0, torch.tensor([0])),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x + 3, dim=0),
}
"""PyTorch takes axes 0 and -1 of a scalar."""


@pytest.mark.parametrize("name", OF_A_SCALAR)
def test_the_axis_of_a_scalar(name: str) -> None:
    assert exact(function(lambda m, x: OF_A_SCALAR[name](x * 2), ()))
