"""What goes by validation: the best parameters, an early end, the schedule plateau; and the rise of the rate."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.core.train.train_graphs import data_x, data_y
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.params import ParameterStore
from torchlean_core.train.course import PLATEAU_VALIDATIONS
from torchlean_core.train.job import run


def train(**request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, lambda event: None)


def entries():
    return [json.loads(line) for line in Path("m.metrics.jsonl").read_text().splitlines()]


def values(name="m.trained.safetensors"):
    store = ParameterStore.load(Path(name))
    return {key: np.array(store.numpy(key)) for key in store.names}


@pytest.fixture
def noisy(folder):
    """Targets that have nothing to do with the inputs: validation gets worse soon."""
    np.savez("d.npz", x=data_x(), y=data_y())
    return {"data": "d.npz", "val_split": 0.25, "lr": 0.05, "log_every": 1, "steps": 120}


def test_the_best_parameters_are_kept(noisy):
    result = train(**noisy, best=True)
    losses = [entry["val_loss"] for entry in entries()]
    best = 1 + int(np.argmin(losses))
    assert result["best_step"] == best < 120
    kept = values()
    train(**{**noisy, "steps": best})
    for name, value in values().items():
        np.testing.assert_array_equal(kept[name], value)


def test_without_it_the_last_are(noisy):
    train(**noisy)
    last = values()
    train(**noisy, best=True)
    assert any((last[name] != value).any() for name, value in values().items())


def test_patience_ends_a_run(noisy):
    result = train(**noisy, patience=5)
    losses = [entry["val_loss"] for entry in entries()]
    assert result["steps"] == len(losses) < 120
    assert int(np.argmin(losses)) == len(losses) - 1 - 5
    assert "ended early, 5 validations without a better one" in result["message"]


def test_a_run_that_ended_early_is_not_resumed(noisy):
    train(**noisy, patience=5, checkpoint_every=50)
    with pytest.raises(UsageError, match=r"the run ended early \(--patience 5\): nothing is left to do"):
        train(resume=True)


def test_plateau_takes_a_tenth_when_validation_brings_nothing_better(noisy):
    train(**noisy, schedule="plateau")
    found = entries()
    rate, best, bad = 0.05, float("inf"), 0
    for entry in found:
        assert entry["lr"] == pytest.approx(rate)
        best, bad = (entry["val_loss"], 0) if entry["val_loss"] < best else (best, bad + 1)
        if bad == PLATEAU_VALIDATIONS:
            rate, bad = rate / 10, 0
    assert rate < 0.05


@pytest.mark.parametrize(
    ("schedule", "behind"),
    [
        ("constant", [0.1] * 6),
        ("linear", [0.1 * (1 - k / 6) for k in range(6)]),
        ("cosine", [0.05 * (1 + np.cos(np.pi * k / 6)) for k in range(6)]),
    ],
)
def test_the_rate_rises_in_a_line_and_the_schedule_begins_behind(folder, schedule, behind):
    train(steps=10, warmup=4, lr=0.1, log_every=1, schedule=schedule)
    rates = [entry["lr"] for entry in entries()]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, *behind], abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--best"], "--best goes by validation; --val-split 0.1"),
        (["--patience", "3"], "--patience goes by validation"),
        (["--schedule", "plateau"], "--schedule plateau goes by validation"),
        (["--patience", "0"], "--patience must be greater than 0"),
        (["--warmup", "0"], "--warmup must be greater than 0"),
        (["--warmup", "200"], "--warmup 200 leaves none of the 200 steps behind it"),
        (["--warmup", "3", "--schedule", "onecycle"], "onecycle has a rise of its own"),
    ],
)
def test_options_that_are_refused(folder, capsys, options, message):
    assert main(["train", "m.ir.json", *options]) == 2
    assert message in capsys.readouterr().err


# -- metrics ---------------------------------------------------------------------------------------------------


def forward(params, x):
    hidden = np.maximum(x @ params["linear_1_W"].T + params["linear_1_b"], 0)
    return hidden @ params["linear_3_W"].T + params["linear_3_b"]


@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_regressions_tell_mean_absolute_error_and_r2(folder, loss):
    x, y = data_x(), data_y() + 100
    np.savez("d.npz", x=x, y=y)
    assert main(["init", "m.ir.json", "-q"]) == 0
    train(data="d.npz", loss=loss, steps=1)
    output = forward(values("m.params.safetensors"), x.astype(float))
    (entry,) = entries()
    assert entry["mae"] == pytest.approx(np.abs(output - y).mean(), rel=1e-5)
    assert entry["r2"] == pytest.approx(
        1 - ((output - y) ** 2).sum() / ((y - y.mean(0)) ** 2).sum(), rel=1e-5
    )


def test_classes_tell_accuracy(folder):
    x, y = data_x(), np.arange(16) % 3
    np.savez("d.npz", x=x, y=y)
    assert main(["init", "m.ir.json", "-q"]) == 0
    train(data="d.npz", loss="cross_entropy", steps=1)
    output = forward(values("m.params.safetensors"), x)
    assert entries()[0]["accuracy"] == pytest.approx((output.argmax(1) == y).mean())


def test_logits_tell_accuracy_by_their_sign(folder):
    x, y = data_x(), (data_y() > 0).astype(np.float32)
    np.savez("d.npz", x=x, y=y)
    assert main(["init", "m.ir.json", "-q"]) == 0
    train(data="d.npz", loss="bce_with_logits", steps=1)
    output = forward(values("m.params.safetensors"), x)
    assert entries()[0]["accuracy"] == pytest.approx(((output > 0) == (y > 0.5)).mean())


def test_r2_of_targets_that_do_not_vary_has_no_value(folder):
    np.savez("d.npz", x=data_x(), y=np.ones((16, 3)))
    train(data="d.npz", steps=1)
    assert "mae" in entries()[0]
    assert "r2" not in entries()[0]


def test_metrics_change_nothing_of_the_run(folder):
    np.savez("d.npz", x=data_x(), y=data_y())
    train(data="d.npz", steps=9, log_every=1)
    often = values()
    train(data="d.npz", steps=9, log_every=9)
    for name, value in values().items():
        np.testing.assert_array_equal(often[name], value)
