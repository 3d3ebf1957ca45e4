"""One node in another dialect, where that is one node too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torchlean_core.convert.graph import convert_graph
from torchlean_core.errors import UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import INPUT, Dialect, Problems, Shape, shared


def convert_node(node: Node, shapes: Sequence[Shape], source: Dialect, target: Dialect) -> Node | None:
    """The one node of another dialect that computes the same; None where there is none, or the node is wrong.

    Args:
        node: A tensor-valued node without parameters of its own.
        shapes: Shapes of its operands.
        source: Its dialect.
        target: The other one.

    Returns:
        A node with the id and the parents of the given one.
    """
    kind = source.tensor_kinds.get(node.kind)
    low, high = (0, 0) if kind is None else kind.arity
    if kind is None or node.shape is None or len(shapes) < low or (high is not None and len(shapes) > high):
        return None
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in node.fields.items()}
    shape = kind.infer(fields, shapes, list(node.shape))
    if shape is None or isinstance(shape, Problems) or tuple(shape) != node.shape:
        return None
    operands = [Node(0, INPUT, (), tuple(shapes[0]) if shapes else ())]
    for other in shapes[1:]:  # one input only: the others are given values of their own
        operands.append(Node(len(operands), shared.RAND_UNIFORM.name, (), tuple(other), fields={"seed": 0}))
    count = len(operands)
    local = replace(node, id=count, parents=tuple(range(count)) if shapes else ())
    try:
        found = convert_graph(Graph((*operands, local), 0, (count,), {}, source), target)
    except UserError:
        return None  # refused: it has no exact counterpart
    if len(found.graph.nodes) != count + 1 or found.tensors:
        return None
    return replace(found.graph.nodes[-1], id=node.id, parents=node.parents)
