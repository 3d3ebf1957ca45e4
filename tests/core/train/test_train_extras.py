"""What surrounds a run: data functions, TensorBoard, processes, deferred checks, options."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.train.train_graphs import CNN_NODES, LOG_NODES, artifact, data_x, data_y
from torchlean_core.cli import init_command, train_command
from torchlean_core.cli.main import main
from torchlean_core.environment import compiler
from torchlean_core.errors import UsageError, UserError
from torchlean_core.init.schemes import SCHEMES
from torchlean_core.options.choices import LOSSES
from torchlean_core.options.datasource import is_function
from torchlean_core.params import ParameterStore
from torchlean_core.train import loop
from torchlean_core.train.course import SCHEDULES
from torchlean_core.train.distributed import is_loss_of_another
from torchlean_core.train.job import run
from torchlean_core.train.module import BACKENDS
from torchlean_core.train.optim import OPTIMIZERS
from torchlean_core.train.order import Order


def train(**request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, lambda event: None)


def trained(name="m"):
    return ParameterStore.load(Path(f"{name}.trained.safetensors")).sha256


# -- the command's options ------------------------------------------------------------------------------------


def choices(command, option):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return next(set(a.choices) for a in parser._actions if option in a.option_strings)


def test_the_commands_offer_what_there_is():
    assert choices(train_command, "--loss") == set(LOSSES)
    assert choices(train_command, "--optimizer") == set(OPTIMIZERS)
    assert choices(train_command, "--schedule") == set(SCHEDULES)
    assert choices(train_command, "--backend") == set(BACKENDS)
    assert choices(init_command, "--scheme") == set(SCHEMES) - {"flat"}


def test_an_artifact_is_needed(folder, capsys):
    assert main(["train", "--steps", "3"]) == 2
    assert "which artifact?" in capsys.readouterr().err


# -- data from a function -------------------------------------------------------------------------------------

FUNCTIONS = """
import numpy as np, torch
print("imported")
X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(16, 3)).astype(np.float32)

def pair(): return X, Y
def mapping(): return {"x": torch.tensor(X), "y": Y.tolist()}
def samples(): return [(x, y) for x, y in zip(X, Y)]
def stream(): yield from zip(X, Y)

class Set(torch.utils.data.Dataset):
    def __len__(self): return 16
    def __getitem__(self, k): return X[k], Y[k]

