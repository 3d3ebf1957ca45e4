"""A scalar module before it has storage: a loss, the parameters it takes, and how they begin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Program
from torchlean_core.init import Scheme, allocate, fill, pair_with_schemes
from torchlean_core.init.plan import attention_scales
from torchlean_core.init.structure import kernel_masks
from torchlean_core.interp import Batch, compile_batch, resolve_device
from torchlean_core.interp.interpreter import FLOAT_DTYPES
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.train.losses import LOSSES
from torchlean_core.train.module import Loss, ScalarModule


@dataclass(frozen=True)
class ScalarModuleDef:
    """A loss and its parameters, which become a `ScalarModule` on a device, in a type, with a backend.

    Attributes:
        loss: The loss, a pure function of parameters and inputs.
        params: First values by name, in order; tensors on the device `meta` have a shape only, and need a plan.
        requires_grad: By name, whether a parameter has a gradient; true for those that are not named.
        masks: By name, True where a parameter may change.
    """

    loss: Loss
    params: Mapping[str, torch.Tensor]
    requires_grad: Mapping[str, bool] = field(default_factory=dict)
    masks: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def of_program(
        cls, program: Program, loss: str | None = None, params: Mapping[str, torch.Tensor] | None = None
    ) -> ScalarModuleDef:
        """A graph's loss over batches: of its output against targets, or its output itself.

        Args:
            program: The graph. Inputs are (n, *input shape), and targets (n, *output shape).
            loss: A name of `LOSSES`; None for a graph whose output is its loss.
            params: First values; without them the definition needs a plan.

        Raises:
            UserError: The loss is unknown, or needed and not given; or values are not those of the graph.
        """
        if loss is not None and loss not in LOSSES:
            raise UserError(f"unknown loss {loss!r}; there are {', '.join(LOSSES)}")
        output = program.nodes[program.output_id].shape
        if loss is None and math.prod(output) != 1:
            raise UserError(f"the output has shape {show_shape(output)}, so it is no loss; name one")
        shapes = {p.name: torch.empty(p.shape, device="meta") for p in program.parameters()}
        scales = {
            name: torch.full(shapes[name].shape, value) for name, value in attention_scales(program).items()
        }
        given = {**shapes, **scales} if params is None else _fitting(params, shapes)
        batch = compile_batch(program)
        function = batch_loss(batch, loss)

        def unfolded(values: Mapping[str, torch.Tensor], x: torch.Tensor, *y: torch.Tensor) -> torch.Tensor:
            return function(values, batch.fold_input(x), *map(batch.fold_output, y))

        trained = {p.name: p.trainable for p in program.parameters()}
        return cls(unfolded, given, trained, kernel_masks(program))

    def instantiate(
        self,
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> ScalarModule:
        """A module whose parameters begin with the values of the definition.

        Raises:
            UserError: A parameter has no values, or the type is neither float32 nor float64.
            UsageError: The backend cannot run here, or there is no such device.
        """
        for name, tensor in self.params.items():
            if tensor.is_meta:
                raise UserError(f"{name} has no value yet; `instantiate_with_plan` gives it one")
        _require_float(dtype)
        device = resolve_device(str(device))
        values = {name: t.to(device=device, dtype=dtype, copy=True) for name, t in self.params.items()}
        return self._module(values, backend)

    def instantiate_with_plan(
        self,
        plan: Mapping[str, Scheme],
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> ScalarModule:
        """A module whose parameters are made on the device and filled there.

        Parameters that the plan does not name keep the definition's values.

        Raises:
            UserError: A parameter has neither values nor an initializer, an initializer does not fit or
                belongs to no parameter, or the device has not enough memory.
            UsageError: The backend cannot run here, or there is no such device.
        """
        _require_float(dtype)
        for name in plan:
            if name not in self.params:
                raise UserError(f"the plan names {name}, which is no parameter")
        shapes = {name: tuple(tensor.shape) for name, tensor in self.params.items()}
        values = allocate(shapes, resolve_device(str(device)), dtype)
        for name, tensor in values.items():
            if name not in plan:
                if self.params[name].is_meta:
                    raise UserError(f"{name} {show_shape(tensor.shape)} has no initializer, and no value")
                tensor.copy_(self.params[name])
                continue
            fill(tensor, plan[name])
            if name in self.masks:
                tensor.mul_(self.masks[name].to(tensor.device))
        return self._module(values, backend)

    def instantiate_with_initializers(
        self,
        initializers: Sequence[Scheme],
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> ScalarModule:
        """As `instantiate_with_plan`, from one initializer for each parameter, in order.

        Raises:
            UserError: The list is shorter or longer than the parameters, or as `instantiate_with_plan`.
        """
        shapes = [(name, tuple(tensor.shape), "") for name, tensor in self.params.items()]
        return self.instantiate_with_plan(pair_with_schemes(initializers, shapes), backend, device, dtype)

    def _module(self, values: Mapping[str, torch.Tensor], backend: str) -> ScalarModule:
        if unknown := sorted(set(self.requires_grad) - set(self.params)):
            raise UserError(f"no parameter is named {', '.join(unknown)}; there are {', '.join(self.params)}")
        trained = [name for name in self.params if self.requires_grad.get(name, True)]
        masks = {name: mask.to(values[name].device) for name, mask in self.masks.items()}
        return ScalarModule(self.loss, values, trained, masks, backend, copy=False)


def _fitting(
    params: Mapping[str, torch.Tensor], shapes: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The parameters in the order of `shapes`, of which they have the names and the shapes."""
    if unknown := sorted(set(params) - set(shapes)):
        raise UserError(f"the graph has no parameter {', '.join(unknown)}")
    for name, expected in shapes.items():
        if name not in params:
            raise UserError(f"{name} is missing")
        if params[name].shape != expected.shape:
            found = show_shape(params[name].shape)
            raise UserError(f"{name} has shape {found}, expected {show_shape(expected.shape)}")
    return {name: params[name] for name in shapes}


def batch_loss(batch: Batch, loss: str | None) -> Loss:
    """The mean loss of a batch: (parameters, x, y), or (parameters, x) where the graph is its own loss."""
    outputs = batch.function
    if loss is None:
        return lambda params, x: outputs(params, x).mean()
    function = LOSSES[loss]
    return lambda params, x, y: function(outputs(params, x), y)


def _require_float(dtype: torch.dtype) -> None:
    if dtype not in FLOAT_DTYPES.values():
        raise UserError(f"cannot train in {dtype}: expected float32 or float64")
