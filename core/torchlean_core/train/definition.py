"""A scalar module before it has storage: a loss, the parameters it takes, and how they begin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from torchlean_core.errors import UserError, type_name
from torchlean_core.graph import Program
from torchlean_core.init import Scheme, allocate, fill, pair_with_schemes
from torchlean_core.init.plan import attention_scales, require_schemes
from torchlean_core.init.structure import kernel_masks
from torchlean_core.interp import Batch, compile_batch, resolve_device
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.train.declared import Input, program_inputs
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.fitting import by_targets
from torchlean_core.train.losses import Objective
from torchlean_core.train.measure import Tap
from torchlean_core.train.module import Explain, Loss, ScalarModule

Cast = Callable[[torch.Tensor], torch.Tensor]
"""A parameter's first value to the value in the type that is computed in."""

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
"""Types that a module can compute in, where its device can."""


@dataclass(frozen=True)
class ScalarModuleDef:
    """A loss and its parameters, which become a `ScalarModule` on a device, in a type, with a backend.

    Attributes:
        loss: The loss, a pure function of parameters and inputs.
        params: First values by name, in order; tensors on the device `meta` have a shape only, and need a plan.
        requires_grad: By name, whether a parameter has a gradient; true for those that are not named.
        masks: By name, True where a parameter may change.
        inputs: What the loss takes behind the parameters, which is checked whenever it is computed; anything where
            None.
        explain: Says where a loss that is not finite comes from; nothing more is said where None.
    """

    loss: Loss
    params: Mapping[str, torch.Tensor]
    requires_grad: Mapping[str, bool] = field(default_factory=dict)
    masks: Mapping[str, torch.Tensor] = field(default_factory=dict)
    inputs: Sequence[Input] | None = None
    explain: Explain | None = None

    @classmethod
    def of_program(
        cls,
        program: Program,
        loss: str | Objective | Callable[..., torch.Tensor] | None = None,
        params: Mapping[str, torch.Tensor] | None = None,
    ) -> ScalarModuleDef:
        """A graph's loss over batches: of its output against targets, or its output itself.

        Args:
            program: The graph. Inputs are (n, *input shape), and targets (n, *output shape).
            loss: A name of `LOSSES`, or an `Objective` with its options; None for a graph whose output is its loss.
                Or a function that takes every output (n, *output shape), in order, and then the targets, and gives a
                scalar: for graphs with several outputs.
            params: First values; without them the definition needs a plan.

        Raises:
            UserError: The loss is unknown, or needed and not given; or values are not those of the graph.
            UsageError: An option of the loss does not fit the graph.
        """
        if callable(loss):
            return cls._of_outputs(program, loss, params)
        objective = loss if isinstance(loss, Objective) else Objective(loss)
        output = program.nodes[program.output_id].shape
        if objective.name is None and math.prod(output) != 1:
            raise UserError(f"the output has shape {show_shape(output)}, so it is no loss; name one")
        given = _given(program, params)
        batch = compile_batch(program)
        axes = objective.class_axes(output) if objective.has_classes else [-1]
        known = {axis: batch_loss(batch, _on(objective, axis, output)) for axis in axes}

        def unfolded(values: Mapping[str, torch.Tensor], x: torch.Tensor, *y: torch.Tensor) -> torch.Tensor:
            axis = axes[0] if len(axes) == 1 else by_targets(objective, output, y[0])[0].class_axis
            assert axis is not None, "targets of classes say their axis"
            function = known[axis if len(axes) == 1 else axis % len(output)]
            return function(values, batch.fold_input(x), *map(batch.fold_output, y))

        trained = {p.name: p.trainable for p in program.parameters()}
        inputs = program_inputs(program.nodes[program.input_id].shape, output, objective)
        diagnosis = Diagnosis(program)
        return cls(
            *(unfolded, given, trained, kernel_masks(program), inputs),
            explain=lambda values, xs: diagnosis.first_not_finite(values, xs[0]),
        )

    @classmethod
    def _of_outputs(
        cls, program: Program, loss: Callable[..., torch.Tensor], params: Mapping[str, torch.Tensor] | None
    ) -> ScalarModuleDef:
        """A loss that a function makes of all outputs."""
        batch = compile_batch(program)

        def unfolded(values: Mapping[str, torch.Tensor], x: torch.Tensor, *y: torch.Tensor) -> torch.Tensor:
            results = batch.results(values, batch.fold_input(x))
            outputs = (
                one.unsqueeze(1) if folds else one for one, folds in zip(results, batch.folds, strict=True)
            )
            return loss(*outputs, *y)

        trained = {p.name: p.trainable for p in program.parameters()}
        diagnosis = Diagnosis(program)
        return cls(
            *(unfolded, _given(program, params), trained, kernel_masks(program)),
            explain=lambda values, xs: diagnosis.first_not_finite(values, xs[0]),
        )

    def instantiate(
        self,
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        cast: Cast | None = None,
    ) -> ScalarModule:
        """A module whose parameters begin with the values of the definition.

        Args:
            backend: One of `BACKENDS`.
            device: Where the parameters are.
            dtype: Type of the parameters, one of `DTYPES`. float32 stands for TorchLean's `IEEE32Exec` (each
                operation is rounded as there; sums may be taken in another order), float64 for its `Float`;
                bfloat16 and float16 have no counterpart: what they give is an approximation.
            cast: Makes a parameter's first value from the definition's, in place of `dtype`: to another type, or to
                values rounded in any way. All must come out in one type, in the shapes that they had.

        Raises:
            UserError: A parameter has no values, or `cast` gives something else than such values; or nothing trains
                in the type.
            UsageError: The backend cannot run here, or there is no such device.
        """
        for name, tensor in self.params.items():
            if tensor.is_meta:
                raise UserError(f"{name} has no value yet; `instantiate_with_plan` gives it one")
        device = resolve_device(str(device))
        if cast is not None:
            cast_values = _cast(self.params, cast)
            return self._module({n: t.to(device, copy=True) for n, t in cast_values.items()}, backend)
        _require_float(dtype)
        values = {name: t.to(device=device, dtype=dtype, copy=True) for name, t in self.params.items()}
        return self._module(values, backend)

    def instantiate_with_plan(
        self,
        plan: Mapping[str, Scheme],
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        cast: Cast | None = None,
    ) -> ScalarModule:
        """A module whose parameters are made on the device and filled there.

        Parameters that the plan does not name keep the definition's values.

        Args:
            plan: Initializers by the names of parameters.
            backend: As for `instantiate`.
            device: As for `instantiate`.
            dtype: As for `instantiate`.
            cast: As for `instantiate`; it gets what an initializer gives in float32.

        Raises:
            UserError: A parameter has neither values nor an initializer, an initializer is no `Scheme`, does not fit
                or belongs to no parameter, `cast` gives something else than values, nothing trains in the type, or
                the device has not enough memory.
            UsageError: The backend cannot run here, or there is no such device.
        """
        _require_float(dtype)
        require_schemes(plan)
        for name in plan:
            if name not in self.params:
                raise UserError(f"the plan names {name}, which is no parameter")
        shapes = {name: tuple(tensor.shape) for name, tensor in self.params.items()}
        place = resolve_device(str(device))
        values = allocate(shapes, place, torch.float32 if cast is not None else dtype)
        for name, tensor in list(values.items()):
            if name not in plan:
                if self.params[name].is_meta:
                    raise UserError(f"{name} {show_shape(tensor.shape)} has no initializer, and no value")
                if cast is not None:  # which gets it as it is
                    values[name] = self.params[name].to(place, copy=True)
                else:
                    tensor.copy_(self.params[name])
                continue
            fill(tensor, plan[name])
            if name in self.masks:
                tensor.mul_(self.masks[name].to(tensor.device))
        if cast is not None:
            values = {name: tensor.to(place) for name, tensor in _cast(values, cast).items()}
        return self._module(values, backend)

    def instantiate_with_initializers(
        self,
        initializers: Sequence[Scheme],
        backend: str = "eager",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        cast: Cast | None = None,
    ) -> ScalarModule:
        """As `instantiate_with_plan`, from one initializer for each parameter, in order.

        Raises:
            UserError: The list is shorter or longer than the parameters, or as `instantiate_with_plan`.
        """
        shapes = [(name, tuple(tensor.shape), "") for name, tensor in self.params.items()]
        plan = pair_with_schemes(initializers, shapes)
        return self.instantiate_with_plan(plan, backend, device, dtype, cast)

    def _module(self, values: Mapping[str, torch.Tensor], backend: str) -> ScalarModule:
        if unknown := sorted(set(self.requires_grad) - set(self.params)):
            raise UserError(f"no parameter is named {', '.join(unknown)}; there are {', '.join(self.params)}")
        trained = [name for name in self.params if self.requires_grad.get(name, True)]
        masks = {name: mask.to(values[name].device) for name, mask in self.masks.items()}
        return ScalarModule(
            self.loss, values, trained, masks, backend, copy=False, inputs=self.inputs, explain=self.explain
        )


