"""Synthetic data: random inputs, and the targets that the same network with other parameters gives."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Program
from torchlean_core.init import Scheme, default_plan, fill, materialize
from torchlean_core.init.arguments import MAX_SEED
from torchlean_core.interp import compile_batch
from torchlean_core.train.data import Dataset
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.losses import Objective

_SAMPLES = 256
_AT_ONCE = 16
_ELEMENTS = 1 << 24
_TEACHER = 0x7EAC4E12
"""Distance from the seed of the data to the seeds of the teacher's parameters."""


def synthetic_dataset(
    program: Program, params: Mapping[str, torch.Tensor], objective: Objective, seed: int
) -> tuple[Dataset, Objective]:
    """Samples that a network of this graph can learn: a fixed random teacher of the same graph made them.

    Args:
        program: The graph.
        params: Parameters by name, of which those count that training leaves alone.
        objective: The loss.
        seed: Seed of inputs and teacher.

    Returns:
        The samples, and the loss with its class axis.

    Raises:
        UsageError: It is not clear which axis of the output has the classes.
        UserError: The teacher's outputs are not finite, or no targets for this loss can be made of them; or
            torch cannot compute the graph.
    """
    shape = program.nodes[program.input_id].shape
    size = max(1, torch.Size(shape).numel())
    count = max(8, min(_SAMPLES, _ELEMENTS // size))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, *shape, generator=generator)
    if objective.name is None:
        return Dataset(x, None), objective
    objective = objective.one_axis(program.nodes[program.output_id].shape)
    output = _outputs(program, _teacher(program, params, seed), x)
    if not bool(torch.isfinite(output).all()):
        raise UserError("no synthetic data: this graph's outputs on random inputs are not finite; use --data")
    return Dataset(x, _targets(output, objective)), objective


def _outputs(program: Program, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    batch = compile_batch(program)
    try:
        with torch.no_grad():
            parts = [batch.function(params, part) for part in torch.split(batch.fold_input(x), _AT_ONCE)]
    except RuntimeError as error:
        raise Diagnosis(program).refusal(params, x[:1], error) from error
    output = torch.cat(parts)
    return output.unsqueeze(1) if batch.folds_output else output


def _targets(output: torch.Tensor, objective: Objective) -> torch.Tensor:
    if objective.name == "bce_with_logits":
        return (output > output.mean()).to(torch.float32)
    if not objective.has_classes:
        return output
    assert objective.class_axis is not None, "the only axis was taken"
    return output.argmax(dim=objective.class_axis)


def _teacher(program: Program, params: Mapping[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Everything that trains drawn anew, the rest as it is: the same teacher at any step of a run.

    Trainable constants are drawn around 1, as they may be factors or divisors.
    """
    parameters = program.parameters()
    fixed = {p.name: params[p.name].cpu() for p in parameters if not p.trainable}
    teacher_seed = seed + _TEACHER & MAX_SEED
    teacher = materialize(program, default_plan(program, teacher_seed), "cpu", fixed)
    consts = [p.name for p in parameters if p.is_constant and p.trainable]
    for position, name in enumerate(consts):
        fill(teacher[name], Scheme("uniform", lo=0.5, hi=1.5, seed=teacher_seed + position & MAX_SEED))
    return teacher
