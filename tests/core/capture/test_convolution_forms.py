"""Which form a convolution takes: the node where its kernel is small, else products with the model's own numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import Lambda, captured, exact, function, kinds
from tests.core.capture.zoo.training import agreement
from tests.core.emit.support import emitted
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.lowerings.convolution_axes import Axis
from torchlean_core.capture.pipeline import Captured
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


def scalars(result: Captured) -> int:
    """What is stored."""
    return sum(tensor.numel() for tensor in result.tensors.values())


def sized(layer: nn.Module) -> int:
    """What the model has."""
    return sum(parameter.numel() for parameter in layer.parameters())


# -- batches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(2, 3, 3, padding=1), (4, 2, 6, 5)),
        (nn.Conv2d(2, 3, 3), (4, 2, 6, 5)),
        (nn.Conv2d(2, 3, 3, stride=2, padding=1), (3, 2, 7, 6)),
        (nn.Conv2d(2, 3, 1, padding=2, stride=3), (3, 2, 7, 6)),
        (nn.Conv2d(2, 3, (2, 3), stride=(2, 3), padding=(0, 2)), (2, 2, 7, 6)),
        (nn.Conv2d(4, 4, 3, dilation=2, groups=2, padding="same"), (2, 4, 7, 6)),
        (nn.Conv1d(2, 3, 3, padding=1), (4, 2, 8)),
        (nn.Conv1d(2, 3, 2, stride=3, padding=1), (4, 2, 8)),
        (nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), (3, 2, 4, 3)),
        (nn.ConvTranspose1d(2, 3, 4, stride=3), (3, 2, 4)),
    ],
    ids=str,
)
def test_a_batch_is_one_convolution_of_images_below_each_other(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    result = captured(layer, shape)
    assert exact(result)
    assert kinds(result).count("conv2d") == 1


def test_a_layer_on_each_pixel_of_a_batch_needs_no_rows_between() -> None:
    assert kinds(captured(nn.Conv2d(2, 3, 1), (4, 2, 6, 5))) == [
        *("permute", "reshape", "conv2d", "reshape", "permute")
    ]


def test_rows_of_an_image_are_a_batch() -> None:
    layer = nn.Conv1d(2, 3, 3, padding=1)
    result = function(lambda m, x: m.layer(x.permute(0, 2, 1, 3).reshape(4, 2, 8)), (1, 2, 4, 8), layer=layer)
    assert exact(result)
    assert kinds(result).count("conv2d") == 1


class Whole(nn.Module):
    """A network of convolutions, pools and norms."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        conv: Any = (nn.Conv2d, nn.Conv3d)[rank - 2]
        norm: Any = (nn.BatchNorm2d, nn.BatchNorm3d)[rank - 2]
        instance: Any = (nn.InstanceNorm2d, nn.InstanceNorm3d)[rank - 2]
        self.layers = nn.Sequential(
            conv(2, 6, 3, padding=1, bias=False),
            norm(6),
            nn.ReLU(),
            (nn.MaxPool2d, nn.MaxPool3d)[rank - 2](3, 2, 1),
            conv(6, 6, 3, 2, 1, groups=6),
            nn.GroupNorm(2, 6),
            (nn.AvgPool2d, nn.AvgPool3d)[rank - 2](2, 1),
            conv(6, 8, 1),
            instance(8, affine=True),
            (nn.ConvTranspose2d, nn.ConvTranspose3d)[rank - 2](8, 4, 2, 2),
            (nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)[rank - 2](3),
            (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[rank - 2](2),
            nn.Flatten(),
            nn.Linear(4 * 2**rank, 5),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of images."""
        features: torch.Tensor = self.layers(x)
        return features


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize("shape", [(3, 2, 13, 12), (1, 2, 12, 11, 13), (2, 2, 12, 11, 13)], ids=str)
def test_a_network_of_batches_or_volumes_is_captured_as_a_whole(shape: tuple[int, ...], dialect: str) -> None:
    assert exact(captured(Whole(len(shape) - 2), shape, dialect=dialect))


# -- three axes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv3d(1, 2, 3, padding=1), (1, 1, 4, 6, 6)),
        (nn.Conv3d(4, 6, (3, 2, 1), stride=(1, 2, 2), groups=2, dilation=(2, 1, 3)), (2, 4, 6, 5, 6)),
        (nn.Conv3d(1, 2, 2), (1, 3, 4, 5)),
        (nn.ConvTranspose3d(2, 3, 3, stride=2, padding=1, output_padding=1), (1, 2, 2, 3, 2)),
    ],
    ids=str,
)
def test_depth_goes_into_the_channels_of_one_convolution(layer: nn.Module, shape: tuple[int, ...]) -> None:
    result = captured(layer, shape)
    assert exact(result)
    assert kinds(result).count("conv2d") == 1
    kernel = next(t for name, t in result.tensors.items() if name.endswith("kernel"))
    assert kernel.shape == layer.get_parameter("weight").shape, "the model's own is stored"


# -- kernels from the input -------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_a_kernel_of_the_input_is_multiplied_by_what_its_taps_see(dialect: str) -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, m.g(x.mean((2, 3))).reshape(2, 2, 3, 3), padding=1)

    torch.manual_seed(0)
    result = captured(Lambda(forward, g=nn.Linear(2, 36)), (1, 2, 5, 5), dialect=dialect)
    assert exact(result)
    assert not [note for note in result.notes if note.code == "TL407"]


def test_every_sample_has_a_kernel_of_its_own_through_groups() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        kernels = m.g(x.mean((2, 3))).reshape(3 * 4, 2, 3, 3)
        return F.conv2d(x.reshape(1, 6, 5, 5), kernels, groups=3, stride=2).reshape(3, 4, 2, 2)

    assert exact(function(forward, (3, 2, 5, 5), g=nn.Linear(2, 72)))


def test_a_bias_of_the_input_is_added() -> None:
    result = function(
        lambda m, x: F.conv2d(x, m.k, x.mean((0, 2, 3))),
        (1, 2, 5, 5),
        k=nn.Parameter(torch.randn(2, 2, 3, 3)),
    )
    assert exact(result)
    assert "conv2d" in kinds(result)


def test_a_kernel_that_is_computed_of_parameters_stays_a_known_one() -> None:
    result = function(
        lambda m, x: F.conv2d(x, m.k * 2, m.b * 3),
        (1, 2, 5, 5),
        k=nn.Parameter(torch.randn(2, 2, 3, 3)),
        b=nn.Parameter(torch.randn(2)),
    )
    assert kinds(result) == ["reshape", "conv2d", "reshape"]
    assert result.graph.nodes[2].extra["parameters"]["kernel"]["derived"] == ["k"]


def test_in_a_product_it_is_computed_by_nodes() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(300, 300, 3, groups=300))
    result = captured(layer, (1, 300, 4, 4))
    assert exact(result)
    names = {p.model for p in lower(result.graph).parameters() if p.model}
    assert names == set(dict(layer.named_parameters()))
    assert not result.notes


# -- sizes ------------------------------------------------------------------------------------------------


WIDE: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "depthwise": (nn.Conv2d(320, 320, 7, padding=3, groups=320), (1, 320, 4, 4)),
    "depthwise, of a batch": (nn.Conv2d(320, 320, 3, stride=2, groups=320, bias=False), (2, 320, 5, 4)),
    "grouped": (nn.Conv2d(256, 256, 3, padding=1, groups=32), (1, 256, 4, 4)),
    "along a row": (nn.Conv1d(64, 64, 31, padding=15, groups=64), (1, 64, 900)),
    "dilated": (nn.Conv2d(64, 32, 3, padding=6, dilation=6), (1, 64, 9, 9)),
    "dilated, on a small image": (nn.Conv2d(256, 32, 3, padding=24, dilation=24), (1, 256, 4, 4)),
    "transposed": (nn.ConvTranspose2d(160, 160, 4, stride=2, groups=160), (1, 160, 3, 3)),
    "of three axes": (nn.Conv3d(96, 96, 3, padding=1, groups=96), (1, 96, 2, 3, 3)),
}


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize("name", WIDE)
def test_no_kernel_is_much_larger_than_the_models(name: str, dialect: str) -> None:
    layer, shape = WIDE[name]
    torch.manual_seed(0)
    result = captured(layer, shape, dialect=dialect)
    assert exact(result)
    written = sum(math.prod(use.shape) for use in lower(result.graph).uses())
    own = sized(layer)
    assert max(written, scalars(result)) <= 3 * own + 2_000, (written, scalars(result), own)
    assert not [note for note in result.notes if note.code in ("TL407", "TL606")]
    names = {p.model for p in lower(result.graph).parameters() if p.model}
    assert names == set(dict(layer.named_parameters()))


def test_taps_that_see_padding_alone_are_left_out_of_a_wide_kernel() -> None:
    layer, shape = WIDE["dilated, on a small image"]
    result = captured(layer, shape)
    assert kinds(result) == ["reshape", "conv2d", "reshape"]
    node = result.graph.nodes[2]
    assert (node.fields["kH"], node.fields["kW"], node.fields["padding"]) == (1, 1, 0)
    assert node.extra["parameters"]["kernel"]["view"] == [{"slice": [[2, 1, 2], [3, 1, 2]]}]
    assert result.tensors["conv2d_2_kernel"].shape == (32, 256, 3, 3)


def test_a_small_depthwise_kernel_stays_one_node() -> None:
    result = captured(nn.Conv2d(32, 32, 3, groups=32), (32, 6, 6))
    assert kinds(result) == ["conv2d"]
    assert [note.code for note in result.notes] == ["TL606"]


def test_where_infinities_can_be_the_node_keeps_windows_apart() -> None:
    layer = nn.Conv2d(128, 128, 3, groups=128)
    with torch.no_grad():
        layer.weight.abs_()
    result = function(lambda m, x: torch.tanh(m.layer(torch.exp(x))), (128, 4, 4), layer=layer)
    assert "conv2d" in kinds(result)


def test_the_limit_counts_the_form_that_is_chosen() -> None:
    result = captured(nn.Conv2d(16, 16, 3, groups=16), (16, 5, 5), max_parameters=1_000)
    assert "conv2d" not in kinds(result)
    assert exact(result)
    twice = captured(nn.Conv2d(16, 16, 3, groups=2), (16, 5, 5), max_parameters=2_000)
    assert "conv2d" not in kinds(twice)
    with pytest.raises(CaptureError, match=r"parameters of 2,320 scalars, more than the limit of 2,000"):
        captured(nn.Conv2d(16, 16, 3), (16, 5, 5), max_parameters=2_000)


@pytest.mark.parametrize("name", ["depthwise", "dilated", "grouped"])
def test_training_a_product_is_training_the_layer(name: str) -> None:
    layer, shape = WIDE[name]
    state = {key: value.clone() for key, value in layer.state_dict().items()}
    result = captured(layer, shape)

    def new() -> nn.Module:
        layer.load_state_dict(state)
        return layer.float()

    found = agreement(new, result, "momentum")
    layer.load_state_dict(state)
    layer.float()
    assert max(found.losses, found.outputs, found.parameters) < 1e-10


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize("name", WIDE)
def test_the_generated_module_gives_the_interpreters_bits(name: str, dialect: str, tmp_path: Path) -> None:
    layer, shape = WIDE[name]
    result = captured(layer, shape, dialect=dialect, inline=False)
    model = emitted(tmp_path, result.text, result.tensors)
    x = torch.randn(shape)
    with torch.no_grad():
        found = model(x)
    assert torch.equal(found, Interpreter(lower(result.graph), result.tensors).run(x))


# -- geometry ---------------------------------------------------------------------------------------------


def test_windows_have_every_tap_of_every_window() -> None:
    axis = Axis(size=4, taps=3, stride=2, before=1, after=1)
    assert axis.outputs == 2
    assert axis.windows().argmax(2).tolist() == [[0, 1], [0, 2], [1, 3]]
    assert axis.windows().sum(2).tolist() == [[0, 1], [1, 1], [1, 1]]


def test_a_cropped_axis_has_the_same_windows() -> None:
    axis = Axis(size=4, taps=5, before=12, after=12, dilation=6)
    cropped = axis.cropped()
    first, end = axis.kept()
    assert (first, end) == (2, 3)
    assert torch.equal(cropped.windows(), axis.windows()[first:end])
    assert torch.equal(Axis(4, 3, 1, 9, 9, 9).cropped().windows(), Axis(4, 3, 1, 9, 9, 9).windows()[1:2])
