"""What a run is about to do, in one line before its first step."""

from __future__ import annotations

from torchlean_core.train.data import Dataset
from torchlean_core.train.distributed import World
from torchlean_core.train.losses import Objective
from torchlean_core.train.module import ScalarModule
from torchlean_core.train.options import TrainRequest
from torchlean_core.train.source import data_words


def summary(
    options: TrainRequest,
    objective: Objective,
    data: Dataset,
    validation: Dataset | None,
    module: ScalarModule,
    group: World,
    rank: int,
) -> str:
    """Data, samples, batch, parameters, loss, optimizer and device of a run; the output has so many axes."""
    total = len(data) + (0 if validation is None else len(validation))
    samples = f"{total} synthetic samples (seed {options.seed})"
    if options.data is not None:
        samples = f"{total} samples from {data_words(options.data)}"
    if validation is not None:
        samples += f", {len(validation)} of them for validation"
    batch = options.batch_size * group.size
    count = f"batch {min(batch, len(data))}" + (f" in {group.size} processes" if group.size > 1 else "")
    leaves, fixed = module.leaves.values(), module.fixed.values()
    trains = f"trains {len(leaves)} tensors ({sum(leaf.numel() for leaf in leaves)} scalars)"
    kept = (
        f"{len(fixed)} fixed ({sum(tensor.numel() for tensor in fixed)} scalars)" if fixed else "none fixed"
    )
    described = [
        samples,
        count,
        f"{trains}, {kept}",
        f"loss {loss_words(objective, rank)}",
        f"{options.optimizer}, lr {options.learning_rate:g}{_schedule(options)}",
        str(group.device),
    ]
    return " · ".join(described)


def loss_words(objective: Objective, rank: int) -> str:
    """A loss with its options, the output having so many axes: `cross_entropy (classes on axis 1)`."""
    if objective.name is None:
        return "of the graph"
    details = []
    if objective.class_axis is not None and objective.class_axis != -1:
        details.append(f"classes on axis {objective.class_axis % rank}")
    if objective.class_weights:
        details.append(f"class weights {', '.join(f'{w:g}' for w in objective.class_weights)}")
    if objective.label_smoothing:
        details.append(f"label smoothing {objective.label_smoothing:g}")
    if objective.ignore_index is not None:
        details.append(f"class {objective.ignore_index} ignored")
    return objective.name + (f" ({', '.join(details)})" if details else "")


def _schedule(options: TrainRequest) -> str:
    parts = [] if options.schedule == "constant" else [options.schedule]
    parts += [] if options.warmup is None else [f"{options.warmup} steps of warm-up"]
    return f" ({', '.join(parts)})" if parts else ""
