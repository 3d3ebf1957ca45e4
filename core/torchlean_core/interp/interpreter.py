"""Evaluation of a lowered program, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from torchlean_core.errors import UserError, first_line, type_name
from torchlean_core.graph import Program, TensorNode
from torchlean_core.interp.compile import compile_payload, compile_steps
from torchlean_core.kinds.numbers import show_shape

FLOAT_DTYPES = {"float32": torch.float32, "float64": torch.float64}
"""Types that a program can be evaluated in, by name."""

_TORCH_REFUSES = (RuntimeError, TypeError, ValueError, OverflowError)


class Interpreter:
    """A program with parameters, ready to evaluate.

    Attributes:
        program: The program.
        params: Its parameters by name, in `dtype` on `device`.
        dtype: float32 or float64.
        device: Where it computes.
    """

    def __init__(
        self,
        program: Program,
        tensors: Mapping[str, torch.Tensor],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        """Compile the program and move the parameters.

        Raises:
            UserError: A parameter is missing or has another shape, the `input` nodes have different
                shapes, or the dtype is neither float32 nor float64.
        """
        if dtype not in FLOAT_DTYPES.values():
            raise UserError(f"cannot evaluate in {dtype}: expected float32 or float64")
        require_one_input_shape(program)
        self.program = program
        self.dtype = dtype
        self.device = torch.device(device)
        self.params = _parameters(program, tensors, dtype, self.device)
        self._steps = compile_steps(program, program.live())
        self._payload = compile_payload(program)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.program.nodes[self.program.input_id].shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.program.nodes[self.program.output_id].shape

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of all outputs, in order."""
        return tuple(self.program.nodes[output].shape for output in self.program.output_ids)

    def run_all(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All outputs for an input, in order.

        Raises:
            UserError: As `run`.
        """
        self._check_input(x)
        with torch.no_grad(), full_precision():
            results = self.results(self._as_in_a_module(), x.to(self.device))
        return tuple(result.detach() for result in results)

    def run(self, x: torch.Tensor) -> torch.Tensor:
        """The only output for an input, which every `input` node gets.

        Raises:
            UserError: The input has another shape or type, there are several outputs, or torch cannot compute a node
                (its size).
        """
        self._check_input(x)
        with torch.no_grad(), full_precision():
            return self.function(self._as_in_a_module(), x.to(self.device)).detach()

    def values(self, x: torch.Tensor) -> Iterator[tuple[TensorNode, torch.Tensor]]:
        """Every node's value for an input, in order, also of nodes that do not reach the output.

        Raises:
            UserError: As `run`.
        """
        self._check_input(x)
        with torch.no_grad(), full_precision():
            for node, value in self.trace(self._as_in_a_module(), x.to(self.device)):
                yield node, value.detach()

    def trace(
        self, params: Mapping[str, torch.Tensor], x: torch.Tensor
    ) -> Iterator[tuple[TensorNode, torch.Tensor]]:
        """Every node's value for any parameters and a checked input."""
        values: list[torch.Tensor] = []
        payload = self._payload(params)
        for step in compile_steps(self.program, set(range(len(self.program.nodes)))):
            operands = [values[parent] for parent in step.parents]
            try:
                value = step.function(x, *operands, *(payload[name] for name in step.names))
            except _TORCH_REFUSES as error:
                raise _refused(self.program, step.node, error) from error
            values.append(value)
            yield step.node, value

    def function(self, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """The output as a pure function of parameters and input: for autograd and `torch.func`.

        Nothing is checked beforehand; `x` and `params` are of one dtype, on one device.

        Raises:
            UserError: Torch cannot compute a node, or there are several outputs.
        """
        self.program.output_id  # noqa: B018  # refuses several
        return self.results(params, x)[0]

    def results(self, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All outputs, in order, as `function`.

        Raises:
            UserError: Torch cannot compute a node.
        """
        values: dict[int, torch.Tensor] = {}
        payload = self._payload(params)
        for step in self._steps:
            operands = [values[parent] for parent in step.parents]
            try:
                values[step.node.id] = step.function(x, *operands, *(payload[name] for name in step.names))
            except _TORCH_REFUSES as error:
                raise _refused(self.program, step.node, error) from error
            for value in step.last_use_of:
                del values[value]
        return tuple(values[output] for output in self.program.output_ids)

    def _as_in_a_module(self) -> dict[str, torch.Tensor]:
        """The parameters as an emitted module holds them.

        Torch folds the axes of a product or not by whether an operand can have a gradient, also where none is taken;
        the two ways round differently.
        """
        trainable = {parameter.name for parameter in self.program.parameters() if parameter.trainable}
        return {name: one.detach().requires_grad_(name in trainable) for name, one in self.params.items()}

    def _check_input(self, x: torch.Tensor) -> None:
        if tuple(x.shape) != self.input_shape:
            raise UserError(
                f"the input has shape {show_shape(x.shape)}, expected {show_shape(self.input_shape)}"
            )
        if x.dtype != self.dtype:
            found, expected = (str(dtype).removeprefix("torch.") for dtype in (x.dtype, self.dtype))
            raise UserError(f"the input is {found}, expected {expected}")


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 convolutions in float32 on CUDA too, where torch takes TF32 by default."""
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    cudnn.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before


def require_one_input_shape(program: Program) -> None:
    """Refuse a program whose `input` nodes, which all get the same tensor, have different shapes.

    Raises:
        UserError: They do.
    """
    program.graph.require_one_input_shape()


def _parameters(
    program: Program, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype, device: torch.device
) -> dict[str, torch.Tensor]:
    params: dict[str, torch.Tensor] = {}
    for parameter in program.parameters():
        tensor = tensors.get(parameter.name)
        if tensor is None:
            raise UserError(parameter.missing)
        if tuple(tensor.shape) != parameter.shape:
            raise UserError(
                f"node {parameter.node} ({parameter.kind}): {parameter.name} has shape "
                f"{show_shape(tensor.shape)}, expected {show_shape(parameter.shape)}"
            )
        params[parameter.name] = tensor.detach().to(device=device, dtype=dtype)
    return params


def _refused(program: Program, node: TensorNode, error: Exception) -> UserError:
    reason = first_line(error) or type_name(error)
    return UserError(
        f"node {node.raw} ({program.kind_of(node)}) of shape {show_shape(node.shape)} cannot be computed: {reason}"
    )
