"""How every parameter of a program is held by the generated module: parameter or buffer, whole or one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from torchlean_core.emit.options import EmitOptions
from torchlean_core.errors import UserError
from torchlean_core.graph import Parameter, Program, TensorNode, Use
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.code import arguments, structure
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.params import ParameterStore
from torchlean_core.params.format import Array

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Binding:
    """One tensor of the module.

    Attributes:
        parameter: What it is.
        learnable: `nn.Parameter` if true, else a buffer.
        row_of: Shape that a single stored row is expanded to at run time; None where the tensor is whole.
        structure: `groups` and `dilation` of the convolution that a dense kernel, as it is computed with, stands for;
            None for one that does not train.
    """

    parameter: Parameter
    learnable: bool
    row_of: tuple[int, ...] | None = None
    structure: tuple[int, tuple[int, ...]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that the module holds."""
        return self.parameter.shape if self.row_of is None else self.parameter.shape[1:]

    def expression(self, use: Use, tensor: str) -> str:
        """Source text of a use of the tensor, whose text is given, in `forward`, as an argument of a call."""
        if self.row_of is not None:
            return f"{tensor}.expand({arguments(self.row_of)})"
        if self.structure is not None:
            return f"{tensor} * self.{self.parameter.name}_structure"
        return use.expression(tensor)


def bind(
    nodes: Sequence[TensorNode], program: Program, store: ParameterStore | None, options: EmitOptions
) -> list[Binding]:
    """Bindings of the parameters that nodes of a program need, each once, in order.

    Raises:
        UserError: A kernel that stands for a grouped or dilated convolution has weights where that has none.
    """
    affine = _layernorm_affine(program)
    bindings: dict[str, Binding] = {}
    for node in nodes:
        for use in node.params.values():
            if use is None or use.parameter.name in bindings:
                continue
            assert store is not None, "a program with parameters has a store"
            bindings[use.parameter.name] = _bound(program, node, use, store, options, affine)
    return list(bindings.values())


def _bound(
    program: Program,
    node: TensorNode,
    use: Use,
    store: ParameterStore,
    options: EmitOptions,
    affine: set[int],
) -> Binding:
    parameter = use.parameter
    if not parameter.is_constant:
        own = parameter.operator is ops.CONV and parameter.role == "kernel" and not use.view
        found = _structure(program, node, store) if own and node.fields["groups"] == 1 else None
        # What does not train keeps its zeros by itself.
        return Binding(parameter, parameter.trainable, structure=found if parameter.trainable else None)
    # What the model has as a parameter is one, whatever its values.
    is_models = parameter.model is not None
    values = store.numpy(parameter.name)
    learnable = (
        options.learnable_consts
        and parameter.trainable
        and (is_models or _varies(values) or node.id in affine)
    )
    row = learnable and not is_models and options.compress_broadcast_params and _repeats_one_row(values)
    return Binding(parameter, learnable, parameter.shape if row else None)


def _varies(values: Array) -> bool:
    """Whether not all values are equal; a big tensor is read only until two differ."""
    flat = values.reshape(-1)
    return any(bool((flat[start : start + _CHUNK] != flat[0]).any()) for start in range(0, flat.size, _CHUNK))


def _repeats_one_row(values: Array) -> bool:
    if values.ndim != 2 or values.shape[0] < 2:
        return False
    rows = max(1, _CHUNK // max(values.shape[1], 1))
    return all(
        bool((values[start : start + rows] == values[0]).all()) for start in range(0, values.shape[0], rows)
    )


def _layernorm_affine(program: Program) -> set[int]:
    """Tensor ids of the consts that are a layer normalization's gamma or beta (semantics section 3).

    That is: `mul_elem` of a `layernorm` with a const, then an `add` of that with another.
    """
    scaled: dict[int, int] = {}
    found: set[int] = set()
    for node in program.nodes:
        if node.operator not in (ops.MUL, ops.ADD):
            continue
        for value, other in (node.parents, node.parents[::-1]):
            const = _const(program, other)
            if const is None:
                continue
            if node.operator is ops.ADD and value in scaled:
                found |= {scaled[value], const}
            elif node.operator is ops.MUL and program.nodes[value].operator is ops.LAYERNORM:
                scaled[node.id] = const
    return found


def _const(program: Program, tensor_id: int) -> int | None:
    """The const behind a value: itself, or what a `broadcast_to` copies, which may be reshaped for it."""
    node = program.nodes[tensor_id]
    if node.operator.spreads:
        node = program.nodes[node.parents[0]]
        while node.operator.keeps_order:
            node = program.nodes[node.parents[0]]
    return node.id if node.operator is ops.CONST else None


def _structure(
    program: Program, node: TensorNode, store: ParameterStore
) -> tuple[int, tuple[int, ...]] | None:
    """Groups and dilation of the convolution that a dense kernel stands for; None where it is its own."""
    try:
        groups, dilation = structure(node.fields)
    except UserError as error:
        raise UserError(f"node {node.raw} ({program.kind_of(node)}): {error}") from error
    if groups == 1 and set(dilation) <= {1}:
        return None
    kernel = node.params["kernel"]
    assert kernel is not None, "every convolution has a kernel"
    values = store.numpy(kernel.parameter.name)
    weights = np.zeros(values.shape, dtype=bool)
    outputs, inputs = values.shape[0] // groups, values.shape[1] // groups
    for g in range(groups):
        rows, columns = slice(g * outputs, (g + 1) * outputs), slice(g * inputs, (g + 1) * inputs)
        weights[rows, columns, *(slice(None, None, step) for step in dilation)] = True
    wrong = np.argwhere((values != 0) & ~weights)
    if len(wrong):
        at = wrong[0].tolist()
        raise UserError(
            f"{store.path}: TL502 {kernel.parameter.owner}: {kernel.name} stands for a convolution with groups "
            f"{groups} and dilation {list(dilation)}, which has no weight at {show_shape(at)}; expected 0, found "
            f"{values[tuple(at)]}"
        )
    return groups, dilation
