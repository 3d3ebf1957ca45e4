"""How every parameter of a program is held by the generated module: parameter or buffer, whole or one row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torchlean_core.emit.options import EmitOptions
from torchlean_core.graph import Parameter, Program, TensorNode
from torchlean_core.params import ParameterStore


@dataclass(frozen=True, slots=True)
class Binding:
    """One tensor of the module.

    Attributes:
        parameter: What it is.
        learnable: `nn.Parameter` if true, else a buffer.
        row_of: Shape that a single stored row is expanded to at run time; None where the tensor is whole.
        structure: `groups` and `dilation` (two numbers) of the convolution that a dense kernel stands for.
    """

    parameter: Parameter
    learnable: bool
    row_of: tuple[int, ...] | None = None
    structure: tuple[int, tuple[int, int]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that the module holds."""
        return self.parameter.shape if self.row_of is None else self.parameter.shape[1:]

    @property
    def expression(self) -> str:
        """Source text of the tensor's use in `forward`."""
        name = f"self.{self.parameter.name}"
        if self.row_of is not None:
            return f"{name}.expand({', '.join(map(str, self.row_of))})"
        return f"({name} * {name}_structure)" if self.structure is not None else name


def bind(
    program: Program, nodes: list[TensorNode], store: ParameterStore | None, options: EmitOptions
) -> list[Binding]:
    """Bindings of the parameters that `nodes` need, each once, in order."""
    affine = _layernorm_affine(program)
    bindings: dict[str, Binding] = {}
    for node in nodes:
        for parameter in node.params.values():
            if parameter is None or parameter.name in bindings:
                continue
            assert store is not None, "a program with parameters has a store"
            if parameter.kind != "const":
                structure = _structure(node) if parameter.role == "kernel" else None
                bindings[parameter.name] = Binding(parameter, parameter.trainable, structure=structure)
                continue
            values = store.numpy(parameter.name)
            learnable = (
                options.learnable_consts and parameter.trainable and (_varies(values) or node.id in affine)
            )
            row = learnable and options.compress_broadcast_params and _repeats_one_row(values)
            bindings[parameter.name] = Binding(parameter, learnable, parameter.shape if row else None)
    return list(bindings.values())


def _varies(values: np.ndarray) -> bool:
    flat = values.reshape(-1)
    return bool(flat.size) and not bool((flat == flat[0]).all())


def _repeats_one_row(values: np.ndarray) -> bool:
    return values.ndim == 2 and values.shape[0] > 1 and bool((values == values[:1]).all())


def _layernorm_affine(program: Program) -> set[int]:
    """Tensor ids of the consts that are a layer normalization's gamma or beta.

    That is: `mul_elem` of a `layernorm` with a const, of the same shape or through a `broadcast_to`, then an
    `add` of that with another.
    """
    found: set[int] = set()
    scaled: set[int] = set()
    for node in program.nodes:
        wanted = {"mul_elem": "layernorm", "add": None}.get(node.kind.name, "")
        if wanted == "":
            continue
        for value, other in (node.parents, node.parents[::-1]):
            source = program.nodes[value]
            const = _const(program, other)
            if const is None:
                continue
            if (wanted and source.kind.name == wanted) or (wanted is None and value in scaled):
                found.add(const)
                if wanted:
                    scaled.add(node.id)
    return found


def _const(program: Program, tensor_id: int) -> int | None:
    """The const behind a value: itself, or through shape changes that end in a `broadcast_to`."""
    node = program.nodes[tensor_id]
    while node.kind.name in ("broadcast_to", "reshape"):
        node = program.nodes[node.parents[0]]
    return node.id if node.kind.name == "const" else None


def _structure(node: TensorNode) -> tuple[int, tuple[int, int]] | None:
    """Groups and dilation of a convolution whose dense kernel has structural zeros."""
    groups = _first(node.fields.get("groups", 1))
    raw = node.fields.get("dilation", 1)
    pair = tuple(raw) if isinstance(raw, list | tuple) else (raw, raw)
    dilation = (int(pair[0]), int(pair[-1]))
    return None if groups == 1 and dilation == (1, 1) else (groups, dilation)


def _first(value: object) -> int:
    item = value[0] if isinstance(value, list | tuple) and value else value
    return item if isinstance(item, int) else 1