def dataset(): return Set()
def fails(): raise ValueError("no data today")
def nothing(): return None
def empty(): return []
def words(): return "x", "y"
def short(): return X[:, :3], Y
def leaves(): import os; os._exit(3)
number = 3
"""


@pytest.fixture
def functions(folder):
    (folder / "given.py").write_text(FUNCTIONS)
    return folder


@pytest.mark.parametrize("name", ["pair", "mapping", "samples", "stream", "dataset"])
def test_data_from_a_function_is_what_a_file_gives(functions, name):
    np.savez("d.npz", x=data_x(), y=data_y())
    train(data="d.npz", steps=3)
    expected = trained()
    train(data=f"given.py:{name}", steps=3)
    assert trained() == expected


def test_a_module_is_found_by_its_name_and_what_it_prints_is_shown(functions, capsys):
    (functions / "package").mkdir()
    (functions / "package" / "inner.py").write_text(FUNCTIONS)
    assert main(["train", "m.ir.json", "--data", "package.inner:pair", "--steps", "2"]) == 0
    captured = capsys.readouterr().err
    assert "imported\n" in captured
    assert "16 samples from package.inner:pair" in captured
    assert "given" not in sys.modules and "package.inner" not in sys.modules


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("given.py:fails", 1, "given.py:fails() raised ValueError: no data today ("),
        ("given.py:nothing", 1, "the function gives a value of type NoneType; expected (x, y)"),
        ("given.py:empty", 1, "the dataset is empty"),
        ("given.py:words", 1, "x is no array of numbers"),
        ("given.py:short", 1, "given.py:short: x has shape [16, 3], expected samples first: [n, 1, 4]"),
        ("given.py:leaves", 1, "ended the worker process itself"),
        ("given.py:number", 2, "given.py has no function number"),
        ("given.py:absent", 2, "given.py has no function absent"),
        ("absent.py:pair", 2, "absent.py: no such file"),
        ("absent:pair", 2, "importing absent: no module named absent"),
    ],
)
def test_functions_that_give_no_data(functions, capsys, data, code, message):
    assert main(["train", "m.ir.json", "--data", data]) == code
    captured = capsys.readouterr().err
    assert message in captured
    assert "Traceback" not in captured
    assert sorted(path.suffix for path in functions.iterdir() if path.is_file()) == [".json", ".py"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a:b", True),
        ("x.py:make", True),
        ("a.b.c:d", True),
        ("d.npz", False),
        ("C:\\d.npz", False),
        ("a:1", False),
    ],
)
def test_how_a_function_is_told_from_a_file(data, expected):
    assert is_function(data) is expected


# -- boards ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the package tensorboard")
def test_tensorboard_gets_every_entry(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(steps=6, log_every=2, val_split=0.25, logdir="runs/a")
    events = EventAccumulator("runs/a")
    events.Reload()
    entries = [json.loads(line) for line in Path("m.metrics.jsonl").read_text().splitlines()]
    for key, tag in (("loss", "loss/train"), ("val_loss", "loss/validation"), ("lr", "lr")):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(entry["step"], pytest.approx(entry[key])) for entry in entries]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the package tensorboard")
def test_what_a_resumed_run_writes_again_is_shown_once(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def interrupt(event):
        if event["kind"] == "progress" and event["step"] == 6:
            raise KeyboardInterrupt

    options = {"artifact": "m.ir.json", "device": "cpu", "steps": 8, "log_every": 1, "logdir": "runs/a"}
    with pytest.raises(KeyboardInterrupt):
        run({**options, "checkpoint_every": 4}, interrupt)
    train(**{**options, "resume": True})
    events = EventAccumulator("runs/a")
    events.Reload()
    assert [event.step for event in events.Scalars("loss/train")] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the package tensorboard")
def test_a_board_that_cannot_be_written_is_a_message(folder):
    (folder / "file").write_text("")
    with pytest.raises(UsageError, match="file: File exists"):
        train(steps=2, logdir="file")
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048));"
        "import sys; from torchlean_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    options = ["train", "m.ir.json", "--steps", "2000", "--log-every", "20", "--logdir", "runs", "-q"]
    done = subprocess.run([sys.executable, "-c", limit, *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("torchlean: runs/events.out.tfevents.")
    assert done.stderr.endswith(": File too large\n") and done.stderr.count("\n") == 1


def test_logdir_without_tensorboard_is_refused_before_anything_runs(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "tensorboard" else find(name, *rest)
    )
    with pytest.raises(UsageError, match=r"needs the package tensorboard: pip install"):
        train(logdir="runs")
    assert [path.name for path in folder.iterdir()] == ["m.ir.json"]


def test_progress_tells_speed_and_time_left(folder):
    events = []
    run({"artifact": "m.ir.json", "steps": 40, "device": "cpu"}, events.append)
    middle = [event for event in events if event["kind"] == "progress"][5]
    assert middle["steps_per_second"] > 0 < middle["seconds_left"]
    assert "steps/s" in middle["message"] and middle["message"].endswith(" left")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1, "1 s"), (59, "59 s"), (75, "1 min 15 s"), (3600 * 5 + 61, "5 h 1 min")]
)
def test_times_in_words(seconds, words):
    assert loop.duration(seconds) == words


# -- backends, devices, processes -----------------------------------------------------------------------------


@pytest.mark.skipif(
    compiler.missing_for_compiling() is not None, reason=f"missing: {compiler.missing_for_compiling()}"
)
def test_the_compiled_backend_trains_as_the_eager_one(folder):
    eager = train(steps=8, batch_size=64, log_every=8)
    compiled = train(steps=8, batch_size=64, log_every=8, backend="compiled")
    assert compiled["last_loss"] == pytest.approx(eager["last_loss"], rel=1e-5)


def test_compiling_without_a_compiler_is_refused(folder, monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert main(["train", "m.ir.json", "--backend", "compiled"]) == 2
    assert "needs a C++ compiler (no-such-compiler)" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["m.ir.json"]


@pytest.fixture
def deferred(monkeypatch):
    """The checks that are made on devices that nothing waits for, on the CPU."""
    begin = loop.Training.__init__

    def init(self, *args):
        begin(self, *args)
        self.defer_checks()

    monkeypatch.setattr(loop.Training, "__init__", init)


def test_deferred_checks_change_nothing(folder, request):
    train(steps=20, optimizer="adamw", clip=0.1)
    expected = trained()
    request.getfixturevalue("deferred")
    train(steps=20, optimizer="adamw", clip=0.1)
    assert trained() == expected


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_deferred_checks_name_the_step_and_the_node(folder, deferred, optimizer):
    (folder / "log.ir.json").write_text(artifact(*LOG_NODES))
    x = np.ones((4, 2), np.float32)
    x[1, 0] = -1.0
    np.savez("d.npz", x=x, y=np.ones((4, 1), np.float32))
    options = {
        "artifact": "log.ir.json",
        "data": "d.npz",
        "batch_size": 1,
        "steps": 50,
        "optimizer": optimizer,
    }
    order = Order(4, 1, seed=0)
    step = next(step for step in range(1, 5) if order.index(step).tolist() == [1])
    with pytest.raises(
        UserError, match=f"step {step}: the loss is .*; the first node .* is node 2 \\(log\\)"
    ):
        train(**options, log_every=50)


def in_two_processes(*argv):
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "torchlean_core.train"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*launch, *argv], capture_output=True, text=True, env=environment)


needs_gloo = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")


@needs_gloo
def test_processes_that_are_given_different_samples_do_not_begin(folder):
    made = "import os\ndef make(): return [[float(os.getpid())] * 4] * 8, [[0.0] * 3] * 8"
    (folder / "given.py").write_text(made)
    done = in_two_processes("m.ir.json", "--data", "given.py:make", "--steps", "2", "--device", "cpu")
    assert done.returncode != 0
    assert "torchlean: the processes have different samples: a function must give each" in done.stderr
    assert "m.trained.safetensors" not in {path.name for path in folder.iterdir()}


@needs_gloo
def test_a_process_whose_fellow_ended_does_not_blame_itself(folder):
    (folder / "log.ir.json").write_text(artifact(*LOG_NODES))
    np.savez("d.npz", x=np.array([[1.0, 1], [1, 1], [1, 1], [1, 0]]), y=np.ones((4, 1)))
    done = in_two_processes("log.ir.json", "--data", "d.npz", "--batch-size", "2", "--device", "cpu")
    assert done.returncode != 0
    assert "the loss is inf; the first node that gives inf is node 2 (log)" in done.stderr
    assert "internal error" not in done.stderr and "torch cannot compute" not in done.stderr


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("[/b/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1"), True),
        (torch.distributed.DistBackendError("NCCL communicator was aborted"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (UserError("the loss is nan"), False),
    ],
)
def test_how_the_end_of_another_process_is_told(error, expected):
    assert is_loss_of_another(error) is expected


@needs_gloo
@pytest.mark.parametrize("name", ["m", "cnn"])
def test_two_processes_give_what_one_gives_on_batches_of_twice_the_size(folder, name):
    (folder / "cnn.ir.json").write_text(artifact(*CNN_NODES))
    # 256 samples in steps of 30: the last step of an epoch has 16, and the processes 8 each.
    options = ["--steps", "12", "--optimizer", "adam", "--lr", "0.01", "--seed", "4", "-q", "--device", "cpu"]
    done = in_two_processes(f"{name}.ir.json", *options, "--batch-size", "15", "-o", "two.safetensors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on cpu in 2 processes for 12 steps" in done.stdout
    assert main(["train", f"{name}.ir.json", *options, "--batch-size", "30", "-o", "one.safetensors"]) == 0
    one, two = (ParameterStore.load(Path(f"{which}.safetensors")) for which in ("one", "two"))
    assert one.names == two.names
    for parameter in one.names:
        expected = one.numpy(parameter)
        error = np.abs(two.numpy(parameter) - expected).max() / np.abs(expected).max()
        assert error < 1e-5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_gpu_resumes(folder, optimizer):
    train(device="cuda", steps=30, optimizer=optimizer)
    expected = ParameterStore.load(Path("m.trained.safetensors"))
    values = {name: np.array(expected.numpy(name)) for name in expected.names}
    train(device="cuda", steps=20, optimizer=optimizer, checkpoint_every=20)
    train(device="cuda", steps=30, resume=True)
    found = ParameterStore.load(Path("m.trained.safetensors"))
    for name, value in values.items():
        np.testing.assert_allclose(found.numpy(name), value, rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_names_the_step_and_the_node(folder):
    (folder / "log.ir.json").write_text(artifact(*LOG_NODES))
    np.savez("d.npz", x=np.array([[1.0, 0.0]]), y=np.array([[1.0]]))
    with pytest.raises(UserError, match=r"step 1: the loss is inf; .* node 2 \(log\)"):
        train(artifact="log.ir.json", data="d.npz", device="cuda", steps=9)


@needs_gloo
def test_two_processes_weigh_targets_and_validate_as_one_does(folder):
    """Classes of different weight and ignored targets: the mean of the processes' means is not that of the batch."""
    y = np.random.default_rng(3).integers(0, 3, 40)
    y[::3] = 255
    np.savez("d.npz", x=np.random.default_rng(4).normal(size=(40, 4)), y=y)
    options = [
        "--data",
        "d.npz",
        "--loss",
        "cross_entropy",
        "--class-weights",
        "1,5,0.2",
        "--ignore-index",
        "255",
    ]
    options += [
        "--steps",
        "12",
        "--val-split",
        "0.2",
        "--log-every",
        "1",
        "--patience",
        "3",
        "--best",
        "--lr",
        "0.3",
    ]
    options += ["-q", "--device", "cpu"]
    done = in_two_processes("m.ir.json", *options, "--batch-size", "3", "-o", "two.safetensors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert main(["train", "m.ir.json", *options, "--batch-size", "6", "-o", "one.safetensors"]) == 0
    one, two = (
        [json.loads(line) for line in Path(f"{name}.metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == len(two) < 12
    for expected, found in zip(one, two, strict=True):
        assert found == pytest.approx(expected, rel=1e-4)
