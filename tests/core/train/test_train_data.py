"""Data files: what is read, which shapes are taken, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from torchlean_core.errors import UsageError, UserError
from torchlean_core.train.data import Dataset, load_dataset
from torchlean_core.train.fitting import Wanted
from torchlean_core.train.losses import Objective

X = np.arange(12, dtype=np.float64).reshape(3, 4)
Y = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.int32)


def load(path, inputs=(4,), outputs=(2,), loss="mse"):
    return load_dataset(path, Wanted(inputs, outputs, Objective(loss)))[0]


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
        ({"x": X + 1j, "y": Y}, "mse", "x is complex128, expected numbers"),
        ({"x": X * 1e300, "y": Y}, "mse", "x holds 11 values that are too large for float32"),
        ({"x": X, "y": [0, 1e30, 1]}, "cross_entropy", r"y holds class 1e\+30; there are 2"),
        ({"x": X, "y": [[1.5, -0.5]] * 3}, "cross_entropy", "y must be between 0 and 1 for cross_entropy"),
        ({"x": X, "y": np.array([0, 2**63, 1], np.uint64)}, "cross_entropy", "y holds class 9.22337e"),
    ],
)
def test_content_that_does_not_fit(tmp_path, arrays, loss, message):
    with pytest.raises(UserError, match=message) as caught:
        load(npz(tmp_path, **arrays), loss=loss)
    assert caught.value.exit_code == 1
    assert "d.npz" in str(caught.value)


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.longdouble, np.float16, np.uint8, ">u4", bool])
def test_every_type_of_numbers_is_taken(tmp_path, dtype):
    x = X.astype(dtype)
    assert load(npz(tmp_path, x=x, y=Y)).x.tolist() == x.astype(np.float64).tolist()


def test_large_unsigned_numbers_stay_positive(tmp_path):
    assert load(npz(tmp_path, x=np.full((3, 4), 2**64 - 1, np.uint64), y=Y)).x.unique().tolist() == [2.0**64]


@pytest.mark.filterwarnings("error")
def test_complex_safetensors_do_not_lose_their_imaginary_part(tmp_path):
    path = tmp_path / "d.safetensors"
    save_torch({"x": torch.zeros(3, 4, dtype=torch.complex64), "y": torch.zeros(3, 2)}, path)
    with pytest.raises(UserError, match="x is complex64, expected numbers"):
        load(path)


def test_names_end_in_capitals_too(tmp_path):
    npz(tmp_path, x=X, y=Y).rename(tmp_path / "D.NPZ")
    assert len(load(tmp_path / "D.NPZ")) == 3


def test_csv_of_probabilities(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("0.5,1.5,0.25,0.75,0\n-1,0,1,0,0\n")
    data = load(path, (2,), (3,), "cross_entropy")
    assert data.y.tolist() == [[0.25, 0.75, 0], [1, 0, 0]]


def test_an_array_that_no_memory_holds_is_refused(tmp_path):
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(UsageError, match=r"d\.npz: Unable to allocate 4\.00 PiB"):
        load(tmp_path / "d.npz")


def test_damage_to_any_byte_of_an_archive_is_found_or_harmless(tmp_path):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=X, y=Y)
    content = path.read_bytes()
    for position in range(len(content)):
        for damaged in (content[position] ^ 0xFF, content[position] ^ 1):
            path.write_bytes(content[:position] + bytes([damaged]) + content[position + 1 :])
            try:
                assert load(path).x.tolist() == X.tolist()
            except UserError as error:
                assert str(path) in str(error)


def test_cross_entropy_needs_classes(tmp_path):
    with pytest.raises(UserError, match="needs an output with an axis of classes"):
        load(npz(tmp_path, x=X, y=[0, 0, 0]), outputs=(), loss="cross_entropy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5\n", "line 1 has 3 columns, expected 6: 4 of the input"),
        ("1,2,3,4,5,6\n\n1,2,3,4,5,x\n", "line 3: 'x' in column 6 is no number"),
        ("1,2,3,4,5,6\n1,,3,4,5,6\n", "line 2: '' in column 2 is no number"),
        ("1,2,3,4,5,6x\n1,2,3,4,5,6\n", "line 1: '6x' in column 6 is no number"),
        ("a,b\nc,d\n1,2,3,4,5,6\n", "line 2: 'c' in column 1 is no number"),
        ("a;b\n1;2;3;4;5;6\n", "line 2: '1;2;3;4;5;6' in column 1 is no number; commas part the columns"),
        ("1\t2\n3\t4\n", "line 2: '3\\\\t4' in column 1 is no number; commas part the columns"),
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
