"""The work of `torchlean train`, for the command line, `torchrun` and the server alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact import load_graph, params_path, stem
from torchlean_core.artifact.companions import trained_params_path
from torchlean_core.datasource import is_function
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside, refuse_overwriting
from torchlean_core.graph import Program, lower
from torchlean_core.init import default_plan, materialize
from torchlean_core.init.structure import kernel_masks
from torchlean_core.interp import Batch, compile_batch
from torchlean_core.interp.interpreter import require_one_input_shape
from torchlean_core.params.content import Origin
from torchlean_core.params.files import require_store_name
from torchlean_core.params.tensors import find_store, load_tensors, save_tensors
from torchlean_core.safekeeping.find import lost_by_writing_params
from torchlean_core.train.board import Board, require_tensorboard
from torchlean_core.train.checkpoint import Checkpoint, Progress, load_checkpoint
from torchlean_core.train.curve import require_drawable, write_curve
from torchlean_core.train.data import Dataset, load_dataset
from torchlean_core.train.definition import batch_loss
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.distributed import World, world
from torchlean_core.train.function import call_for_data
from torchlean_core.train.loop import Listeners, Training
from torchlean_core.train.losses import OWN_LOSS
from torchlean_core.train.metrics import MetricsFile
from torchlean_core.train.module import ScalarModule, with_backend
from torchlean_core.train.optim import schedule_state
from torchlean_core.train.options import TrainRequest, parse_options
from torchlean_core.train.order import Feed
from torchlean_core.train.resume import habits, require_continuable, resumed_request
from torchlean_core.train.synthetic import synthetic_dataset

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of a run.

    Attributes:
        params: Trained parameters.
        metrics: Metrics as JSON lines.
        curve: The loss over the steps, drawn.
        checkpoint: The last checkpoint.
    """

    params: Path
    metrics: Path
    curve: Path
    checkpoint: Path

    @classmethod
    def of(cls, artifact: Path, out: str | None, curve: str | None) -> Outputs:
        """`m.metrics.jsonl`, `m.loss.svg`, `m.checkpoint.safetensors` beside `m.trained.safetensors`.

        Raises:
            UsageError: `out` has no name of a file.
        """
        params = trained_params_path(artifact) if out is None else Path(out)
        if not params.name:
            raise UsageError(f"{params}: is a folder, not a parameter file")
        name = params.name.removesuffix(".safetensors").removesuffix(".trained")
        return cls(
            params,
            metrics=params.with_name(f"{name}.metrics.jsonl"),
            curve=params.with_name(f"{name}.loss.svg") if curve is None else Path(curve),
            checkpoint=params.with_name(f"{name}.checkpoint.safetensors"),
        )

    def check(self, options: TrainRequest) -> None:
        """Refuse what cannot be written, or must not be, before anything is computed.

        Raises:
            UsageError: A file would replace one of the inputs, or no regular file, or its folder is missing.
        """
        artifact = Path(options.artifact)
        params = params_path(artifact) if options.params is None else Path(options.params)
        data = None if options.data is None or is_function(options.data) else Path(options.data)
        source = Path(options.resume) if isinstance(options.resume, str) else None
        for path in (self.params, self.metrics, self.curve):
            refuse_overwriting(path, artifact, params, data, source)
        refuse_overwriting(self.checkpoint, artifact, params, data)  # a run goes on in its own checkpoint
        require_store_name(self.params)
        for path in (self.params, self.curve):
            if not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent}")
        if self.params.resolve() == self.curve.resolve():
            raise UsageError(f"{self.curve}: would be the trained parameters and the curve")
        require_drawable(self.curve)


