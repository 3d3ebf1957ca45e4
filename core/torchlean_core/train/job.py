"""The work of `torchlean train`, for the command line, `torchrun` and the server alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact import load_graph, stem
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside
from torchlean_core.graph import Program
from torchlean_core.init import default_plan, materialize
from torchlean_core.init.structure import kernel_masks
from torchlean_core.interp import compile_batch
from torchlean_core.interp.interpreter import full_precision, require_one_input_shape
from torchlean_core.kinds import TRAINING_DIFFERS
from torchlean_core.params.content import Origin
from torchlean_core.params.model_names import ModelState
from torchlean_core.params.resolve import resolve
from torchlean_core.params.tensors import load_tensors, save_tensors
from torchlean_core.runs import is_unfinished
from torchlean_core.safekeeping.find import lost_by_writing_params
from torchlean_core.train.board import Board, require_tensorboard
from torchlean_core.train.checkpoint import Checkpoint, Progress, load_checkpoint
from torchlean_core.train.course import PLATEAU
from torchlean_core.train.curve_file import write_curve
from torchlean_core.train.data import Dataset, folding
from torchlean_core.train.definition import batch_loss
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.distributed import World, world
from torchlean_core.train.loop import Listeners, Training, metric_words
from torchlean_core.train.losses import Objective
from torchlean_core.train.measure import Measure, Tap
from torchlean_core.train.metrics import MetricsFile
from torchlean_core.train.module import ScalarModule, with_backend
from torchlean_core.train.options import TrainRequest, parse_options
from torchlean_core.train.order import Feed
from torchlean_core.train.outputs import check_outputs, outputs_of
from torchlean_core.train.resume import habits, require_continuable, resumed_request
from torchlean_core.train.source import data_words, has_own_loss, one_output, read_samples, wanted_samples
from torchlean_core.train.summary import summary
from torchlean_core.train.synthetic import synthetic_dataset

Report = Callable[[dict[str, Any]], None]


def run(request: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Train the parameters of an artifact and write them, with metrics and a curve beside them.

    Args:
        request: The fields of `TrainRequest` by name; those that are left out have their defaults, or with
            `resume` the values of the run that is continued.
        report: Gets `{"kind": "progress", "percentage": …, "message": …, "step": …, "loss": …, …}` for each
            entry of the metrics (with `steps_per_second` and `seconds_left` behind the first step), the same
            as kind `pulse` ten times a second between them, `{"kind": "note" or "warning", "message": …}`,
            `{"kind": "checkpoint", "output": …, "step": …}` for each checkpoint that was written, and
            `{"event": "output", "text": …}` for what a data function prints.

    Returns:
        `output`, `metrics` and `curve` (paths), `steps` (taken), `first_loss`, `last_loss`, `last` (the last entry
        of the metrics), `best_step` (after which validation was best, or null), `steps_per_second`,
        `parameters`, `scalars` (trained), `device`, `notes`, `message`, and `brief`, the same in a few words. In a
        process of several that is not the first: `message` only, empty.

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
        params = None if options.params is None else Path(options.params)
        self._resolved = resolve(load_graph(Path(options.artifact)), Path(options.artifact), params)
        self._program = one_output(self._resolved.program, options.output)
        require_one_input_shape(self._program)
        self._outputs = outputs_of(Path(options.artifact), options.out, options.curve)
        self._checkpoint: Checkpoint | None = None
        if options.resume:
            self._resumed_from = self._outputs.checkpoint if options.resume is True else Path(options.resume)
            self._checkpoint = load_checkpoint(self._resumed_from, self._program)
            options = parse_options(resumed_request(request, self._checkpoint.progress, self._resumed_from))
        check_outputs(self._outputs, options)
        self._options = options
        # Whether the checkpoint there is this run's own: another one is kept when it is replaced.
        own = self._outputs.checkpoint
        self._has_checkpoint = bool(options.resume) and own.exists() and own.samefile(self._resumed_from)
        self._notes: list[str] = []
        self._objective = options.objective(has_own_loss(self._program, options.loss))
        self._rank = len(self._program.nodes[self._program.output_id].shape)
        self._data_hash: str | None = None

    def run(self) -> dict[str, Any]:
        options, program, group = self._options, self._program, self._group
        batch = compile_batch(program)
        with_backend(batch_loss(batch, None), options.backend)  # before anything is computed
        if options.logdir is not None:
            require_tensorboard()
        trainable = _trainable(program)
        self._warn_of_differences()
        params = self._start()
        data, validation = self._data(params)
        objective = self._objective
        fold = folding(batch)
        tap = Tap() if options.backend == "eager" else None
        module = ScalarModule(
            with_backend(batch_loss(batch, objective, group.device, tap), options.backend),
            {name: tensor.to(group.device) for name, tensor in params.items()},
            trainable,
            kernel_masks(program, group.device),
            copy=False,
        )
        feeds = [
            None if part is None else Feed(part, group.device, fold, objective.sample_weights(part.y))
            for part in (data, validation)
        ]
        for feed, what in zip(feeds, ("to train on", "for validation"), strict=True):
            if feed is not None and feed.counts is not None and not bool(feed.counts.any()):
                raise UserError(f"none of the targets {what} counts: all are ignored, or of weight 0")
        assert feeds[0] is not None, "there are samples to train on"
        training = Training(
            module,
            options,
            group,
            feeds[0],
            feeds[1],
            Diagnosis(program),
            Measure.of(batch, objective, group.device),
            tap,
        )
        if self._checkpoint is not None:
            progress = self._checkpoint.progress
            self._data_hash = data.sha256()
            require_continuable(progress, training.steps, self._data_hash, group.size, self._resumed_from)
            training.resume(progress.step, dict(self._checkpoint.optimizer), progress.schedule)
            best = {name: tensor.to(group.device) for name, tensor in self._checkpoint.best.items()}
            training.best.restore(progress.best, best)
            if training.ended_early:
                raise UsageError(
                    f"{self._resumed_from} is of step {progress.step}, where the run ended early "
                    f"(--patience {options.patience}): nothing is left to do"
                )
            self._note(f"resuming {self._resumed_from} at step {progress.step} of {training.steps}")
        if options.backend == "compiled":
            self._note("compiling: the first step takes a while")
        self._note(summary(options, objective, data, validation, module, group, self._rank))
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

            with full_precision():
                training.run(Listeners(logged, self._report, checkpoint))
            if not self._group.is_first:
                return {"message": ""}
            self._write_params(training)
            kept = True  # what was trained is there, whatever becomes of its picture
            self._write_curve(metrics)
        has_end = self._options.checkpoint_every is None and self._options.checkpoint_seconds is not None
        if has_end and self._has_checkpoint:
            self._outputs.checkpoint.unlink(missing_ok=True)  # it was for the case that the run is stopped
        return self._result(training, metrics)

    def _note(self, message: str) -> None:
        self._notes.append(message)
        self._report({"kind": "note", "message": message})

    def _warn_of_differences(self) -> None:
        """Say why training the artifact is not training the model that it was captured from (TL407)."""
        for reason in self._program.training_differs():
            message = f"{self._options.artifact}: TL407 {TRAINING_DIFFERS}{reason}"
            self._report({"kind": "warning", "message": message})

    def _start(self) -> dict[str, torch.Tensor]:
        """The parameters that training starts from, on the CPU or made on the device."""
        program, options = self._program, self._options
        if self._checkpoint is not None:
            return dict(self._checkpoint.params)
        store = self._resolved.store
        if store is not None:
            params = load_tensors(store, program)
            for issue in (*store.validate(program), *self._resolved.issues):
                self._report({"kind": "warning", "message": f"{store.path}: {issue.code} {issue.message}"})
            self._note(f"starting from {store.path}")
            return params
        self._note(f"no parameter file; starting from the default plan, seed {options.seed}")
        fixed = [parameter.name for parameter in program.parameters() if parameter.is_kept]
        if fixed:
            message = f"marked not trainable, but no file has their values; zero: {', '.join(fixed[:8])}"
            self._report({"kind": "warning", "message": message})
        return materialize(program, default_plan(program, options.seed), self._group.device)

    def _data(self, params: Mapping[str, torch.Tensor]) -> tuple[Dataset, Dataset | None]:
        program, options = self._program, self._options
        if options.data is None:
            if options.x is not None or options.y is not None:
                raise UsageError("--x and --y name arrays of --data, which is not given")
            sets = [synthetic_dataset(program, params, self._objective, options.seed)]
        else:
            wanted = wanted_samples(program, self._objective, options.x, options.y)
            sets = read_samples(options.data, wanted, self._report, self._note)
        data, self._objective = sets[0]
        self._group.require_same("samples", len(data))
        self._group.require_same_content("samples", data.sha256)
        if len(sets) > 1:
            if options.val_split:
                raise UsageError(
                    f"{options.data} gives samples for validation, so --val-split has no meaning"
                )
            return data, self._validation(*sets[1])
        parts = data.split(options.val_split, torch.Generator().manual_seed(options.seed))
        needs = [
            name
            for name, is_given in (
                ("--best", options.best),
                ("--patience", options.patience is not None),
                ("--schedule plateau", options.schedule == PLATEAU),
            )
            if is_given
        ]
        if parts[1] is None and needs:
            raise UsageError(
                f"{needs[0]} goes by validation; --val-split 0.1 keeps a tenth of the samples for it"
            )
        return parts

    def _validation(self, data: Dataset, objective: Objective) -> Dataset:
        if objective != self._objective:
            raise UserError(f"{self._options.data}: the targets for validation have classes on another axis")
        self._group.require_same("validation samples", len(data))
        self._group.require_same_content("validation samples", data.sha256)
        return data

    def _keep(self, training: Training, data: Dataset, metrics: MetricsFile) -> None:
        self._data_hash = self._data_hash or data.sha256()
        progress = Progress(
            training.step,
            training.steps,
            self._options.course(self._objective, self._rank),
            habits(self._options, self._outputs.checkpoint),
            self._group.size,
            self._data_hash,
            training.course.state(),
            training.best.state(),
            metrics.entries,
        )
        checkpoint = Checkpoint(
            progress, training.module.params(), training.state.tensors(), training.best.params
        )
        path = self._outputs.checkpoint
        if not self._has_checkpoint and is_unfinished(path):
            self._note(f"the run that was kept in {path.name} is kept as {keep_aside(path).name}")
        checkpoint.save(path, self._program)
        self._has_checkpoint = True
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
            f"trained, {training.step} steps of {options.optimizer}, lr {options.learning_rate}, "
            f"batch size {options.batch_size * self._group.size}, seed {options.seed}, {data_words(options.data)}"
        )
        params = training.module.params()
        if options.best:
            params = training.best.params
            source += f", best validation after step {training.best.step}"
        out = self._outputs.params
        # A run that goes on was asked to go on with what it wrote itself.
        if self._checkpoint is None and lost_by_writing_params(out):
            self._note(f"what was in {out.name} is kept as {keep_aside(out).name}")
        before = self._resolved.store
        carried = None if before is None else before.carried(ModelState.of(self._program).further)
        save_tensors(out, params, self._program, source, Origin.TRAIN, carried)

    def _write_curve(self, metrics: MetricsFile) -> None:
        options = self._options
        title = f"{stem(Path(options.artifact))}: loss, {options.optimizer}, {data_words(options.data)}"
        write_curve(self._outputs.curve, metrics.entries, title)

    def _result(self, training: Training, metrics: MetricsFile) -> dict[str, Any]:
        leaves, group, best = training.module.leaves, self._group, training.best
        trained = [leaf for name, leaf in leaves.items() if name not in training.unreached]
        scalars = sum(leaf.numel() for leaf in trained)
        first, last = metrics.entries[0], metrics.entries[-1]
        processes = f" in {group.size} processes" if group.size > 1 else ""
        message = (
            f"trained {len(trained)} tensors ({scalars} scalars) on {group.device}{processes} for "
            f"{training.step} steps ({training.steps_per_second:.1f} steps/s): "
            f"loss {first['loss']:.6g} -> {last['loss']:.6g}{metric_words(last, '')}"
        )
        if "val_loss" in last:
            message += f", validation {last['val_loss']:.6g}{metric_words(last, 'val_')}"
        if training.ended_early:
            message += (
                f"; ended early, {best.since} validations without a better one than after step {best.step}"
            )
        if self._options.best:
            message += f"; kept the parameters after step {best.step}, validation {best.loss:.6g}"
        brief = f"trained {training.step:,} steps, loss {first['loss']:.3g} to {last['loss']:.3g}"
        if "val_loss" in last:
            brief += f", validation {last['val_loss']:.3g}"
        if training.ended_early:
            brief += ", ended early"
        return {
            "brief": brief,
            "output": str(self._outputs.params),
            "metrics": str(self._outputs.metrics),
            "curve": str(self._outputs.curve),
            "steps": training.step,
            "first_loss": first["loss"],
            "last_loss": last["loss"],
            "last": last,
            "best_step": best.step or None,
            "steps_per_second": training.steps_per_second,
            "parameters": len(trained),
            "scalars": scalars,
            "device": str(group.device),
            "notes": self._notes,
            "message": message,
        }


def _trainable(program: Program) -> list[str]:
    names = [parameter.name for parameter in program.parameters() if parameter.trainable]
    if not names:
        raise UserError("nothing to train: the artifact has no trainable parameters")
    return names
