"""cross_entropy with the classes on any axis, and its options, against torch's own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.core.train.train_graphs import artifact, linear
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError, UserError
from torchlean_core.params import ParameterStore
from torchlean_core.train import Objective
from torchlean_core.train.fitting import Wanted, fit
from torchlean_core.train.job import run

CONV = {"kind": "conv2d", "parents": [1], "inC": 3, "outC": 5, "kH": 3, "kW": 3, "stride": 1, "padding": 1}


def segmentation(height, width):
    """A convolution from one image (1, 3, h, w) to one of class scores (1, 5, h, w)."""
    image, scores = [3, height, width], [5, height, width]
    return artifact(
        {"kind": "input", "shape": [1, *image]},
        {"kind": "reshape", "parents": [0], "shape": image, "in_shape": [1, *image], "out_shape": image},
        {**CONV, "shape": scores},
        {
            "kind": "reshape",
            "parents": [2],
            "shape": [1, *scores],
            "in_shape": scores,
            "out_shape": [1, *scores],
        },
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.ir.json").write_text(segmentation(6, 6))
    (tmp_path / "q.ir.json").write_text(segmentation(5, 5))
    nodes = [{"kind": "input", "shape": [1, 7, 4]}, linear(0, 1, 7, 3)]
    (tmp_path / "t.ir.json").write_text(artifact(*nodes))
    for name, size in (("s", 6), ("q", 5)):
        generator = torch.Generator().manual_seed(size)
        x = torch.randn(20, 3, size, size, generator=generator)
        y = torch.randint(0, 5, (20, size, size), generator=generator)
        np.savez(f"{name}.npz", x=x.numpy(), y=y.numpy())
        assert main(["init", f"{name}.ir.json", "-q"]) == 0
    return tmp_path


def train(name, **request):
    request = {"loss": "cross_entropy", "data": f"{name}.npz", "batch_size": 20, "log_every": 1, **request}
    return run({"artifact": f"{name}.ir.json", "device": "cpu", **request}, lambda event: None)


def by_hand(name, steps, y=None, **options):
    """Losses and parameters of the same network, trained by a loop over plain tensors."""
    store = ParameterStore.load(Path(f"{name}.params.safetensors"))
    leaves = [torch.tensor(store.numpy(f"conv2d_2_{role}")).requires_grad_() for role in ("kernel", "bias")]
    data = np.load(f"{name}.npz")
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"]) if y is None else y
    optimizer, losses = torch.optim.SGD(leaves, lr=0.1), []
    for _ in range(steps):
        loss = F.cross_entropy(F.conv2d(x, *leaves, padding=1), y, **options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, leaves


def losses(name):
    return [json.loads(line)["loss"] for line in Path(f"{name}.metrics.jsonl").read_text().splitlines()]


def test_classes_on_axis_1_train_as_in_torch(folder):
    train("s", optimizer="sgd", lr=0.1, steps=6)
    expected, leaves = by_hand("s", 6)
    assert losses("s") == pytest.approx(expected, rel=1e-6)
    store = ParameterStore.load(folder / "s.trained.safetensors")
    np.testing.assert_allclose(store.numpy("conv2d_2_kernel"), leaves[0].detach(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("axis", [1, -3])
def test_an_axis_that_is_named_is_taken(folder, axis):
    train("q", optimizer="sgd", lr=0.1, steps=3, class_axis=axis)
    assert losses("q") == pytest.approx(by_hand("q", 3)[0], rel=1e-6)


def test_another_axis_gives_another_loss(folder):
    train("q", optimizer="sgd", lr=0.1, steps=1, class_axis=3)
    assert abs(losses("q")[0] - by_hand("q", 1)[0][0]) > 1e-3


def test_several_axes_that_would_do_are_an_error(folder, capsys):
    before = sorted(folder.iterdir())
    for option in ([], ["--data", "q.npz"]):  # synthetic targets say no axis either
        assert main(["train", "q.ir.json", "--loss", "cross_entropy", *option]) == 2
        message = "the classes can be on axis 1, 2 or 3 of the output [1, 5, 5, 5]; --class-axis says which"
        assert message in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ({"class_weights": "1,2,0.5,0,3"}, {"weight": torch.tensor([1, 2, 0.5, 0, 3])}),
        ({"label_smoothing": 0.2}, {"label_smoothing": 0.2}),
        ({"ignore_index": 2}, {"ignore_index": 2}),
        (
            {"class_weights": "1,2,0.5,4,3", "label_smoothing": 0.1, "ignore_index": 0},
            {"weight": torch.tensor([1, 2, 0.5, 4, 3]), "label_smoothing": 0.1, "ignore_index": 0},
        ),
    ],
)
def test_options_are_those_of_torch(folder, request_, options):
    train("s", optimizer="sgd", lr=0.1, steps=4, **request_)
    assert losses("s") == pytest.approx(by_hand("s", 4, **options)[0], rel=1e-6)


def test_a_class_that_is_ignored_may_be_none_of_the_classes(folder):
    data = dict(np.load("s.npz"))
    data["y"][:, 0] = 255
    np.savez("s.npz", x=data["x"], y=data["y"].astype(np.uint8))
    train("s", optimizer="sgd", lr=0.1, steps=2, ignore_index=255)
    expected = by_hand("s", 2, torch.from_numpy(data["y"]), ignore_index=255)[0]
    assert losses("s") == pytest.approx(expected, rel=1e-6)


def test_validation_in_batches_is_the_weighted_mean_of_all(folder, capsys):
    """Batches whose targets count differently are no plain mean of means."""
    data = dict(np.load("s.npz"))
    data["y"][::3] = 4
    np.savez("s.npz", **data)
    options = ["--loss", "cross_entropy", "--class-weights", "1,2,3,4,5", "--ignore-index", "4"]
    assert (
        main(
            ["eval", "s.ir.json", "--data", "s.npz", *options, "--batch-size", "3", "--output-format", "json"]
        )
        == 0
    )
    weight = torch.tensor([1.0, 2, 3, 4, 5])
    expected = by_hand("s", 1, torch.from_numpy(data["y"]), weight=weight, ignore_index=4)[0]
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(expected[0], rel=1e-6)


def test_probabilities_of_images(folder):
    y = torch.softmax(torch.randn(20, 5, 6, 6, generator=torch.Generator().manual_seed(1)), 1)
    np.savez("s.npz", x=np.load("s.npz")["x"], y=y.numpy())
    with pytest.raises(UsageError, match=r"axis 1, 2 or 3 of the output \[1, 5, 6, 6\]"):
        train("s", steps=1)
    train("s", optimizer="sgd", lr=0.1, steps=3, class_axis=1)
    assert losses("s") == pytest.approx(by_hand("s", 3, y)[0], rel=1e-6)


def test_classes_on_the_last_axis_of_a_sequence(folder):
    np.savez("t.npz", x=np.ones((8, 7, 4)), y=np.zeros((8, 7), int))
    train("t", steps=1)
    assert train("t", steps=1)["last"]["accuracy"] in [k / 56 for k in range(57)]


# -- shapes alone ---------------------------------------------------------------------------------------------


def fitted(outputs, y, **options):
    x = torch.zeros(len(y), 2)
    wanted = Wanted((2,), outputs, Objective("cross_entropy", of_command=True, **options))
    return fit({"x": x, "y": y}, wanted, lambda message: None)


@pytest.mark.parametrize(
    ("outputs", "targets", "axis"),
    [
        ((1, 3), (), -1),
        ((3,), (), -1),
        ((3,), (1,), -1),
        ((5, 6, 6), (6, 6), -3),
        ((1, 6, 5, 6), (6, 6), -2),
        ((1, 7, 11), (7,), -1),
        ((1, 11, 7), (1, 7), -2),
        ((4, 1, 1), (), -3),
        ((1, 4, 1, 1), (1, 1), -3),
    ],
)
def test_the_axis_follows_from_the_shapes(outputs, targets, axis):
    found = fitted(outputs, torch.zeros(9, *targets, dtype=torch.int32))
    assert found.objective.class_axis == axis
    assert found.y.dtype == torch.int64
    rank = len(outputs) + axis
    assert found.y.shape == (9, *outputs[:rank], *outputs[rank + 1 :])


@pytest.mark.parametrize(
    ("outputs", "y", "options", "message"),
    [
        ((1, 1), torch.zeros(9), {}, "needs two classes or more; the output .1, 1. has one value"),
        ((4, 4), torch.zeros(9, 4).int(), {}, r"axis 0 or 1 of the output \[4, 4\]; --class-axis"),
        (
            (1, 5, 6),
            torch.zeros(9, 7).int(),
            {},
            r"expected class numbers.*\[n, 1, 6\] \(classes on axis 1\)",
        ),
        ((1, 5), torch.zeros(9, 5).int(), {}, "whole numbers: as floats they are probabilities"),
        ((1, 5), torch.zeros(9), {"class_axis": 2}, "has the axes 0 to 1"),
        ((1, 5), torch.zeros(9), {"class_axis": -3}, "has the axes 0 to 1"),
        ((1, 5), torch.zeros(9), {"class_axis": 0}, "has one class there"),
        ((1, 5), torch.zeros(9), {"class_weights": (1.0, 2.0)}, "no axis of 2 classes"),
        ((1, 5), torch.zeros(9), {"class_axis": 1, "class_weights": (1.0,)}, "1 numbers for 5 classes"),
        (
            (1, 5),
            torch.full((9,), -100),
            {},
            "holds class -100; .*--ignore-index -100 leaves such targets out",
        ),
        ((1, 5), torch.full((9,), 3), {"ignore_index": 3}, "no target counts"),
        ((1, 5), torch.rand(9, 5), {"ignore_index": 3}, "--ignore-index is a class number"),
    ],
)
def test_targets_that_do_not_fit(outputs, y, options, message):
    with pytest.raises(UserError, match=message):
        fitted(outputs, y, **options)


def test_class_weights_tell_axes_apart():
    assert fitted((1, 4, 4, 2), torch.zeros(9, 4, 4).int()).objective.class_axis == -1
    assert fitted((1, 3, 4), torch.rand(9, 3, 4), class_weights=(1.0, 2.0, 1.0)).objective.class_axis == -2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class-axis", "1"], "--class-axis belongs to --loss cross_entropy, not to mse"),
        (
            ["--loss", "l1", "--ignore-index", "0"],
            "--ignore-index belongs to --loss cross_entropy, not to l1",
        ),
        (
            ["--loss", "cross_entropy", "--class-weights", "1,x"],
            "--class-weights are numbers parted by commas",
        ),
        (
            ["--loss", "cross_entropy", "--class-weights", "1,-1"],
            "--class-weights must be finite and 0 or greater",
        ),
        (["--loss", "cross_entropy", "--class-weights", "0,0"], "--class-weights are all 0"),
        (["--loss", "cross_entropy", "--label-smoothing", "1.5"], "--label-smoothing must be from 0 to 1"),
    ],
)
def test_options_that_are_refused(folder, capsys, options, message):
    assert main(["train", "s.ir.json", *options]) == 2
    assert message in capsys.readouterr().err
