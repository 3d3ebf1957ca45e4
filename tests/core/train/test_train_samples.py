"""Data functions: every form in which people have samples gives the same run; what is none of them is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.train.train_graphs import artifact, linear
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError, UserError
from torchlean_core.params import ParameterStore
from torchlean_core.train.fitting import Wanted
from torchlean_core.train.job import run
from torchlean_core.train.losses import Objective
from torchlean_core.train.samples import samples_of

FUNCTIONS = """
import numpy as np, torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, random_split

X = torch.arange(92, dtype=torch.float32).reshape(23, 4).sin()
Y = X[:, :3].argmax(1)
SET = TensorDataset(X, Y)

class Dicts(Dataset):
    def __init__(self, x="x", y="y"): self.names = x, y
    def __len__(self): return 23
    def __getitem__(self, k): return {self.names[0]: X[k], self.names[1]: int(Y[k])}

class Transformed(Dataset):
    def __len__(self): return 23
    def __getitem__(self, k):
        array = (X[k].numpy() * 2).astype(np.float64)
        return [torch.from_numpy(array) / 2, Y[k].item()]

class Stream(IterableDataset):
    def __iter__(self): return iter(SET)

def pair(): return X, Y
def pair_in_a_list(): return [X, Y.numpy()]
def loader(): return DataLoader(SET, batch_size=5)
def even_loader(): return DataLoader(Subset(SET, range(23)), batch_size=23)
def loader_of_one(): return DataLoader(SET, batch_size=1)
def unbatched_loader(): return DataLoader(SET, batch_size=None)
def loader_with_workers(): return DataLoader(SET, batch_size=4, num_workers=1)
def loader_of_dicts(): return DataLoader(Dicts(), batch_size=7)
def iterable_loader(): return DataLoader(Stream(), batch_size=6)
def stream(): return Stream()
def split(): return Subset(SET, range(23))
def lists(): return [[x, y] for x, y in SET]
def dicts(): return Dicts()
def transformed(): return Transformed()
def batches(): yield from DataLoader(SET, batch_size=9)
def list_of_batches(): return list(DataLoader(SET, batch_size=23))
class Frame:
    def __array__(self, dtype=None, copy=None): return X.numpy()

def frame(): return {"x": Frame(), "y": Y}
def sparse(): return X.to_sparse(), Y
def arrays(): return {"x": X.numpy().astype(">f8"), "y": Y.tolist()}

