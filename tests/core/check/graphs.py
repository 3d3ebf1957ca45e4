"""Random valid graphs over all kinds, with shapes from formulas of their own, and single mutations of them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

Node = dict[str, Any]
Root = dict[str, Any]

UNARY = ["detach", "abs", "sqrt", "inv", "relu", "tanh", "sigmoid", "exp", "log", "sin", "cos"]
BINARY = ["add", "sub", "mul_elem", "max_elem", "min_elem"]
POOLS = ["max_pool2d", "avg_pool2d", "max_pool2d_pad", "avg_pool2d_pad"]


class Builder:
    """Adds random nodes to a graph, each valid after those before it."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.add("input", [], self.shape())

    def shape(self, rank: int | None = None, low: int = 1) -> list[int]:
        count = self.draw.randrange(5) if rank is None else rank
        return [self.draw.randrange(low, 6) for _ in range(count)]

    def add(self, kind: str, parents: list[int], shape: list[int] | None, **fields: Any) -> int:
        value = {"shape": shape} if shape is not None else {}
        self.nodes.append({"id": len(self.nodes), "kind": kind, "parents": parents, **value, **fields})
        return len(self.nodes) - 1

    def some(self, fits: Callable[[list[int]], bool] = lambda shape: True, rank: int = 2) -> int:
        """An earlier tensor whose shape fits, or a new constant of one that does."""
        found = [n["id"] for n in self.nodes if "shape" in n and fits(n["shape"])]
        if found and self.draw.random() < 0.8:
            return self.draw.choice(found)
        for _ in range(100):
            shape = self.shape(self.draw.choice([rank, rank, self.draw.randrange(5)]))
            if fits(shape):
                extra = {"value_shape": list(shape)} if self.draw.random() < 0.5 else {}
                return self.add("const", [], shape, **extra)
        return self.draw.choice(found)

    def of(self, node: int) -> list[int]:
        return list(self.nodes[node]["shape"])

    def step(self) -> None:
        """Add a node of any kind (and what it needs)."""
        getattr(self, "_" + self.draw.choice(STEPS))()

    def _unary(self) -> None:
        x = self.some()
        self.add(self.draw.choice(UNARY), [x], self.of(x))

    def _binary(self) -> None:
        x = self.some()
        y = self.some(lambda shape: shape == self.of(x), len(self.of(x))) if self.draw.random() < 0.5 else x
        self.add(self.draw.choice(BINARY), [x, y], self.of(x))

    def _source(self) -> None:
        kind = self.draw.choice(["const", "rand_uniform", "bernoulli_mask"])
        seed = {} if kind == "const" else {"seed": self.draw.randrange(10**6)}
        parents = [self.some(lambda shape: shape == [], 0)] if kind == "bernoulli_mask" else []
        self.add(kind, parents, self.shape(), **seed)

    def _loss(self) -> None:
        x = self.some()
        self.add(*self.draw.choice([("mse_loss", [x, x], []), ("sum", [x], [])]))

    def _reduce(self) -> None:
        x = self.some(bool)
        axis = self.draw.randrange(len(self.of(x)))
        shape = self.of(x)
        del shape[axis]
        self.add(self.draw.choice(["reduce_sum", "reduce_mean"]), [x], shape, axis=axis)

    def _normalize(self) -> None:
        x = self.some(lambda shape: bool(shape) and 0 not in shape)
        self.add(
            self.draw.choice(["softmax", "layernorm"]),
            [x],
            self.of(x),
            axis=self.draw.randrange(len(self.of(x))),
        )

    def _move(self) -> None:
        x = self.some(lambda shape: len(shape) >= 2)
        shape = self.of(x)
        perm = list(range(len(shape)))
        self.draw.shuffle(perm)
        choices = [("permute", [shape[i] for i in perm], {"perm": perm})]
        choices.append(("swap_first_two", [shape[1], shape[0], *shape[2:]], {}))
        if len(shape) == 3:
            choices.append(("transpose3d_last_two", [shape[0], shape[2], shape[1]], {}))
        kind, result, fields = self.draw.choice(choices)
        self.add(kind, [x], result, **fields)

    def _reshape(self) -> None:
        x = self.some()
        shape, count = self.of(x), math.prod(self.of(x))
        target = self.draw.choice([shape[::-1], [1, *shape], [count], [*shape, 1, 1]])
        if self.draw.random() < 0.3:
            self.add("flatten", [x], [count], value_shape=shape)
        else:
            self.add("reshape", [x], target, in_shape=shape, out_shape=target)

    def _broadcast(self) -> None:
        x = self.some(lambda shape: len(shape) < 4)
        shape = self.of(x)
        target = [self.draw.randrange(2, 5) if dim == 1 else dim for dim in shape]
        target += self.shape(self.draw.randrange(3))
        self.add("broadcast_to", [x], target, from_shape=shape, to_shape=target)

    def _concat(self) -> None:
        x = self.some(bool)
        shape, axis = self.of(x), self.draw.randrange(len(self.of(x)))
        parents = [x] * self.draw.randrange(2, 5)
        shape[axis] *= len(parents)
        self.add("concat", parents, shape, axis=axis)

    def _matmul(self) -> None:
        x = self.some(lambda shape: len(shape) in (2, 3))
        shape = self.of(x)
        y = self.add("const", [], [*shape[:-2], shape[-1], self.draw.randrange(1, 5)])
        self.add("matmul", [x, y], [*shape[:-1], self.of(y)[-1]])

    def _linear(self) -> None:
        x = self.some(bool)
        self.add("linear", [x], [*self.of(x)[:-1], self.draw.randrange(1, 6)])

    def _window(self, kind: str | None = None) -> None:
        kind = kind or self.draw.choice(["conv2d", *POOLS])
        x = self.some(lambda shape: len(shape) == 3 and 0 not in shape, 3)
        shape = self.of(x)
        padding = self.draw.randrange(3) if kind == "conv2d" or kind.endswith("_pad") else 0
        kernel = [self.draw.randrange(1, min(4, size + 2 * padding) + 1) for size in shape[1:]]
        stride = self.draw.randrange(1, 4)
        out = [(size + 2 * padding - k) // stride + 1 for size, k in zip(shape[1:], kernel, strict=True)]
        fields: dict[str, Any] = {"kH": kernel[0], "kW": kernel[1], "stride": stride}
        if kind == "conv2d" or kind.endswith("_pad"):
            fields["padding"] = padding
        channels = shape[0]
        if kind == "conv2d":
            channels = self.draw.randrange(1, 5)
            fields |= {"inC": shape[0], "outC": channels}
        self.add(kind, [x], [channels, *out], **fields)

    def _batch_norm(self) -> None:
        x = self.some(lambda shape: len(shape) == 4 and 0 not in shape, 4)
        self.add("batch_norm2d_nchw_eval", [x], self.of(x), channels=self.of(x)[1])

    def _attention(self) -> None:
        x = self.some(lambda shape: len(shape) == 3 and 0 not in shape, 3)
        shape = self.of(x)
        fields = {"embed_dim": shape[2], "num_heads": 1, "batch_first": True, "dropout_zero": True}
        shapes = [shape, [shape[0], shape[1], shape[1]]]
        tuple_node = self.add(
            "multihead_attention", [x, x, x], None, value_kind="tuple", tuple_shapes=shapes, **fields
        )
        self.add("tuple_getitem", [tuple_node], shape, index=0)

    def root(self) -> Root:
        ends = [node["id"] for node in self.nodes if "shape" in node]
        return {
            "format": "torchlean.ir.v1",
            "input_id": 0,
            "output_id": self.draw.choice(ends),
            "nodes": self.nodes,
        }


STEPS = [
    "unary", "binary", "source", "loss", "reduce", "normalize", "move", "reshape", "broadcast", "concat", "matmul",
    "linear", "window", "batch_norm", "attention",
]  # fmt: skip


def random_graph(draw: random.Random, steps: int) -> Root:
    """A valid graph."""
    builder = Builder(draw)
    for _ in range(steps):
        builder.step()
    return builder.root()


Mutation = tuple[Root, int, set[str]]
"""(the broken graph, place of the node that must have a finding, codes of which one is right)"""


def mutate(draw: random.Random, root: Root) -> Mutation | None:
    """Break one node in one way; None where the drawn way does not apply to the drawn node."""
    broken = json.loads(json.dumps(root))  # a list that two fields share is two
    place = draw.randrange(len(broken["nodes"]))
    node = broken["nodes"][place]
    codes = draw.choice(MUTATIONS)(draw, node, broken["nodes"])
    return (broken, place, codes) if codes is not None else None


def _drop_common(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    del node[draw.choice([key for key in ("id", "kind", "parents", "shape", "tuple_shapes") if key in node])]
    return {"TL010"}


def _drop_own(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    own = [key for key in node if key not in COMMON and key != "value_shape"]
    if not own or node["kind"] == "multihead_attention":
        return None
    del node[draw.choice(own)]
    return {"TL010"}


def _wrong_type(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    keys = [key for key in node if node["kind"] != "multihead_attention" or key in COMMON]
    key = draw.choice([key for key in keys if key != "value_kind"])
    right = (str,) if key == "kind" else (list,) if isinstance(node[key], list) else (int,)
    wrong: list[Any] = [None, True, 1.5, "x", {}, -1, ["x"], [-1]]
    wrong = [value for value in wrong if type(value) not in right or value in (-1, ["x"], [-1])]
    node[key] = draw.choice(wrong)
    return {"TL011"}


def _bad_element(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    arrays = [key for key in ("parents", "shape", "perm", "in_shape", "to_shape") if node.get(key)]
    if not arrays:
        return None
    array = node[draw.choice(arrays)]
    array[draw.randrange(len(array))] = draw.choice([-1, 0.5, None, "1", True, []])
    return {"TL011"}


def _kind(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if "value_kind" in node:
        return None
    name = node["kind"]
    node["kind"] = draw.choice([name + "x", name.upper(), "", "conv3d", name[:-1], "multihead_attention"])
    return {"TL014"}


def _value_kind(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    node["value_kind"] = draw.choice(["list", "", "Tensor"])
    return {"TL015"}


def _parent(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if not node["parents"]:
        return None
    position = draw.randrange(len(node["parents"]))
    node["parents"][position] = draw.choice([node["id"], node["id"] + 1, len(nodes), len(nodes) + 7, 10**30])
    return {"TL103"}


def _arity(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if "value_kind" in node or node["kind"] == "concat" or (not node["parents"] and node["id"] == 0):
        return None
    if node["parents"] and draw.random() < 0.5:
        node["parents"].pop()
    else:
        node["parents"].append(0)
    return {"TL102"}


def _dim(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if node["kind"] in ("input", "const", "rand_uniform", "bernoulli_mask") or not node.get("shape"):
        return None
    if node["kind"] == "linear" and len(node["shape"]) == 1:
        return None
    position = 0 if node["kind"] == "linear" else draw.randrange(len(node["shape"]))
    node["shape"][position] += draw.randrange(1, 9)
    return {"TL201", "TL202", "TL302", "TL304"}


def _rank(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if node["kind"] in ("input", "const", "rand_uniform", "bernoulli_mask", "linear") or "shape" not in node:
        return None
    node["shape"] = [*node["shape"], 1]
    return {"TL201", "TL302", "TL304"}


def _axis(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if "axis" not in node:
        return None
    node["axis"] = len(nodes[node["parents"][0]]["shape"]) + draw.choice([0, 1, 10**20])
    return {"TL203"}


def _perm(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if "perm" not in node:
        return None
    node["perm"] = draw.choice(
        [node["perm"][:-1], [*node["perm"], 0], [0] * len(node["perm"]), [9] * len(node["perm"])]
    )
    return {"TL204"}


def _window_size(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if "kH" not in node:
        return None
    node[draw.choice(["kH", "kW"])] = draw.choice([100, 10**25])
    return {"TL205"}


def _zero(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    keys = [key for key in ("kH", "kW", "stride", "inC", "channels") if key in node]
    if not keys:
        return None
    node[draw.choice(keys)] = 0
    return {"TL206"}


def _channels(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    keys = [key for key in ("inC", "channels") if key in node]
    if not keys:
        return None
    node[keys[0]] += 1
    return {"TL211"}


def _repeated_shape(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    keys = [key for key in ("in_shape", "from_shape") if key in node]
    if node["kind"] == "flatten":
        keys = ["value_shape"]
    if not keys:
        return None
    node[keys[0]] = [*node[keys[0]], 7]
    return {"TL209"}


def _numel(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if node["kind"] != "reshape":
        return None
    node["out_shape"] = [*node["out_shape"], 2]
    return {"TL207"}


def _no_broadcast(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if node["kind"] != "broadcast_to" or not node["from_shape"]:
        return None
    node["to_shape"] = node["to_shape"][: len(node["from_shape"]) - 1]
    return {"TL208"}


def _tuple_operand(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    tuples = [other["id"] for other in nodes[: node["id"]] if "tuple_shapes" in other]
    if not tuples or not node["parents"] or node["kind"] in ("tuple_getitem", "multihead_attention"):
        return None
    node["parents"][draw.randrange(len(node["parents"]))] = draw.choice(tuples)
    return {"TL301"}


def _projection(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    if node["kind"] != "tuple_getitem":
        return None
    if draw.random() < 0.5:
        node["index"] = draw.choice([1, 2, 10**12])
        return {"TL302", "TL304"}
    name, value = draw.choice(
        [("num_heads", 2), ("batch_first", False), ("dropout_zero", False), ("embed_dim", 99)]
    )
    nodes[node["parents"][0]][name] = value
    return {"TL304"}


def _id(draw: random.Random, node: Node, nodes: list[Node]) -> set[str] | None:
    node["id"] += draw.choice([1, 2, 10**15])
    return {"TL101"}


COMMON = ("id", "kind", "parents", "shape", "value_kind", "tuple_shapes")
MUTATIONS: list[Callable[[random.Random, Node, list[Node]], set[str] | None]] = [
    _drop_common, _drop_own, _wrong_type, _bad_element, _kind, _value_kind, _parent, _arity, _dim, _rank, _axis,
    _perm, _window_size, _zero, _channels, _repeated_shape, _numel, _no_broadcast, _tuple_operand, _projection, _id,
]  # fmt: skip
