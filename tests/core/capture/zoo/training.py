"""Whether training an artifact is training the model: some steps of both, on the same data in the same order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from torchlean_core.capture.pipeline import Captured
from torchlean_core.graph import Program, lower
from torchlean_core.train import Optimizer, ScalarModuleDef

OPTIMIZERS: Mapping[str, tuple[Optimizer, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]]] = {
    "sgd": (Optimizer("sgd", lr=1e-3), lambda p: torch.optim.SGD(p, lr=1e-3)),
    "momentum": (
        Optimizer("sgd", lr=1e-3, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9),
    ),
    "adam": (Optimizer("adam", lr=1e-3), lambda p: torch.optim.Adam(p, lr=1e-3)),
}
STEPS = 5


@dataclass(frozen=True)
class Agreement:
    """The largest relative differences after training.

    Attributes:
        losses: Of the losses of all steps.
        outputs: Of the outputs for another input after the last step.
        parameters: Of the parameters after the last step, each against the largest of its own.
    """

    losses: float
    outputs: float
    parameters: float


def agreement(new: Callable[[], nn.Module], captured: Captured, optimizer: str) -> Agreement:
    """Train the module and the artifact in float64, and compare.

    Args:
        new: Gives the module, in eval mode, with the parameters it was captured with.
        captured: The artifact.
        optimizer: A name of `OPTIMIZERS`.
    """
    ours, theirs = OPTIMIZERS[optimizer]
    program = lower(captured.graph)
    shape, result = captured.graph.input_shape, captured.graph.output_shape
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(STEPS + 1)]
    targets = [torch.randn(result, generator=generator, dtype=torch.float64) for _ in range(STEPS)]
    module = new().double()
    trained = [p for p in module.parameters() if p.requires_grad]
    expected = []
    if trained:
        steps = theirs(trained)
        for x, y in zip(inputs, targets, strict=False):
            steps.zero_grad()
            output = module(x.clone())
            loss = F.mse_loss(output, y)
            if loss.requires_grad:
                loss.backward()
            steps.step()
            expected.append(loss.item())
    tensors = {name: t.double() for name, t in captured.tensors.items()}
    definition = ScalarModuleDef.of_program(program, "mse", tensors)
    scalar = definition.instantiate(dtype=torch.float64)
    found = []
    if scalar.leaves and trained:
        state = scalar.init_optim(ours)
        for x, y in zip(inputs, targets, strict=False):
            found.append(scalar.forward(x[None], y[None]).item())
            scalar.step_with(ours, state, x[None], y[None])
    else:
        found = expected[:1] * len(expected)
    losses = max((_relative(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)
    output = module(inputs[-1].clone()).detach()
    mine = _run(program, scalar.params(), inputs[-1])
    return Agreement(losses, _largest(mine, output), _parameters(program, scalar.params(), module))


def _run(program: Program, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    from torchlean_core.interp import Interpreter

    return Interpreter(program, params, torch.float64).run(x)


def _parameters(program: Program, params: Mapping[str, torch.Tensor], module: nn.Module) -> float:
    own = dict(module.named_parameters())
    pairs = [(params[p.name], own[p.model].detach()) for p in program.parameters() if p.model in own]
    return max((_largest(a, b) for a, b in pairs), default=0.0)


def _largest(found: torch.Tensor, expected: torch.Tensor) -> float:
    if not expected.numel():
        return 0.0
    scale = float(expected.abs().max())
    return float((found - expected).abs().max()) / (scale or 1.0)


def _relative(found: float, expected: float) -> float:
    if math.isnan(found) and math.isnan(expected):
        return 0.0
    return abs(found - expected) / (abs(expected) or 1.0)
