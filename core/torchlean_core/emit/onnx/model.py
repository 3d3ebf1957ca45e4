"""A whole ONNX model of a program."""

from __future__ import annotations

from math import prod

import onnx
from onnx import helper

from torchlean_core import __version__
from torchlean_core.emit.onnx.operators import write
from torchlean_core.emit.onnx.writer import IR_VERSION, OPSET, Writer, value_info
from torchlean_core.errors import UserError
from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds import operators as ops
from torchlean_core.params import ParameterStore

MOST_BYTES = (1 << 31) - (1 << 20)
"""Bytes of weights: a file of protobuf is smaller than 2 GiB."""

PRODUCER = "torchlean-ls"


def onnx_model(program: Program, store: ParameterStore | None, *, of_model: bool = True) -> onnx.ModelProto:
    """The ONNX model that computes a program, in float32; equal input gives an equal model.

    Args:
        program: The program.
        store: Its parameters.
        of_model: Whether parameters have the names of the model's, where the artifact says those.

    Raises:
        UserError: ONNX has no exact form of a node, or the weights are too large for a file.
    """
    size = 4 * sum(prod(parameter.shape) for parameter in program.parameters())
    if size > MOST_BYTES:
        raise UserError(
            f"the parameters have {size / (1 << 30):.1f} GiB in float32; an ONNX file has less than 2 GiB"
        )
    writer = Writer(program, store, of_model=of_model)
    live = program.live()
    names = _names(program, live)
    source = writer.fresh(names[program.input_id])
    values: dict[int, str] = {}
    known = []
    for node in program.nodes:
        if node.id not in live:
            continue
        if node.operator is ops.INPUT:
            values[node.id] = source
            continue
        writer.begin(_node_name(program, node))
        result = write(writer, node, [values[parent] for parent in node.parents])
        values[node.id] = writer.finish(result, names[node.id])
        if values[node.id] == names[node.id]:
            known.append(value_info(names[node.id], node.shape))
    outputs = _outputs(writer, values, source)
    writer.prune(outputs)
    made = {name for node in writer.nodes for name in node.output}
    graph = helper.make_graph(
        writer.nodes,
        "network",
        [value_info(source, program.nodes[program.input_id].shape)],
        [
            value_info(name, program.nodes[end].shape)
            for name, end in zip(outputs, program.output_ids, strict=True)
        ],
        writer.initializers,
        value_info=[one for one in known if one.name in made and one.name not in outputs],
    )
    return helper.make_model(
        graph,
        producer_name=PRODUCER,
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _outputs(writer: Writer, values: dict[int, str], source: str) -> list[str]:
    """Names of the outputs: each the result of a node of its own."""
    made = {name for node in writer.nodes for name in node.output}
    found: list[str] = []
    for place, end in enumerate(writer.program.output_ids):
        name = values[end]
        if name not in made or name in found:
            writer.begin("output")
            few = len(writer.program.output_ids) == 1
            name = writer.finish(writer.op("Identity", [name]), "output" if few else f"output_{place}")
        found.append(name)
    return found


def _names(program: Program, live: set[int]) -> dict[int, str]:
    """What values are called: as in the ONNX file that they were captured from, else by the node's id."""
    names = {node.id: f"v{node.raw}" for node in program.nodes if node.id in live}
    last = {node.raw: node.id for node in program.nodes}
    for node in program.nodes:
        if node.id in names and last[node.raw] != node.id:
            names[node.id] += f"_{node.id}"
    names[program.input_id] = "input"
    if len(program.output_ids) == 1:
        names[program.output_id] = "output"
    told: dict[str, int] = {}
    for node in program.nodes:
        said = _source(node, "output")
        if said is not None and node.id in names and last[node.raw] == node.id:
            told[said] = node.id
    return names | {tensor: name for name, tensor in told.items()}


def _node_name(program: Program, node: TensorNode) -> str:
    """What a node is called: as in the ONNX file, by its module's path, else by its kind and id."""
    said = _source(node, "node")
    if said:
        return said
    target = node.extra.get("debug_target")
    return target if isinstance(target, str) and target else f"{program.kind_of(node)}_{node.raw}"


def _source(node: TensorNode, key: str) -> str | None:
    source = node.extra.get("source")
    said = source.get(key) if isinstance(source, dict) else None
    return said if isinstance(said, str) and said else None
