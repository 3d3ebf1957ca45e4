"""The work of `torchlean train`, for the command line and the server alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact import load_graph, params_path
from torchlean_core.artifact.companions import trained_params_path
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import refuse_overwriting, replacing
from torchlean_core.graph import Program, lower
from torchlean_core.init import default_plan, materialize
from torchlean_core.init.plan import is_attention_scale
from torchlean_core.init.structure import kernel_masks
from torchlean_core.interp import Interpreter, resolve_device
from torchlean_core.params.tensors import find_store, load_tensors, save_tensors
from torchlean_core.train.data import Dataset, load_dataset
from torchlean_core.train.loop import Outcome, batched_loss, train
from torchlean_core.train.losses import OWN_LOSS
from torchlean_core.train.module import ScalarModule
from torchlean_core.train.options import TrainRequest, parse_options
from torchlean_core.train.synthetic import synthetic_dataset

Report = Callable[[dict[str, Any]], None]

_RESIDENT = 1 << 30  # bytes of data that are kept on the device as a whole


def run(request: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Train the parameters of an artifact and write them, with metrics beside them.

    Args:
        request: The fields of `TrainRequest` by name.
        report: Gets `{"kind": "progress", "percentage": …, "message": …, "step": …, "loss": …}` for each
            entry of the metrics, the same as kind `pulse` twice a second between them, and
            `{"kind": "note" or "warning", "message": …}`.

    Returns:
        `output` and `metrics` (paths), `steps`, `first_loss`, `last_loss`, `steps_per_second`,
        `parameters`, `scalars` (trained), `device`, `notes`, `message`.

    Raises:
        UserError: The artifact, parameters or data are at fault, or the loss is not finite.
        UsageError: The request is, or a file cannot be read or written.
    """
    options = parse_options(request)
    device = resolve_device(options.device)
    program = lower(load_graph(Path(options.artifact)))
    out = Path(options.out) if options.out is not None else trained_params_path(Path(options.artifact))
    _check_outputs(out, options)
    loss = _loss_name(program, options)
    notes: list[str] = []

    def note(message: str) -> None:
        notes.append(message)
        report({"kind": "note", "message": message})

    params = _start(program, options, note, report)
    interpreter = Interpreter(program, params, torch.float32, device)
    data, validation = _data(program, params, options, loss, note)
    trainable = _trainable(program)
    masks = kernel_masks(program, device)
    module = ScalarModule(batched_loss(interpreter, loss), interpreter.params, trainable, masks)
    data = _on(data, device)
    validation = None if validation is None else _on(validation, device)
    outcome = train(module, interpreter, data, validation, options, report)
    metrics = _metrics_path(out)
    _write(out, metrics, module, program, options, outcome)
    return _result(module, options, outcome, out, metrics, device, notes)


def _check_outputs(out: Path, options: TrainRequest) -> None:
    """Refuse what cannot be written, or must not be, before anything is computed."""
    artifact = Path(options.artifact)
    params = params_path(artifact) if options.params is None else Path(options.params)
    data = None if options.data is None else Path(options.data)
    refuse_overwriting(out, artifact, params, data)
    refuse_overwriting(_metrics_path(out), artifact, params, data)
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}")


def _metrics_path(out: Path) -> Path:
    """`m.metrics.jsonl` beside `m.trained.safetensors`."""
    name = out.name.removesuffix(".safetensors").removesuffix(".trained")
    return out.with_name(f"{name}.metrics.jsonl")


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


def _start(
    program: Program, options: TrainRequest, note: Callable[[str], None], report: Report
) -> dict[str, torch.Tensor]:
    """The parameters that training starts from, on the CPU."""
    store = find_store(Path(options.artifact), None if options.params is None else Path(options.params))
    if store is not None:
        params = load_tensors(store, program)
        for issue in store.validate(program):
            report({"kind": "warning", "message": f"{store.path}: {issue.code} {issue.message}"})
        note(f"starting from {store.path}")
        return params
    note(f"no parameter file; starting from the default plan, seed {options.seed}")
    fixed = [
        parameter.name
        for parameter in program.parameters()
        if parameter.kind == "const" and not parameter.trainable and not is_attention_scale(parameter)
    ]
    if fixed:
        message = f"marked not trainable, but no file has their values; zero: {', '.join(fixed[:8])}"
        report({"kind": "warning", "message": message})
    return materialize(program, default_plan(program, options.seed))


def _data(
    program: Program,
    params: Mapping[str, torch.Tensor],
    options: TrainRequest,
    loss: str | None,
    note: Callable[[str], None],
) -> tuple[Dataset, Dataset | None]:
    inputs, outputs = program.nodes[program.input_id].shape, program.nodes[program.output_id].shape
    if options.data is None:
        data = synthetic_dataset(Interpreter(program, params), params, loss, options.seed)
        note(f"no --data; {len(data)} synthetic samples, seed {options.seed}")
    else:
        data = load_dataset(Path(options.data), inputs, outputs, loss)
    return data.split(options.val_split, torch.Generator().manual_seed(options.seed))


def _on(data: Dataset, device: torch.device) -> Dataset:
    size = sum(tensor.nbytes for tensor in data.tensors())
    return data.to(device) if size <= _RESIDENT else data


def _write(
    out: Path,
    metrics: Path,
    module: ScalarModule,
    program: Program,
    options: TrainRequest,
    outcome: Outcome,
) -> None:
    data = "synthetic data" if options.data is None else Path(options.data).name
    source = (
        f"trained, {outcome.steps} steps of {options.optimizer}, lr {options.learning_rate}, "
        f"batch size {options.batch_size}, seed {options.seed}, {data}"
    )
    try:
        with replacing(metrics) as temporary:
            text = "".join(json.dumps(entry) + "\n" for entry in outcome.metrics)
            temporary.write_text(text, encoding="utf-8", newline="\n")
            save_tensors(out, module.params(), program.graph, source)
    except OSError as error:
        raise UsageError(f"{metrics}: {error.strerror or error}") from error


def _result(
    module: ScalarModule,
    options: TrainRequest,
    outcome: Outcome,
    out: Path,
    metrics: Path,
    device: torch.device,
    notes: list[str],
) -> dict[str, Any]:
    scalars = sum(leaf.numel() for leaf in module.leaves.values())
    speed = outcome.steps / max(outcome.seconds, 1e-9)
    message = (
        f"trained {len(module.leaves)} tensors ({scalars} scalars) on {device} for {outcome.steps} steps "
        f"({speed:.1f} steps/s): loss {outcome.first_loss:.6g} -> {outcome.last_loss:.6g}"
    )
    return {
        "output": str(out),
        "metrics": str(metrics),
        "steps": outcome.steps,
        "first_loss": outcome.first_loss,
        "last_loss": outcome.last_loss,
        "steps_per_second": speed,
        "parameters": len(module.leaves),
        "scalars": scalars,
        "device": str(device),
        "notes": notes,
        "message": message,
    }
