"""What can be asked of a training run, and which values are possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_core.errors import UsageError
from torchlean_core.init.arguments import is_seed
from torchlean_core.init.request import parse_request
from torchlean_core.options.choices import DEFAULT_LOSS, DEFAULT_LR, DEFAULT_OPTIMIZER, DEFAULT_STEPS, LOSSES
from torchlean_core.train.course import SCHEDULES
from torchlean_core.train.losses import Objective
from torchlean_core.train.module import BACKENDS
from torchlean_core.train.optim import OPTIMIZERS, Optimizer

_LOG_POINTS = 20
_GREATEST = 3.4e38  # what float32 holds

COURSE = (
    "loss",
    "class_axis",
    "class_weights",
    "label_smoothing",
    "ignore_index",
    "optimizer",
    "lr",
    "momentum",
    "weight_decay",
    "clip",
    "schedule",
    "warmup",
    "best",
    "patience",
    "batch_size",
    "val_split",
    "seed",
)
"""Options that a run keeps to its end: a resumed one takes them from its checkpoint."""

HABITS = ("data", "x", "y", "log_every", "checkpoint_every", "device", "backend")
"""Options that a resumed run takes from its checkpoint where it is not given others.

Where files go (`out`, `curve`, `logdir`) is not among them: a file that somebody else made says nothing of that.
"""


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """A training run.

    Attributes:
        artifact: Path of the artifact.
        params: Path of the parameters to start from; beside the artifact where None.
        data: Path of the data (.npz, .safetensors, .csv), or `module:function`; synthetic where None.
        x: Name of the inputs in the data; `x` where None.
        y: Name of the targets in the data; `y` where None.
        loss: Name of the loss; None for the graph's own, else mse.
        class_axis: Axis of the artifact's output with the classes of cross_entropy; from the targets where None.
        class_weights: One weight for each class, parted by commas.
        label_smoothing: Label smoothing of cross_entropy.
        ignore_index: Class number of targets that do not count.
        out: Path of the trained parameters; beside the artifact where None.
        curve: Path of the drawing of the loss, .svg or .png by its ending; beside `out`, as SVG, where None.
        optimizer: sgd, adam or adamw.
        lr: Learning rate; 0.01 for sgd, else 0.001, where None.
        momentum: Momentum of sgd.
        weight_decay: Weight decay.
        clip: Greatest norm of all gradients together.
        schedule: Course of the learning rate, one of `course.SCHEDULES`.
        warmup: Steps over which the learning rate rises to what it is; the schedule begins behind them.
        best: Whether to keep the parameters with the least validation loss, in place of the last.
        patience: Validations in a row without a better loss that end the run.
        steps: Number of steps; 200 where neither this nor `epochs` is given.
        epochs: Number of passes over the data.
        batch_size: Samples a step, in each process.
        output: Which of several outputs the loss is of, counted from 0.
        val_split: Fraction of the samples that is kept for validation.
        seed: Seed of synthetic data, of the order of samples, and of parameters where there is no file.
        log_every: Steps between reports; a twentieth of all where None.
        device: auto, cpu, cuda or cuda:n.
        backend: eager or compiled.
        checkpoint_every: Steps between checkpoints; none are written where None.
        checkpoint_seconds: Seconds between checkpoints, more where writing them would take a twentieth of the time;
            a run that comes to its end leaves none.
        resume: Whether to go on from the checkpoint of a run with this output, or the path of a checkpoint.
        logdir: Folder for TensorBoard's event files.
    """

    artifact: str
    params: str | None = None
    data: str | None = None
    x: str | None = None
    y: str | None = None
    loss: str | None = None
    class_axis: int | None = None
    class_weights: str | None = None
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    out: str | None = None
    curve: str | None = None
    optimizer: str = DEFAULT_OPTIMIZER
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float = 0.0
    clip: float | None = None
    schedule: str = "constant"
    warmup: int | None = None
    best: bool = False
    patience: int | None = None
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 32
    output: int | None = None
    val_split: float = 0.0
    seed: int = 0
    log_every: int | None = None
    device: str = "auto"
    backend: str = "eager"
    checkpoint_every: int | None = None
    checkpoint_seconds: float | None = None
    resume: bool | str = False
    logdir: str | None = None

    @property
    def learning_rate(self) -> float:
        """The learning rate, the optimizer's default where none was given."""
        return DEFAULT_LR[self.optimizer] if self.lr is None else self.lr

    def described(self) -> Optimizer:
        """The optimizer."""
        return Optimizer(self.optimizer, self.learning_rate, self.momentum or 0.0, self.weight_decay)

    def objective(self, own_loss: bool) -> Objective:
        """The loss, mse where none is named; `own_loss`: the graph's output is one.

        Raises:
            UsageError: Options do not go together.
        """
        return Objective(
            None if own_loss else self.loss or DEFAULT_LOSS,
            self.class_axis,
            parse_weights(self.class_weights),
            self.label_smoothing,
            self.ignore_index,
            of_command=True,
        )

    def course(self, objective: Objective, rank: int) -> dict[str, Any]:
        """The options that a run keeps to its end (`COURSE`), defaults spelled out; None is "does not apply".

        Args:
            objective: The loss.
            rank: Axes of the output, from whose front the class axis is counted.
        """
        axis = None if objective.class_axis is None else objective.class_axis % rank
        momentum = None if self.optimizer != "sgd" else self.momentum or 0.0
        spelled = {"loss": objective.name, "lr": self.learning_rate, "momentum": momentum, "class_axis": axis}
        return {name: spelled[name] if name in spelled else getattr(self, name) for name in COURSE}

    def total_steps(self, per_epoch: int) -> int:
        """Number of steps, an epoch having so many."""
        if self.epochs is not None:
            return self.epochs * per_epoch
        return DEFAULT_STEPS if self.steps is None else self.steps

    def log_interval(self, steps: int) -> int:
        """Steps between two entries of the metrics, for a run of so many."""
        return self.log_every or max(1, steps // _LOG_POINTS)


def parse_options(request: Mapping[str, Any]) -> TrainRequest:
    """A request object as options.

    Raises:
        UsageError: A field is unknown, missing or impossible.
    """
    options = parse_request(TrainRequest, "train", request)
    choices_of = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "loss": LOSSES, "backend": BACKENDS}
    for name, choices in choices_of.items():
        value = getattr(options, name)
        if value is not None and value not in choices:
            raise UsageError(f"unknown {name} {value!r}; there are {', '.join(choices)}")
    for name in (
        *("steps", "epochs", "batch_size", "log_every", "checkpoint_every", "warmup", "patience"),
        *("lr", "clip", "momentum", "weight_decay", "checkpoint_seconds"),
    ):
        _require_amount(name, getattr(options, name), zero=name in ("momentum", "weight_decay"))
    if options.steps is not None and options.epochs is not None:
        raise UsageError("--steps and --epochs exclude each other")
    is_known = "optimizer" in request or not options.resume  # else the checkpoint says which
    if options.momentum is not None and options.optimizer != "sgd" and is_known:
        raise UsageError(f"--momentum belongs to --optimizer sgd, not to {options.optimizer}")
    if options.warmup is not None and options.schedule == "onecycle":
        raise UsageError("--schedule onecycle has a rise of its own, so --warmup has no meaning with it")
    if not 0 <= options.val_split < 1:
        raise UsageError(f"--val-split must be at least 0 and less than 1, found {options.val_split}")
    if not is_seed(options.seed):
        raise UsageError(f"--seed must be an unsigned 64-bit integer, found {options.seed}")
    return options


def parse_weights(text: str | None) -> tuple[float, ...]:
    """Weights from their text, `1,2.5,1`.

    Raises:
        UsageError: A part is no number.
    """
    try:
        return () if text is None else tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--class-weights are numbers parted by commas, found {text!r:.80}") from error


def _require_amount(name: str, value: float | None, *, zero: bool) -> None:
    if value is None:
        return
    if not (value > 0 or (zero and value == 0)):
        raise UsageError(
            f"{option(name)} must be {'0 or greater' if zero else 'greater than 0'}, found {value}"
        )
    if value > _GREATEST:
        raise UsageError(f"{option(name)} must be at most {_GREATEST}, found {value}")


def option(name: str) -> str:
    """The name of a field as an option of the command line."""
    return "--" + name.replace("_", "-")