def run(request: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Train the parameters of an artifact and write them, with metrics and a curve beside them.

    Args:
        request: The fields of `TrainRequest` by name; those that are left out have their defaults, or with
            `resume` the values of the run that is continued.
        report: Gets `{"kind": "progress", "percentage": …, "message": …, "step": …, "loss": …, …}` for each
            entry of the metrics (with `steps_per_second` and `seconds_left` behind the first step), the same
            as kind `pulse` twice a second between them, `{"kind": "note" or "warning", "message": …}`,
            `{"kind": "checkpoint", "output": …, "step": …}` for each checkpoint that was written, and
            `{"event": "output", "text": …}` for what a data function prints.

    Returns:
        `output`, `metrics` and `curve` (paths), `steps`, `first_loss`, `last_loss`, `steps_per_second`,
        `parameters`, `scalars` (trained), `device`, `notes`, `message`. In a process of several that is not
        the first: `message` only, empty.

    Raises:
        UserError: The artifact, parameters or data are at fault, or the loss is not finite.
        UsageError: The request is, or a file cannot be read or written.
    """
    options = parse_options(request)
    with world(options.device) as group:
        return _Job(options, request, group, report if group.is_first else _hear_nothing).run()


def _hear_nothing(event: dict[str, Any]) -> None:
    """What a process that is not the first does with its events."""


class _Job:
    def __init__(
        self, options: TrainRequest, request: Mapping[str, Any], group: World, report: Report
    ) -> None:
        self._group, self._report = group, report
        self._program = lower(load_graph(Path(options.artifact)))
        require_one_input_shape(self._program)
        self._outputs = Outputs.of(Path(options.artifact), options.out, options.curve)
        self._checkpoint: Checkpoint | None = None
        if options.resume:
            self._resumed_from = self._outputs.checkpoint if options.resume is True else Path(options.resume)
            self._checkpoint = load_checkpoint(self._resumed_from, self._program)
            options = parse_options(resumed_request(request, self._checkpoint.progress, self._resumed_from))
        self._outputs.check(options)
        self._options = options
        self._notes: list[str] = []
        self._loss: str | None = None
        self._data_hash: str | None = None

    def run(self) -> dict[str, Any]:
        options, program, group = self._options, self._program, self._group
        loss = self._loss = _loss_name(program, options)
        batch = compile_batch(program)
        function = with_backend(batch_loss(batch, loss), options.backend)
        if options.logdir is not None:
            require_tensorboard()
        trainable = _trainable(program)
        self._warn_of_differences()
        params = self._start()
        data, validation = self._data(params, loss)
        fold = _folding(batch)
        module = ScalarModule(
            function,
            {name: tensor.to(group.device) for name, tensor in params.items()},
            trainable,
            kernel_masks(program, group.device),
            copy=False,
        )
        training = Training(
            module,
            options,
            group,
            Feed(data, group.device, fold),
            None if validation is None else Feed(validation, group.device, fold),
            Diagnosis(program),
        )
        if self._checkpoint is not None:
            progress = self._checkpoint.progress
            self._data_hash = data.sha256()
            require_continuable(progress, training.steps, self._data_hash, group.size, self._resumed_from)
            training.resume(progress.step, dict(self._checkpoint.optimizer), progress.schedule)
            self._note(f"resuming {self._resumed_from} at step {progress.step} of {training.steps}")
        if options.backend == "compiled":
            self._note("compiling: the first step takes a while")
        return self._train(training, data)

    def _train(self, training: Training, data: Dataset) -> dict[str, Any]:
        earlier = [] if self._checkpoint is None else self._checkpoint.progress.metrics
        metrics = MetricsFile(self._outputs.metrics, [e for e in earlier if training.logs(int(e["step"]))])
        kept = self._checkpoint is not None
        with ExitStack() as stack:
            board = None
            if self._group.is_first:
                metrics.open()
                stack.callback(lambda: metrics.close(keep=kept))
                if self._options.logdir is not None:
                    board = Board(Path(self._options.logdir), training.step + 1)
                    stack.callback(board.close)

            def logged(entry: dict[str, Any]) -> None:
                metrics.add(entry)
                if board is not None:
                    board.add(entry)

            def checkpoint(current: Training) -> None:
                nonlocal kept
                self._keep(current, data, metrics)
                kept = True

            training.run(Listeners(logged, self._report, checkpoint))
            if not self._group.is_first:
                return {"message": ""}
            self._write_params(training)
            kept = True  # what was trained is there, whatever becomes of its picture
            self._write_curve(metrics)
        return self._result(training, metrics)

    def _note(self, message: str) -> None:
        self._notes.append(message)
        self._report({"kind": "note", "message": message})

    def _warn_of_differences(self) -> None:
        """Say why training the artifact is not training the model that it was captured from (TL407)."""
        for reason in self._program.training_differs():
            message = (
                f"{self._options.artifact}: TL407 training this artifact is not training the model: {reason}"
            )
            self._report({"kind": "warning", "message": message})

    def _start(self) -> dict[str, torch.Tensor]:
        """The parameters that training starts from, on the CPU or made on the device."""
        program, options = self._program, self._options
        if self._checkpoint is not None:
            return dict(self._checkpoint.params)
        store = find_store(Path(options.artifact), None if options.params is None else Path(options.params))
        if store is not None:
            params = load_tensors(store, program)
            for issue in store.validate(program):
                self._report({"kind": "warning", "message": f"{store.path}: {issue.code} {issue.message}"})
            self._note(f"starting from {store.path}")
            return params
        self._note(f"no parameter file; starting from the default plan, seed {options.seed}")
        fixed = [parameter.name for parameter in program.parameters() if parameter.is_kept]
        if fixed:
            message = f"marked not trainable, but no file has their values; zero: {', '.join(fixed[:8])}"
            self._report({"kind": "warning", "message": message})
        return materialize(program, default_plan(program, options.seed), self._group.device)

    def _data(self, params: Mapping[str, torch.Tensor], loss: str | None) -> tuple[Dataset, Dataset | None]:
        program, options = self._program, self._options
        inputs, outputs = program.nodes[program.input_id].shape, program.nodes[program.output_id].shape
        if options.data is None:
            data = synthetic_dataset(program, params, loss, options.seed)
            self._note(f"no --data; {len(data)} synthetic samples, seed {options.seed}")
        elif is_function(options.data):
            data = call_for_data(options.data, inputs, outputs, loss, self._report)
            self._note(f"{len(data)} samples from {options.data}")
        else:
            data = load_dataset(Path(options.data), inputs, outputs, loss)
        self._group.require_same("samples", len(data))
        self._group.require_same_content("samples", data.sha256)
        return data.split(options.val_split, torch.Generator().manual_seed(options.seed))

    def _keep(self, training: Training, data: Dataset, metrics: MetricsFile) -> None:
        schedule = training.schedule
        self._data_hash = self._data_hash or data.sha256()
        progress = Progress(
            training.step,
            training.steps,
            self._options.course(self._loss),
            habits(self._options, self._outputs.checkpoint),
            self._group.size,
            self._data_hash,
            None if schedule is None else schedule_state(schedule),
            metrics.entries,
        )
        checkpoint = Checkpoint(progress, training.module.params(), training.state.tensors())
        path = self._outputs.checkpoint
        checkpoint.save(path, self._program)
        self._report(
            {
                "kind": "checkpoint",
                "output": str(path),
                "step": training.step,
                "message": f"wrote {path} at step {training.step}",
            }
        )

    def _write_params(self, training: Training) -> None:
        options = self._options
        source = (
            f"trained, {training.steps} steps of {options.optimizer}, lr {options.learning_rate}, "
            f"batch size {options.batch_size * self._group.size}, seed {options.seed}, {_data_words(options)}"
        )
        out = self._outputs.params
        # A run that goes on was asked to go on with what it wrote itself.
        if self._checkpoint is None and lost_by_writing_params(out):
            self._note(f"what was in {out.name} is kept as {keep_aside(out).name}")
        before = find_store(Path(options.artifact), None if options.params is None else Path(options.params))
        carried = None if before is None else before.carried()
        params = training.module.params()
        save_tensors(out, params, self._program.graph, source, Origin.TRAIN, carried)

    def _write_curve(self, metrics: MetricsFile) -> None:
        options = self._options
        title = f"{stem(Path(options.artifact))}: loss, {options.optimizer}, {_data_words(options)}"
        write_curve(self._outputs.curve, metrics.entries, title)

    def _result(self, training: Training, metrics: MetricsFile) -> dict[str, Any]:
        leaves, group = training.module.leaves, self._group
        scalars = sum(leaf.numel() for leaf in leaves.values())
        first, last = metrics.entries[0]["loss"], metrics.entries[-1]["loss"]
        processes = f" in {group.size} processes" if group.size > 1 else ""
        message = (
            f"trained {len(leaves)} tensors ({scalars} scalars) on {group.device}{processes} for "
            f"{training.steps} steps ({training.steps_per_second:.1f} steps/s): "
            f"loss {first:.6g} -> {last:.6g}"
        )
        if "val_loss" in metrics.entries[-1]:
            message += f", validation {metrics.entries[-1]['val_loss']:.6g}"
        return {
            "output": str(self._outputs.params),
            "metrics": str(self._outputs.metrics),
            "curve": str(self._outputs.curve),
            "steps": training.steps,
            "first_loss": first,
            "last_loss": last,
            "steps_per_second": training.steps_per_second,
            "parameters": len(leaves),
            "scalars": scalars,
            "device": str(group.device),
            "notes": self._notes,
            "message": message,
        }


def _loss_name(program: Program, options: TrainRequest) -> str | None:
    """The name of the loss, or None where the graph's output is one."""
    if program.nodes[program.output_id].kind.name != OWN_LOSS:
        return options.loss or "mse"
    if options.loss is not None:
        raise UsageError(
            f"the artifact's output is {OWN_LOSS}, which is the loss; --loss has no meaning here"
        )
    return None


def _trainable(program: Program) -> list[str]:
    names = [parameter.name for parameter in program.parameters() if parameter.trainable]
    if not names:
        raise UserError("nothing to train: the artifact has no trainable parameters")
    return names


def _folding(batch: Batch) -> Callable[[Dataset], Dataset]:
    return lambda data: Dataset(
        batch.fold_input(data.x), None if data.y is None else batch.fold_output(data.y)
    )


def _data_words(options: TrainRequest) -> str:
    if options.data is None:
        return "synthetic data"
    return options.data if is_function(options.data) else Path(options.data).name