def three_arrays(): return X, Y, X[:, 0]
def three_lists(): return [X, Y, Y]
def other_names(): return {"images": X, "labels": Y, "weights": Y}
def dicts_of_other_names(): return Dicts("images", "labels")
def sets(): return random_split(SET, [15, 8], generator=torch.Generator().manual_seed(0))
def loaders(): return [DataLoader(Subset(SET, part), batch_size=4) for part in (range(15), range(15, 23))]
def three_sets(): return random_split(SET, [10, 10, 3])
def triples(): return [(x, y, 1) for x, y in SET]
def ragged(): return [(X[k, : 3 + (k < 9)], Y[k]) for k in range(23)]
def ragged_loader(): return DataLoader([(X[k], Y[:1 + (k < 20)]) for k in range(23)], batch_size=10)
def mixed(): return [{"x": x, "y": y} for x, y in SET][:-1] + [X[0]]
"""

SAME = (
    *("pair_in_a_list", "loader", "even_loader", "loader_of_one", "unbatched_loader", "loader_with_workers"),
    *("loader_of_dicts", "iterable_loader", "stream", "split", "lists", "dicts", "transformed", "batches"),
    *("list_of_batches", "arrays", "frame", "sparse"),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.py").write_text(FUNCTIONS)
    nodes = [{"kind": "input", "shape": [1, 4]}, linear(0, 1, 3)]
    (tmp_path / "m.ir.json").write_text(artifact(*nodes))
    return tmp_path


def train(name, **request):
    request = {"loss": "cross_entropy", "steps": 4, "device": "cpu", **request}
    return run({"artifact": "m.ir.json", "data": f"given.py:{name}", **request}, lambda event: None)


def trained():
    return ParameterStore.load(Path("m.trained.safetensors")).sha256


@pytest.fixture(scope="module")
def functions():
    namespace = {}
    exec(FUNCTIONS, namespace)
    return namespace


def samples(functions, name, **names):
    wanted = Wanted((1, 4), (1, 3), Objective("cross_entropy"), **names)
    return samples_of(functions[name](), wanted)


def is_whole(functions, found):
    assert torch.equal(found["x"].float().reshape(23, 4), functions["X"])
    assert torch.equal(found["y"].reshape(23), functions["Y"])


@pytest.mark.parametrize("name", SAME)
def test_every_form_gives_the_same_samples(functions, name):
    (found,) = samples(functions, name)
    is_whole(functions, found)


@pytest.mark.parametrize("name", ["other_names", "dicts_of_other_names"])
def test_names_are_chosen(functions, name):
    (found,) = samples(functions, name, x="images", y="labels")
    is_whole(functions, found)


def test_a_loader_trains_as_its_arrays_do(folder):
    train("pair")
    expected = trained()
    train("loader")
    assert trained() == expected
    train("dicts_of_other_names", x="images", y="labels")
    assert trained() == expected


@pytest.mark.parametrize("name", ["sets", "loaders"])
def test_two_sets_are_those_for_training_and_validation(folder, name):
    result = train(name)
    assert "val_loss" in result["last"]
    assert any("23 samples from" in note and "8 of them for validation" in note for note in result["notes"])
    with pytest.raises(UsageError, match="gives samples for validation, so --val-split has no meaning"):
        train(name, val_split=0.1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "other_names",
            "the mapping holds no `x`; it holds 'images', 'labels', 'weights'; --x NAME --y NAME say",
        ),
        ("three_arrays", "the function gives 3 arrays, expected two, x and y"),
        ("three_lists", "the function gives 3 arrays, expected two"),
        ("triples", "a sample has 3 parts (Tensor, Tensor, int), expected (x, y)"),
        ("three_sets", "the function gives 3 data sets; expected (x, y)"),
        ("ragged", "sample 9 has x of shape [3], the first one [4]; samples must have one shape"),
        ("mixed", "sample 22 has x, the first one x and y"),
    ],
)
def test_what_is_no_set_of_samples(functions, name, message):
    with pytest.raises(UserError, match=re.escape(message)):
        samples(functions, name)


def test_what_is_refused_in_the_worker_is_a_message(folder, capsys):
    assert main(["train", "m.ir.json", "--data", "given.py:triples", "--loss", "cross_entropy"]) == 1
    captured = capsys.readouterr().err
    assert "a sample has 3 parts" in captured
    assert "Traceback" not in captured


def test_keys_of_a_file_are_listed_and_chosen(folder, capsys):
    x, y = np.ones((6, 4), np.float32), np.zeros(6, int)
    np.savez("d.npz", X=x, labels=y)
    options = ["train", "m.ir.json", "--data", "d.npz", "--steps", "1", "--loss", "cross_entropy"]
    assert main(options) == 1
    assert (
        "d.npz: holds no `x`; it holds 'X', 'labels'; --x NAME --y NAME say which are meant"
        in capsys.readouterr().err
    )
    assert main([*options, "--x", "X"]) == 1
    assert "holds no `y`, which the loss cross_entropy needs" in capsys.readouterr().err
    assert main([*options, "--x", "X", "--y", "labels"]) == 0
    assert main([*options, "--x", "absent"]) == 1
    assert "holds no `absent`" in capsys.readouterr().err


def test_names_have_no_meaning_without_arrays(folder, capsys):
    Path("d.csv").write_text("1,2,3,4,0\n")
    assert main(["train", "m.ir.json", "--x", "X"]) == 2
    assert "--x and --y name arrays of --data, which is not given" in capsys.readouterr().err
    assert main(["train", "m.ir.json", "--data", "d.csv", "--x", "X"]) == 2
    assert "a CSV file has the columns of x, then those of y" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_integer_labels_without_a_loss_get_a_hint(folder, capsys, suffix):
    np.savez("d.npz", x=np.ones((6, 4)), y=np.zeros(6, int))
    Path("d.csv").write_text("1,2,3,4,0\n" * 6)
    assert main(["train", "m.ir.json", "--data", f"d.{suffix}"]) == 1
    assert "class numbers use --loss cross_entropy" in capsys.readouterr().err


def test_bytes_are_taken_as_they_are_and_that_is_said(folder):
    x = np.array([[0, 255, 3, 4]] * 5, np.uint8)
    np.savez("d.npz", x=x, y=np.zeros(5, int))
    result = run(
        {"artifact": "m.ir.json", "data": "d.npz", "loss": "cross_entropy", "steps": 1, "device": "cpu"},
        lambda event: None,
    )
    assert any("x is uint8 (0 to 255): taken as it is" in note for note in result["notes"])
    bytes_ = trained()
    np.savez("d.npz", x=x.astype(np.float32), y=np.zeros(5, int))
    run(
        {"artifact": "m.ir.json", "data": "d.npz", "loss": "cross_entropy", "steps": 1, "device": "cpu"},
        lambda event: None,
    )
    assert trained() == bytes_


def test_axes_in_another_order_get_a_hint(folder, capsys):
    nodes = [
        {"kind": "input", "shape": [1, 3, 5, 6]},
        {"kind": "relu", "parents": [0], "shape": [1, 3, 5, 6]},
    ]
    (folder / "i.ir.json").write_text(artifact(*nodes))
    np.savez("d.npz", x=np.zeros((2, 5, 6, 3), np.uint8))
    assert main(["run", "i.ir.json", "--data", "d.npz"]) == 1
    assert "the axes are in another order: permute(0, 3, 1, 2) of it fits" in capsys.readouterr().err


def test_a_summary_stands_before_the_first_step(folder):
    events = []
    run({"artifact": "m.ir.json", "steps": 2, "device": "cpu"}, events.append)
    messages = [event["message"] for event in events]
    place = next(k for k, event in enumerate(events) if event["kind"] == "progress")
    expected = "256 synthetic samples (seed 0) · batch 32 · trains 2 tensors (15 scalars), none fixed"
    assert messages[place - 1] == f"{expected} · loss mse · adam, lr 0.001 · cpu"


def test_the_metrics_are_json_lines(folder):
    train("pair", val_split=0.3)
    entries = [json.loads(line) for line in Path("m.metrics.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [1, 2, 3, 4]
    assert all({"loss", "lr", "accuracy", "val_loss", "val_accuracy"} <= set(entry) for entry in entries)