def _given(program: Program, params: Mapping[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    """First values of a graph's parameters, on the device `meta` where there are none."""
    shapes = {p.name: torch.empty(p.shape, device="meta") for p in program.parameters()}
    if params is not None:
        return _fitting(params, shapes)
    scales = attention_scales(program).items()
    return {**shapes, **{name: torch.full(shapes[name].shape, value) for name, value in scales}}


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


def batch_loss(
    batch: Batch, loss: Objective | str | None, device: torch.device | str = "cpu", tap: Tap | None = None
) -> Loss:
    """The mean loss of a batch: (parameters, x, y), or (parameters, x) where the graph is its own loss.

    Args:
        batch: The graph for batches.
        loss: The loss, with its class axis if it has one; or a name of one without classes.
        device: Where it is computed.
        tap: Keeps outputs where it is open; not for what is compiled.
    """
    outputs = batch.function
    objective = loss if isinstance(loss, Objective) else Objective(loss)
    if objective.name is None:
        return lambda params, x: outputs(params, x).mean()
    function = objective.function(device)
    if tap is None:
        return lambda params, x, y: function(outputs(params, x), y)

    def tapped(params: Mapping[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        output = outputs(params, x)
        if tap.is_open:
            tap.outputs = output.detach()
        return function(output, y)

    return tapped


def _on(objective: Objective, axis: int, outputs: Sequence[int]) -> Objective:
    return objective.on_axis(axis, outputs) if objective.has_classes else objective


def _cast(values: Mapping[str, torch.Tensor], cast: Cast) -> dict[str, torch.Tensor]:
    """What `cast` makes of values: floats of one type, in the shapes that they had."""
    if not callable(cast):
        raise UserError(f"cast is of type {type_name(cast)}, expected a function of a tensor")
    found: dict[str, torch.Tensor] = {}
    for name, tensor in values.items():
        value = cast(tensor)
        if not isinstance(value, torch.Tensor) or value.shape != tensor.shape:
            what = show_shape(value.shape) if isinstance(value, torch.Tensor) else type_name(value)
            raise UserError(f"cast makes {what} of {name}, expected {show_shape(tensor.shape)}")
        _require_float(value.dtype)
        found[name] = value
    if len(types := {value.dtype for value in found.values()}) > 1:
        raise UserError(f"cast gives {' and '.join(sorted(map(str, types)))}, expected one type")
    return found


def _require_float(dtype: torch.dtype) -> None:
    if dtype not in DTYPES:
        names = ", ".join(str(one).removeprefix("torch.") for one in DTYPES)
        raise UserError(f"cannot train in {dtype}: expected {names}")
