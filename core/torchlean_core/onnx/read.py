"""From the message of an ONNX file to its graph. What is wrong with it is found here, before anything is computed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import onnx
import onnx.inliner
import torch

from torchlean_core.capture.errors import refused
from torchlean_core.onnx.attributes import AttributeRefusedError, attributes_of
from torchlean_core.onnx.errors import quoted
from torchlean_core.onnx.file import Document
from torchlean_core.onnx.graph import Graph, Node, Size
from torchlean_core.onnx.tensors import NoNumbersError, tensor_of, type_of

OLDEST = 7
"""The first operator set that is read: before it, operands were broadcast in another way."""

_DOMAINS = ("", "ai.onnx")
_MOST_NODES = 1_000_000


def read_graph(document: Document) -> Graph:
    """The graph of a file.

    Raises:
        CaptureError: It is not one of the operators of ONNX with one input of float32, each result made once.
    """
    proto, shown = document.proto, document.shown
    opset = _opset(proto, shown)
    if proto.functions:
        proto = _inlined(proto, shown)
    graph = proto.graph
    if graph.sparse_initializer:
        raise refused(
            shown, f"holds a sparse tensor {quoted(graph.sparse_initializer[0].values.name)}: not read"
        )
    tensors = _tensors(graph.initializer, shown)
    inputs = [one for one in graph.input if one.name not in tensors]
    outputs = tuple(one.name for one in graph.output)
    if not outputs or not all(outputs):
        raise refused(shown, "has no output" if not outputs else "has an output without a name")
    if len(set(outputs)) < len(outputs):
        twice = next(name for name in outputs if outputs.count(name) > 1)
        raise refused(shown, f"has two outputs named {quoted(twice)}")
    made = _producers(graph.node, tensors, inputs, shown)
    order = _ordered(graph.node, made, outputs, {*tensors, *(one.name for one in inputs)}, shown)
    name, sizes, dtype = _input(inputs, shown)
    nodes = tuple(_node(graph.node[place], opset, shown) for place in order)
    if len(order) < len(
        graph.node
    ):  # evaluators refuse what they have no code for, also where nothing needs it
        kept = [graph.node[place] for place in order]
        copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in kept]
        del graph.node[:]
        graph.node.extend(copies)
    producer = " ".join(filter(None, (proto.producer_name, proto.producer_version)))
    return Graph(name, sizes, dtype, outputs, nodes, tensors, opset, producer[:200], proto)


def _opset(proto: onnx.ModelProto, shown: str) -> int:
    versions = [one.version for one in proto.opset_import if one.domain in _DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if not versions:
        if any(node.domain in _DOMAINS for node in proto.graph.node):
            raise refused(shown, "does not say which operator set it is of")
        return newest
    found = int(max(versions))
    if not OLDEST <= found <= newest:
        newer = f"; onnx {onnx.__version__} knows those up to {newest}" if found > newest else ""
        raise refused(shown, f"is of operator set {found}; those from {OLDEST} on are read{newer}")
    return found


def _inlined(proto: onnx.ModelProto, shown: str) -> onnx.ModelProto:
    """The model without functions of its own; how large that is is counted before."""
    sizes: dict[tuple[str, str], int] = {}
    bodies = {(one.domain, one.name): one.node for one in proto.functions}

    def size(key: tuple[str, str], above: frozenset[tuple[str, str]]) -> int:
        if key not in bodies:
            return 1
        if key in above or len(above) > 50:
            raise refused(shown, f"has a function {quoted(key[1])} that calls itself, or calls too deep")
        if key not in sizes:
            inner = above | {key}
            sizes[key] = sum(size((node.domain, node.op_type), inner) for node in bodies[key])
        return sizes[key]

    total = sum(size((node.domain, node.op_type), frozenset()) for node in proto.graph.node)
    if total > _MOST_NODES:
        raise refused(shown, f"has functions that come to {total:,} operators, more than {_MOST_NODES:,}")
    try:
        return onnx.inliner.inline_local_functions(proto)
    except Exception as error:  # the library's own, of no one class
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise refused(shown, f"has functions that cannot be put in place: {lines[0][:200]}") from error


def _tensors(initializers: Iterable[onnx.TensorProto], shown: str) -> Mapping[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for one in initializers:
        if not one.name or one.name in found:
            what = f"two tensors named {quoted(one.name)}" if one.name else "a tensor without a name"
            raise refused(shown, f"holds {what}")
        try:
            found[one.name] = tensor_of(one)
        except NoNumbersError as error:
            raise refused(shown, f"tensor {quoted(one.name)}: {error}") from error
    return found


def _producers(
    nodes: Sequence[onnx.NodeProto],
    tensors: Mapping[str, torch.Tensor],
    inputs: Sequence[onnx.ValueInfoProto],
    shown: str,
) -> dict[str, int]:
    """Which node makes a value, by the value's name."""
    given = {*tensors, *(one.name for one in inputs)}
    made: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in node.output:
            if name and (name in made or name in given):
                raise refused(shown, f"has two values named {quoted(name)}")
            made[name] = place
    made.pop("", None)
    return made


