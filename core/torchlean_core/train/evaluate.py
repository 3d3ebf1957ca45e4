"""The work of `torchlean eval`, and of `torchlean run` on many inputs: a network over whole data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact import load_graph
from torchlean_core.artifact.companions import trained_params_path
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Program
from torchlean_core.init.request import parse_request
from torchlean_core.interp import compile_batch, resolve_device
from torchlean_core.interp.interpreter import full_precision, require_one_input_shape
from torchlean_core.options.choices import LOSSES
from torchlean_core.params.tensors import load_tensors, require_parameters
from torchlean_core.train.data import folding
from torchlean_core.train.definition import batch_loss
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.loop import mean_over
from torchlean_core.train.losses import Objective
from torchlean_core.train.measure import METRICS, Measure
from torchlean_core.train.module import ScalarModule
from torchlean_core.train.options import parse_weights
from torchlean_core.train.order import Feed
from torchlean_core.train.source import data_words, has_own_loss, one_output, read_one_set, wanted_samples

BATCH = 256
"""Samples that are computed at once unless told otherwise."""

_TORCH_REFUSES = (RuntimeError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """An evaluation.

    Attributes:
        artifact: Path of the artifact.
        data: Path of the data, or `module:function`, as for training.
        params: Path of the parameters; beside the artifact where None.
        x: Name of the inputs in the data; `x` where None.
        y: Name of the targets in the data; `y` where None.
        loss: Name of the loss; None for the graph's own, else mse.
        class_axis: As for training.
        class_weights: As for training.
        label_smoothing: As for training.
        ignore_index: As for training.
        batch_size: Samples that are computed at once.
        output: Which of several outputs is meant, counted from 0.
        device: auto, cpu, cuda or cuda:n.
    """

    artifact: str
    data: str | None = None
    params: str | None = None
    x: str | None = None
    y: str | None = None
    loss: str | None = None
    class_axis: int | None = None
    class_weights: str | None = None
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    batch_size: int = BATCH
    output: int | None = None
    device: str = "auto"


def run(request: Mapping[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The loss and the metrics of an artifact on a data set.

    Args:
        request: The fields of `EvalRequest` by name; those that are left out have their defaults.
        report: Gets `{"kind": "note" or "warning", "message": …}`, and `{"event": "output", "text": …}` for what a
            data function prints.

    Returns:
        `loss`; `accuracy`, or `mae` and `r2` (where they have a value); `objective` (the loss's name, or null for
        the graph's own), `samples`, `data`, `params` (path, or null), `device`, `message`.

    Raises:
        UserError: The artifact, parameters or data are at fault, or the loss is not finite.
        UsageError: The request is, or a file cannot be read.
    """
    options = parse_request(EvalRequest, "eval", request)
    if options.data is None:
        raise UsageError("eval needs data: --data d.npz, or another kind that `torchlean train` takes")
    if options.loss is not None and options.loss not in LOSSES:
        raise UsageError(f"unknown loss {options.loss!r}; there are {', '.join(LOSSES)}")
    require_batch_size(options.batch_size)
    artifact, device = Path(options.artifact), resolve_device(options.device)
    resolved = require_parameters(
        load_graph(artifact), artifact, None if options.params is None else Path(options.params)
    )
    store, program = resolved.store, one_output(resolved.program, options.output)
    require_one_input_shape(program)
    objective = Objective(
        None if has_own_loss(program, options.loss) else options.loss or "mse",
        options.class_axis,
        parse_weights(options.class_weights),
        options.label_smoothing,
        options.ignore_index,
        of_command=True,
    )
    if store is not None:
        for issue in (*store.validate(program), *resolved.issues):
            report({"kind": "warning", "message": f"{store.path}: {issue.code} {issue.message}"})
    trained = trained_params_path(artifact)
    if options.params is None and trained.exists():
        report({"kind": "note", "message": f"{trained} is there, too; --params {trained} evaluates it"})

    def tell(message: str) -> None:
        report({"kind": "note", "message": message})

    wanted = wanted_samples(program, objective, options.x, options.y)
    data, objective = read_one_set(options.data, wanted, report, tell)
    params, batch = load_tensors(store, program, device), compile_batch(program)
    module = ScalarModule(batch_loss(batch, objective, device), params, (), copy=False)
    feed = Feed(data, device, folding(batch), objective.sample_weights(data.y))
    measure = Measure.of(batch, objective, device)
    try:
        with full_precision():
            found = mean_over(feed, options.batch_size, module, measure)
    except _TORCH_REFUSES as error:
        raise Diagnosis(program).refusal(params, data.x[:1].to(device), error) from error
    if not math.isfinite(found["loss"]):
        where = Diagnosis(program).first_not_finite(params, data.x.to(device))
        raise UserError(f"{data_words(options.data)}: the loss is {found['loss']}; {where}")
    result = {
        **found,
        "objective": objective.name,
        "samples": len(data),
        "data": options.data,
        "params": None if store is None else str(store.path),
        "device": str(device),
    }
    return {**result, "message": _message(result)}


def _message(result: Mapping[str, Any]) -> str:
    parts = [f"loss {result['loss']:.6g} ({result['objective'] or 'of the graph'})"]
    parts += [f"{name} {result[name]:.6g}" for name in METRICS if name in result]
    parts.append(f"{result['samples']} samples from {data_words(result['data'])}")
    parts += [] if result["params"] is None else [f"parameters {result['params']}"]
    return " · ".join([*parts, result["device"]])


def outputs_of(
    program: Program, params: Mapping[str, torch.Tensor], x: torch.Tensor, size: int
) -> torch.Tensor:
    """The outputs for many inputs, on the CPU: (n, *output shape).

    Where the shapes of both input and output begin with an axis of 1, the samples take its place, as in the model
    that was captured: (n, *output shape without it).

    Args:
        program: The graph.
        params: Its parameters by name, in the type of the inputs, on the device that computes.
        x: Inputs, (n, *input shape).
        size: How many are computed at once.

    Raises:
        UserError: Torch cannot compute a node.
    """
    device = next((tensor.device for tensor in params.values()), torch.device("cpu"))
    batch = compile_batch(program)
    try:
        with torch.no_grad(), full_precision():
            parts = [
                batch.function(params, batch.fold_input(part).to(device)).cpu()
                for part in torch.split(x, size)
            ]
    except _TORCH_REFUSES as error:
        raise Diagnosis(program).refusal(params, x[:1].to(device), error) from error
    outputs, inputs = program.nodes[program.output_id].shape, program.nodes[program.input_id].shape
    takes_place = all(len(shape) > 1 and shape[0] == 1 for shape in (inputs, outputs))
    return torch.cat(parts).reshape(len(x), *(outputs[1:] if takes_place else outputs))


def require_batch_size(size: int) -> None:
    """Refuse a size that is no number of samples.

    Raises:
        UsageError: It is less than 1.
    """
    if size < 1:
        raise UsageError(f"--batch-size must be greater than 0, found {size}")
