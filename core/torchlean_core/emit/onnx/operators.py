"""What each operator is in ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from torchlean_core.emit.onnx import windows
from torchlean_core.emit.onnx.writer import Writer, refused
from torchlean_core.graph import TensorNode
from torchlean_core.graph.views import permute
from torchlean_core.kinds import Call, code
from torchlean_core.kinds import operators as ops
from torchlean_core.params.format import Array

Form = Callable[[Writer, TensorNode, Sequence[str]], str]
"""Writes a node's operator: (writer, node, names of its operands) to the name of its result."""


def write(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    """Write a node; returns the name of its result.

    Raises:
        UserError: ONNX has no exact form of it.
    """
    if 0 in node.shape and node.operator is not ops.CONST:
        return writer.filled(node.shape, 0.0)  # of no elements
    form = FORMS.get(node.operator.name)
    if form is None:
        raise refused(writer.program, node, "ONNX has no operator for it")
    return form(writer, node, operands)


def epsilon(writer: Writer, node: TensorNode) -> float:
    """The node's epsilon.

    Raises:
        UserError: It is none.
    """
    return float(code.eps(Call((), {}, node.fields, (), node.shape, node.id)))


def shape_of(writer: Writer, node: TensorNode, place: int = 0) -> tuple[int, ...]:
    """Shape of an operand."""
    return writer.program.nodes[node.parents[place]].shape


def _plain(kind: str) -> Form:
    return lambda writer, node, operands: writer.op(kind, operands)


def _each(kind: str) -> Form:
    return lambda writer, node, operands: writer.elementwise(kind, operands, node.shape)


def _const(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    found = writer.parameter(node, "value")
    assert found is not None, "a constant has a value"
    return found


def _uniform(writer: Writer, node: TensorNode) -> str:
    """The numbers that a node draws, which are the same for every input."""

    def make() -> Array:
        import torch

        from torchlean_core.kinds.helpers import _unit

        key = (node.fields["seed"] + node.id) & ((1 << 64) - 1)
        signed = key - (1 << 64) if key >> 63 else key
        return np.asarray(_unit(signed, list(node.shape), torch.zeros(())).numpy())

    return writer.array(("drawn", node.id), f"drawn_{node.raw}", make)


def _rand_uniform(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return _uniform(writer, node)


def _bernoulli(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    kept = writer.op("Greater", [operands[0], _uniform(writer, node)])
    if node.fields.get("clamps"):
        always = writer.op("GreaterOrEqual", [operands[0], writer.filled((), 1.0)])
        kept = writer.op("Or", [kept, always])
    return writer.op("Cast", [kept], to=1)


def _safe_log(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    soft = writer.op("Softplus", [operands[0]])
    return writer.op("Log", [writer.op("Add", [operands[1], soft])])


def _mse_loss(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    if 0 in shape_of(writer, node):
        return writer.filled((), node.fields.get("empty", float("nan")))
    difference = writer.op("Sub", operands)
    return writer.op("ReduceMean", [writer.op("Mul", [difference, difference])], keepdims=0)


def _sum(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return writer.op("ReduceSum", operands, keepdims=0) if shape_of(writer, node) else operands[0]


def _reduce_sum(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return writer.op("ReduceSum", [*operands, writer.integers([node.fields["axis"]])], keepdims=0)


def _reduce_mean(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    if 0 in shape_of(writer, node):
        return writer.filled(node.shape, float("nan"))  # of nothing
    return writer.op("ReduceMean", operands, axes=[node.fields["axis"]], keepdims=0)


def _softmax(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return writer.op("Softmax", operands, axis=node.fields["axis"])


def _layernorm(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    axis = node.fields["axis"]
    gamma = writer.parameter(node, "gamma") or writer.filled(shape_of(writer, node)[axis:], 1.0)
    beta = writer.parameter(node, "beta")
    inputs = [operands[0], gamma] if beta is None else [operands[0], gamma, beta]
    return writer.op("LayerNormalization", inputs, axis=axis, epsilon=epsilon(writer, node))


def _permute(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    order = list(node.fields["perm"])
    return writer.op("Transpose", operands, perm=order) if order else operands[0]


def _transpose(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    order = list(range(len(node.shape)))
    one, other = node.fields["axis1"], node.fields["axis2"]
    order[one], order[other] = order[other], order[one]
    return writer.op("Transpose", operands, perm=order)


def _reshape(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return writer.reshaped(operands[0], shape_of(writer, node), node.shape)


def _broadcast_to(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    shape, aligned = shape_of(writer, node), tuple(node.fields["aligned"])
    new = len(aligned) - len(shape)
    if aligned == (1,) * new + shape:  # operators put new axes in front by themselves
        return writer.expanded(operands[0], node.shape)
    return writer.expanded(writer.reshaped(operands[0], shape, aligned), node.shape)


def _concat(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    return writer.op("Concat", operands, axis=node.fields["axis"])


def _linear(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    """`Gemm` for a matrix, else `MatMul`; a matrix that is stored as ONNX has it is taken as it is."""
    bias = writer.parameter(node, "b")
    use = node.params["W"]
    assert use is not None, "a linear layer has a matrix"
    as_stored = use.computed == (permute(1, 0),)
    if as_stored:
        matrix = writer.stored(use.parameter)
    elif len(node.shape) == 2:
        found = writer.parameter(node, "W")
        assert found is not None, "it was looked for"
        matrix = found
    else:
        matrix = writer.parameter(node, "W", np.transpose, "_transposed") or ""
    if len(node.shape) == 2:
        turned = {} if as_stored else {"transB": 1}
        return writer.op("Gemm", [operands[0], matrix, *([bias] if bias is not None else [])], **turned)
    value = writer.op("MatMul", [operands[0], matrix])
    return value if bias is None else writer.op("Add", [value, bias])


def _batch_norm(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    axis, shape = node.fields["axis"], node.shape
    channels = shape[axis]
    inputs = [
        writer.parameter(node, role) or writer.filled((channels,), neutral)
        for role, neutral in (("gamma", 1.0), ("beta", 0.0), ("mean", 0.0))
    ]
    use = node.params["var"]
    negative = use is not None and bool((writer.values(use) < 0).any())
    if negative:
        variance = writer.parameter(node, "var", lambda values: np.maximum(values, 0), "_limited")
    else:
        variance = writer.parameter(node, "var")
    inputs.append(variance or writer.filled((channels,), 1.0))
    merged = (prod(shape[:axis]), *shape[axis:])
    value = writer.reshaped(operands[0], shape, merged)
    value = writer.op("BatchNormalization", [value, *inputs], epsilon=epsilon(writer, node))
    return writer.reshaped(value, merged, shape)


FORMS: Mapping[str, Form] = {
    operator.name: form
    for operator, form in (
        (ops.CONST, _const),
        (ops.RAND_UNIFORM, _rand_uniform),
        (ops.BERNOULLI_MASK, _bernoulli),
        (ops.DETACH, lambda writer, node, operands: operands[0]),
        (ops.ABS, _each("Abs")),
        (ops.SQRT, _each("Sqrt")),
        (ops.INV, _each("Reciprocal")),
        (ops.RELU, _each("Relu")),
        (ops.TANH, _each("Tanh")),
        (ops.SIGMOID, _each("Sigmoid")),
        (ops.EXP, _each("Exp")),
        (ops.LOG, _each("Log")),
        (ops.SIN, _each("Sin")),
        (ops.COS, _each("Cos")),
        (ops.SOFTPLUS, _each("Softplus")),
        (ops.SAFE_LOG, _safe_log),
        (ops.ADD, _each("Add")),
        (ops.SUB, _each("Sub")),
        (ops.MUL, _each("Mul")),
        (ops.MAX, _each("Max")),
        (ops.MIN, _each("Min")),
        (ops.MSE_LOSS, _mse_loss),
        (ops.SUM, _sum),
        (ops.REDUCE_SUM, _reduce_sum),
        (ops.REDUCE_MEAN, _reduce_mean),
        (ops.SOFTMAX, _softmax),
        (ops.LAYERNORM, _layernorm),
        (ops.PERMUTE, _permute),
        (ops.TRANSPOSE, _transpose),
        (ops.RESHAPE, _reshape),
        (ops.BROADCAST_TO, _broadcast_to),
        (ops.CONCAT, _concat),
        (ops.MATMUL, _plain("MatMul")),
        (ops.LINEAR, _linear),
        (ops.CONV, windows.conv),
        (ops.MAX_POOL, windows.max_pool),
        (ops.AVG_POOL, windows.avg_pool),
        (ops.BATCH_NORM, _batch_norm),
    )
}
"""The form of each operator, by its name; `input` is the graph's own, and projections of tuples are lowered before."""