def _ordered(
    nodes: Sequence[onnx.NodeProto],
    made: Mapping[str, int],
    outputs: Iterable[str],
    given: set[str],
    shown: str,
) -> list[int]:
    """The nodes that the outputs need, in the order of the file as far as operands come first."""
    needed: set[int] = set()
    users: dict[int, list[int]] = {}
    waits: dict[int, int] = {}
    stack: list[tuple[str, int | None]] = [(name, None) for name in outputs]
    while stack:
        name, user = stack.pop()
        if not name or name in given:
            continue
        place = made.get(name)
        if place is None:
            by = "" if user is None else f", which {_named(nodes[user])} takes"
            raise refused(shown, f"has nothing that makes {quoted(name)}{by}")
        if user is not None:
            users.setdefault(place, []).append(user)
            waits[user] = waits.get(user, 0) + 1
        if place not in needed:
            needed.add(place)
            stack += ((one, place) for one in nodes[place].input)
    return _sorted(needed, users, waits, nodes, shown)


def _sorted(
    needed: set[int],
    users: Mapping[int, Sequence[int]],
    waits: dict[int, int],
    nodes: Sequence[onnx.NodeProto],
    shown: str,
) -> list[int]:
    ready = [place for place in needed if not waits.get(place)]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for user in users.get(place, ()):
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, user)
    if len(order) < len(needed):
        first = min(needed - set(order))
        raise refused(shown, f"is no graph that can be computed: {_named(nodes[first])} needs its own result")
    return order


def _input(
    inputs: Sequence[onnx.ValueInfoProto], shown: str
) -> tuple[str, Sequence[Size] | None, torch.dtype]:
    if len(inputs) != 1:
        listed = ", ".join(one.name for one in inputs[:8])
        raise refused(
            shown, f"takes {len(inputs)} inputs{f' ({listed})' if listed else ''}; an artifact has one"
        )
    value = inputs[0]
    what = f"the input {quoted(value.name)}"
    if not value.type.HasField("tensor_type"):
        raise refused(shown, f"{what} is no tensor ({value.type.WhichOneof('value') or 'of no type'})")
    tensor = value.type.tensor_type
    try:
        dtype = type_of(tensor.elem_type)
    except NoNumbersError as error:
        raise refused(shown, f"{what}: {error}") from error
    if dtype != torch.float32:
        name = str(dtype).removeprefix("torch.")
        raise refused(shown, f"{what} is {name}, expected float32: an artifact's values are float32", "TL603")
    if not tensor.HasField("shape"):
        return value.name, None, dtype
    sizes: list[Size] = []
    for dim in tensor.shape.dim:
        kind = dim.WhichOneof("value")
        if kind == "dim_value" and dim.dim_value > 0:
            sizes.append(dim.dim_value)
        else:  # some programs write 0 or -1 for a size that is open
            sizes.append(dim.dim_param if kind == "dim_param" and dim.dim_param else None)
    return value.name, sizes, dtype


def _named(node: onnx.NodeProto) -> str:
    name = node.name or next(iter(node.output), "")
    return f"node {quoted(name)} ({node.op_type})"


def _node(proto: onnx.NodeProto, opset: int, shown: str) -> Node:
    """A node, its attributes as its schema has them."""
    operator = proto.op_type
    inputs, outputs = tuple(proto.input), tuple(proto.output)
    name = proto.name or next(filter(None, outputs), "")
    if proto.domain not in _DOMAINS:
        return Node(f"{proto.domain}.{operator}", name, 0, inputs, outputs)
    try:
        schema = onnx.defs.get_schema(operator, opset, "")
    except onnx.defs.SchemaError:
        return Node(operator, name, 0, inputs, outputs)
    if schema.deprecated and not schema.inputs:
        return Node(operator, name, 0, inputs, outputs)
    what = _named(proto)
    for kind, count, least, most in (
        ("input", len(inputs), schema.min_input, schema.max_input),
        ("output", len(outputs), schema.min_output, schema.max_output),
    ):
        if not least <= count <= most:
            expected = (
                str(least)
                if least == most
                else f"{least} to {most}"
                if most < 1 << 20
                else f"{least} or more"
            )
            raise refused(shown, f"{what} has {count} {kind}s, expected {expected}")
    required = onnx.defs.OpSchema.FormalParameterOption.Single
    for place, parameter in enumerate(schema.inputs):
        if parameter.option == required and not inputs[place]:
            raise refused(shown, f"{what} has no input {quoted(parameter.name)}")
    try:
        attributes, given = attributes_of(proto, schema)
    except AttributeRefusedError as error:
        raise refused(shown, f"{what}: {error}") from error
    return Node(operator, name, schema.since_version, inputs, outputs, attributes, given)
