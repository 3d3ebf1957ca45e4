"""Data files: what is read, which shapes are taken, and what is refused."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from torchlean_core.errors import UsageError, UserError
from torchlean_core.train.data import Dataset, load_dataset

X = np.arange(12, dtype=np.float64).reshape(3, 4)
Y = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.int32)


def load(path, inputs=(4,), outputs=(2,), loss="mse"):
    return load_dataset(path, inputs, outputs, loss)


def npz(tmp_path, **arrays):
    path = tmp_path / "d.npz"
    np.savez(path, **arrays)
    return path


def test_npz(tmp_path):
    data = load(npz(tmp_path, x=X, y=Y))
    assert len(data) == 3
    assert data.x.tolist() == X.tolist()
    assert data.y.tolist() == Y.tolist()
    assert data.x.dtype == data.y.dtype == torch.float32


def test_safetensors(tmp_path):
    path = tmp_path / "d.safetensors"
    save_file({"x": X.astype(np.float16), "y": Y}, path)
    data = load(path)
    assert data.x.tolist() == X.tolist()
    assert data.y.tolist() == Y.tolist()


@pytest.mark.parametrize("header", ["", "a,b,c,d,e,f\n"])
def test_csv(tmp_path, header):
    path = tmp_path / "d.csv"
    rows = "".join(",".join(map(str, [*x, *y])) + "\n" for x, y in zip(X, Y, strict=True))
    path.write_text(header + rows)
    data = load(path)
    assert data.x.tolist() == X.tolist()
    assert data.y.tolist() == Y.tolist()


def test_csv_of_classes(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("0.5,1.5,2\n-1,0,0\n")
    data = load(path, (2,), (3,), "cross_entropy")
    assert data.y.tolist() == [2, 0]
    assert data.y.dtype == torch.int64


@pytest.mark.parametrize(("inputs", "outputs"), [((1, 4), (1, 2)), ((4,), (2,)), ((1, 1, 4), (2,))])
def test_dimensions_of_one_in_front_may_be_left_out(tmp_path, inputs, outputs):
    data = load(npz(tmp_path, x=X, y=Y), inputs, outputs)
    assert data.x.shape == (3, *inputs)
    assert data.y.shape == (3, *outputs)


def test_own_loss_takes_no_targets(tmp_path):
    assert load(npz(tmp_path, x=X), loss=None).y is None


def test_classes_and_probabilities(tmp_path):
    assert load(npz(tmp_path, x=X, y=[0, 1, 1]), loss="cross_entropy").y.tolist() == [0, 1, 1]
    assert load(npz(tmp_path, x=X, y=[0.0, 1.0, 1.0]), loss="cross_entropy").y.dtype == torch.int64
    probabilities = load(npz(tmp_path, x=X, y=[[0.5, 0.5]] * 3), loss="cross_entropy").y
    assert probabilities.shape == (3, 2)
    assert probabilities.dtype == torch.float32


@pytest.mark.parametrize(
    ("arrays", "loss", "message"),
    [
        ({"y": Y}, "mse", "holds no `x`"),
        ({"x": X}, "l1", "holds no `y`, which the loss l1 needs"),
        ({"x": X[:, :3], "y": Y}, "mse", r"x has shape \[3, 3\], expected samples first: \[n, 4\]"),
        ({"x": X, "y": Y[:, :1]}, "mse", r"y has shape \[3, 1\], expected samples first: \[n, 2\]"),
        ({"x": X, "y": Y[:2]}, "mse", r"x \[3, 4\] and y \[2, 2\] differ in the number of samples"),
        ({"x": X[:0], "y": Y[:0]}, "mse", "the dataset is empty"),
        ({"x": np.full((3, 4), np.nan), "y": Y}, "mse", "x holds 12 values that are not finite"),
        ({"x": X, "y": [[np.inf, 0]] * 3}, "mse", "y holds 3 values that are not finite"),
        ({"x": X, "y": [0, 1, 2]}, "cross_entropy", r"y holds class 2; there are 2 \(0 to 1\)"),
        ({"x": X, "y": [0, -1, 1]}, "cross_entropy", "y holds class -1"),
        ({"x": X, "y": [0.5, 1, 1]}, "cross_entropy", "y must be class numbers"),
        ({"x": X, "y": Y}, "bce_with_logits", "y must be between 0 and 1"),
        ({"x": X.astype(str), "y": Y}, "mse", "x is <U32, expected numbers"),
        ({"x": np.float64(1), "y": Y}, "mse", r"x has shape \[\]"),
    ],
)
def test_content_that_does_not_fit(tmp_path, arrays, loss, message):
    with pytest.raises(UserError, match=message) as caught:
        load(npz(tmp_path, **arrays), loss=loss)
    assert caught.value.exit_code == 1
    assert "d.npz" in str(caught.value)


def test_cross_entropy_needs_classes(tmp_path):
    with pytest.raises(UserError, match="needs an output with an axis of classes"):
        load(npz(tmp_path, x=X, y=[0, 0, 0]), outputs=(), loss="cross_entropy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5\n", "row 1 of numbers has 3 columns, expected 6: 4 of the input"),
        ("1,2,3,4,5,6\n1,2,3,4,5,x\n", "row 2 holds something that is not a number"),
        ("", "the dataset is empty"),
        ("1,2,3,4,5,nan\n", "y holds 1 values that are not finite"),
    ],
)
def test_csv_that_does_not_fit(tmp_path, text, message):
    path = tmp_path / "d.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load(path)


@pytest.mark.parametrize("name", ["absent.npz", "absent.csv", "absent.safetensors", "d.txt"])
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(UsageError, match=name):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["d.npz", "d.safetensors", "d.csv"])
def test_garbage_is_unreadable(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x93\xff\x00garbage")
    with pytest.raises(UsageError, match=f"{name}: not a"):
        load(tmp_path / name)


def test_pickled_arrays_are_not_loaded(tmp_path):
    with pytest.raises(UsageError, match=r"not an \.npz file of numbers"):
        load(npz(tmp_path, x=np.array([object()]), y=Y))


def test_split_parts_the_samples():
    data = Dataset(torch.arange(10.0)[:, None], torch.arange(10.0))
    train, validation = data.split(0.3, torch.Generator().manual_seed(0))
    assert (len(train), len(validation)) == (7, 3)
    assert sorted([*train.y.tolist(), *validation.y.tolist()]) == list(range(10))
    assert torch.equal(train.x[:, 0], train.y)
    with pytest.raises(UserError, match="leaves one part empty"):
        data.split(0.01, torch.Generator())
