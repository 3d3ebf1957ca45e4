"""Convolutions, pools and normalization: each is captured exactly, whatever its arguments."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import captured, exact, function, kinds


def test_a_convolution_of_an_unbatched_image_is_one_node() -> None:
    torch.manual_seed(0)
    result = captured(nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 7, 6))
    assert kinds(result) == ["conv2d"]
    assert exact(result)


def test_a_batch_of_one_is_reshaped() -> None:
    result = captured(nn.Conv2d(2, 3, 3, bias=False), (1, 2, 7, 6))
    assert kinds(result) == ["reshape", "conv2d", "reshape"]
    assert result.graph.nodes[2].extra["parameters"]["bias"] == {"absent": True}
    assert exact(result)


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "rectangular kernel": {"kernel_size": (2, 3)},
    "unequal padding": {"kernel_size": 3, "padding": (0, 1)},
    "unequal stride": {"kernel_size": 3, "stride": (1, 2)},
    "coprime strides with padding": {"kernel_size": 3, "stride": (2, 3), "padding": 1},
    "groups": {"kernel_size": 3, "groups": 2},
    "depthwise": {"kernel_size": 3, "groups": 4},
    "dilation": {"kernel_size": 3, "dilation": 2},
    "unequal dilation": {"kernel_size": 3, "dilation": (1, 2)},
    "groups and dilation": {"kernel_size": 2, "dilation": 3, "groups": 2, "padding": 1, "stride": 2},
    "padding same": {"kernel_size": (2, 3), "padding": "same"},
    "padding same, dilated": {"kernel_size": 3, "padding": "same", "dilation": 2},
    "padding valid": {"kernel_size": 3, "padding": "valid"},
    "circular padding": {"kernel_size": 3, "padding": (1, 2), "padding_mode": "circular"},
    "reflected padding": {"kernel_size": 3, "padding": 2, "padding_mode": "reflect"},
    "replicated padding": {"kernel_size": 3, "padding": 1, "padding_mode": "replicate"},
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d_is_exact(name: str) -> None:
    torch.manual_seed(0)
    assert exact(captured(nn.Conv2d(4, 8, **CONVOLUTIONS[name]), (4, 7, 8)))


@pytest.mark.parametrize(
    "arguments",
    [{}, {"stride": 2}, {"padding": 2}, {"groups": 2}, {"dilation": 2}, {"padding": "same"}],
    ids=str,
)
@pytest.mark.parametrize("batch", [(), (1,)])
def test_conv1d_is_exact(arguments: dict[str, Any], batch: tuple[int, ...]) -> None:
    assert exact(captured(nn.Conv1d(4, 6, 3, **arguments), (*batch, 4, 9)))


def test_a_grouped_convolution_says_so() -> None:
    result = captured(nn.Conv2d(4, 4, 3, groups=2, dilation=2), (4, 8, 8))
    node = result.graph.nodes[1]
    assert (node.extra["groups"], node.extra["dilation"]) == (2, 2)
    assert result.tensors["conv2d_1_kernel"].shape == (4, 2, 3, 3), "the model's own is stored"
    assert [note.code for note in result.notes] == ["TL606"]
    assert "400 scalars" in result.notes[0].message


MAX_POOLS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 2},
    "stride": {"kernel_size": 3, "stride": 2},
    "padding": {"kernel_size": 3, "stride": 2, "padding": 1},
    "unequal padding": {"kernel_size": (2, 3), "stride": 1, "padding": (0, 1)},
    "unequal stride": {"kernel_size": 2, "stride": (1, 3)},
    "ceil mode": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    "ceil mode with padding": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    "ceil mode, unequal": {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "ceil_mode": True},
}


@pytest.mark.parametrize("name", MAX_POOLS)
@pytest.mark.parametrize("shape", [(2, 7, 8), (2, 3, 8, 7)])
def test_max_pool2d_is_exact(name: str, shape: tuple[int, ...]) -> None:
    result = captured(nn.MaxPool2d(**MAX_POOLS[name]), shape)
    assert exact(result)


AVERAGE_POOLS: dict[str, dict[str, Any]] = {
    **MAX_POOLS,
    "padding not counted": {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    "divisor": {"kernel_size": 2, "divisor_override": 3},
    "everything": {
        "kernel_size": (3, 2),
        "stride": (2, 3),
        "padding": 1,
        "ceil_mode": True,
        "count_include_pad": False,
    },
}


@pytest.mark.parametrize("name", AVERAGE_POOLS)
@pytest.mark.parametrize("shape", [(1, 2, 8, 7)])
def test_avg_pool2d_is_exact(name: str, shape: tuple[int, ...]) -> None:
    result = captured(nn.AvgPool2d(**AVERAGE_POOLS[name]), shape)
    assert exact(result)


def test_plain_pools_are_one_node() -> None:
    assert kinds(captured(nn.MaxPool2d(2), (2, 4, 4))) == ["max_pool2d"]
    assert kinds(captured(nn.AvgPool2d(3, 1, 1), (2, 4, 4))) == ["avg_pool2d_pad"]
    assert kinds(captured(nn.AdaptiveAvgPool2d(1), (2, 4, 4))) == ["avg_pool2d"]


OTHER_POOLS = {
    "max_pool1d": lambda x: F.max_pool1d(x, 3, 2, 1),
    "max_pool1d ceil": lambda x: F.max_pool1d(x, 3, 2, ceil_mode=True),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 3, 2),
    "avg_pool1d padded": lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 3),
    "adaptive 2d, equal windows": lambda x: F.adaptive_avg_pool2d(x[:, None], (1, 4)),
    "adaptive 2d, other windows": lambda x: F.adaptive_avg_pool2d(x[None], (2, 3)),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x[None], 1),
}


@pytest.mark.parametrize("name", OTHER_POOLS)
def test_other_pools_are_exact(name: str) -> None:
    assert exact(function(lambda m, x: OTHER_POOLS[name](x), (3, 8)))


def _batch_norm(layer: Any) -> Any:
    torch.manual_seed(1)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2.0)
    return layer


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm2d(3, eps=1e-3), (2, 3, 4, 5)),
        (nn.BatchNorm2d(3, affine=False), (1, 3, 4, 5)),
        (nn.BatchNorm1d(3), (2, 3)),
        (nn.BatchNorm1d(3), (2, 3, 4)),
        (nn.BatchNorm3d(3), (1, 3, 2, 2, 2)),
        (nn.InstanceNorm2d(3, affine=True), (1, 3, 4, 5)),
        (nn.InstanceNorm2d(3), (3, 4, 5)),
        (nn.InstanceNorm1d(3, track_running_stats=True, affine=True), (1, 3, 5)),
        (nn.GroupNorm(2, 4), (2, 4, 3, 3)),
        (nn.GroupNorm(4, 4, affine=False), (2, 4, 5)),
        (nn.LayerNorm(5, eps=1e-3), (2, 5)),
        (nn.LayerNorm((4, 5)), (2, 4, 5)),
        (nn.LayerNorm(5, bias=False), (5, 5)),
        (nn.LayerNorm(5, elementwise_affine=False), (3, 5)),
    ],
    ids=str,
)
def test_normalization_in_eval_mode_is_exact(layer: nn.Module, shape: tuple[int, ...]) -> None:
    assert exact(captured(_batch_norm(layer), shape))


def test_batch_norm_of_images_is_one_node_with_its_epsilon() -> None:
    result = captured(nn.BatchNorm2d(3, eps=1e-3), (1, 3, 4, 5))
    assert kinds(result) == ["batch_norm2d_nchw_eval"]
    assert result.graph.nodes[1].extra["eps"] == 1e-3


def test_layer_norm_keeps_gamma_and_beta_as_constants_of_the_normalized_shape() -> None:
    result = captured(_batch_norm(nn.LayerNorm(5, eps=1e-3)), (2, 5))
    assert kinds(result) == ["layernorm", "const", "broadcast_to", "mul_elem", "const", "broadcast_to", "add"]
    assert result.graph.nodes[1].extra["eps"] == 1e-3
    assert [node.shape for node in result.graph.nodes if node.kind == "const"] == [(5,), (5,)]


def test_layer_norm_of_a_square_is_aligned_from_the_right() -> None:
    result = captured(_batch_norm(nn.LayerNorm(5)), (5, 5))
    assert kinds(result)[:5] == ["layernorm", "const", "reshape", "broadcast_to", "mul_elem"]
    assert exact(result)


def test_a_whole_convolutional_network_with_a_residual() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 3, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(3)
            self.second = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))

    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), Block(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1)
    )
    assert exact(captured(nn.Sequential(model, nn.Flatten(), nn.Linear(3, 2), nn.Softmax(1)), (1, 1, 8, 8)))
