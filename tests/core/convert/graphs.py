"""Random artifacts without errors, of either dialect, over all kinds: to compare two ways to one value."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from torchlean_core.artifact import parse_graph
from torchlean_core.graph import Graph, lower

Shape = tuple[int, ...]
Root = dict[str, Any]

UNARY = "detach abs sqrt inv relu tanh sigmoid exp log sin cos".split()
BINARY = "add sub mul_elem max_elem min_elem".split()


class Builder:
    """Nodes one after the other, each with operands of shapes that fit."""

    def __init__(self, seed: int, *, inline: bool, zeros: bool) -> None:
        self.random = random.Random(seed)
        self.inline = inline
        self.zeros = zeros
        self.nodes: list[Root] = []
        self.tensors: list[int] = []

    def node(self, kind: str, parents: list[int], shape: Any, **fields: Any) -> int:
        node = {"id": len(self.nodes), "kind": kind, "parents": parents, "shape": list(shape), **fields}
        self.nodes.append(node)
        self.tensors.append(node["id"])
        return len(self.nodes) - 1

    def shape(self, low: int = 0, high: int = 4, *, nonzero: bool = False) -> Shape:
        rank = self.random.randint(low, high)
        empty = self.zeros and not nonzero and self.random.random() < 0.15
        return tuple(
            0 if empty and self.random.random() < 0.4 else self.random.randint(1, 4) for _ in range(rank)
        )

    def of(self, shape: Any) -> int:
        """A node of a shape: one that there is, or a new one."""
        there = [one for one in self.tensors if tuple(self.nodes[one]["shape"]) == tuple(shape)]
        if there and self.random.random() < 0.7:
            return self.random.choice(there)
        return self.source(shape)

    def source(self, shape: Any) -> int:
        if self.random.random() < 0.4:
            return self.node("rand_uniform", [], shape, seed=self.seed())
        more: Root = {"value_shape": list(shape)} if self.random.random() < 0.3 else {}
        if self.random.random() < 0.2:
            more["trainable"] = self.random.random() < 0.5
        if self.inline:
            more["values"] = self.numbers((prod(shape),))
        return self.node("const", [], shape, **more)

    def seed(self) -> int:
        return self.random.choice([0, 1, 2**64 - 1, 2**64 - 3, self.random.randrange(2**40)])

    def numbers(self, shape: Shape, low: float = -2.0, high: float = 2.0) -> Any:
        if not shape:
            return self.random.choice([float(np.float32(self.random.uniform(low, high))), 1, 0.5])
        return [self.numbers(shape[1:], low, high) for _ in range(shape[0])]

    def operand(self, fits: Callable[[Shape], bool], make: Callable[[], Shape]) -> tuple[int, Shape]:
        """A node whose shape fits, or a new one of a shape that is made."""
        there = [one for one in self.tensors if fits(tuple(self.nodes[one]["shape"]))]
        found = self.random.choice(there) if there and self.random.random() < 0.75 else self.of(make())
        return found, tuple(self.nodes[found]["shape"])

    def any(self, low: int = 0, high: int = 4, *, nonzero: bool = False) -> tuple[int, Shape]:
        return self.operand(
            lambda s: low <= len(s) <= high and prod(s) <= 600 and not (nonzero and 0 in s),
            lambda: self.shape(low, high, nonzero=nonzero),
        )

    def extras(self) -> Root:
        found: Root = {}
        if self.random.random() < 0.2:
            found["debug_target"] = "aten.x"
        if self.random.random() < 0.1:
            found["note"] = {"line": 3, "weights": [1.5, 2]}
        return found

    # -- kinds of both dialects -----------------------------------------------------------------------------

    def unary(self) -> None:
        x, shape = self.any()
        self.node(self.random.choice(UNARY), [x], shape, **self.extras())

    def binary(self) -> None:
        x, shape = self.any()
        self.node(self.random.choice(BINARY), [x, self.of(shape)], shape, **self.extras())

    def constant(self) -> None:
        self.source(self.shape())

    def mask(self) -> None:
        self.node("bernoulli_mask", [self.of(())], self.shape(), seed=self.seed())

    def loss(self) -> None:
        x, shape = self.any()
        self.node("mse_loss", [x, self.of(shape)], ())

    def total(self) -> None:
        self.node("sum", [self.any()[0]], ())

    def softmax(self) -> None:
        x, shape = self.any(1)
        self.node("softmax", [x], shape, axis=self.random.randrange(len(shape)))

    def permute(self) -> None:
        x, shape = self.any()
        perm = self.random.sample(range(len(shape)), len(shape))
        self.node("permute", [x], [shape[axis] for axis in perm], perm=perm)

    def reshape(self) -> None:
        x, shape = self.any()
        after = [1] * self.random.randint(0, 1) + list(shape)
        if len(after) > 1 and self.random.random() < 0.7:
            at = self.random.randrange(len(after) - 1)
            after[at : at + 2] = [after[at] * after[at + 1]]
        self.random.shuffle(after)
        self.node("reshape", [x], after, in_shape=list(shape), out_shape=after)

    def flatten(self) -> None:
        x, shape = self.any()
        self.node("flatten", [x], [prod(shape)], value_shape=list(shape))

    def concat(self) -> None:
        x, shape = self.any(1)
        axis = self.random.randrange(len(shape))
        parents, total = [x], shape[axis]
        for _ in range(self.random.randint(1, 2)):
            other = list(shape)
            other[axis] = self.random.randint(1, 3)
            parents.append(self.of(other))
            total += other[axis]
        self.node("concat", parents, [*shape[:axis], total, *shape[axis + 1 :]], axis=axis)

    def linear(self) -> None:
        x, shape = self.any(1)
        out = self.random.randint(0 if self.zeros else 1, 4)
        more: Root = {}
        if self.inline:
            more = {"out_dim": out, "in_dim": shape[-1]}
            more |= {"weight": self.numbers((out, shape[-1])), "bias": self.numbers((out,))}
        self.node("linear", [x], [*shape[:-1], out], **more, **self.extras())

    def attention(self) -> None:
        x, (batch, seq, embed) = self.operand(
            lambda s: len(s) == 3 and 0 not in s, lambda: self.shape(3, 3, nonzero=True)
        )
        more: Root = {}
        if self.random.random() < 0.7:
            more["bias"] = self.random.random() < 0.6
        if self.inline:
            for name in ("q", "k", "v", "out"):
                more[f"{name}_weight"] = self.numbers((embed, embed))
                more[f"{name}_bias"] = self.numbers((embed,))
            more["scale"] = 0.5
        tuple_id = len(self.nodes)
        self.nodes.append(
            {
                "id": tuple_id,
                "kind": "multihead_attention",
                "parents": [x, x, x],
                "value_kind": "tuple",
                "tuple_shapes": [[batch, seq, embed], [batch, seq, seq]],
                "embed_dim": embed,
                "num_heads": 1,
                "batch_first": True,
                "dropout_zero": True,
                **more,
            }
        )
        for _ in range(self.random.choice([0, 1, 1, 1, 2])):
            self.node("tuple_getitem", [tuple_id], (batch, seq, embed), index=0)

    def pair(self) -> None:
        x, shape = self.any()
        parents = [x, self.of(shape)]
        self.nodes.append(
            {
                "id": len(self.nodes),
                "kind": "py_tuple",
                "parents": parents,
                "value_kind": "tuple",
                "tuple_shapes": [list(shape)] * 2,
            }
        )


SHARED = "unary binary constant mask loss total softmax permute reshape flatten concat linear attention pair".split()


class General(Builder):
    """Of the generalized dialect."""

    KINDS = (
        *SHARED,
        *"soft safe_log reduction layernorm transpose broadcast matmul conv pool batch_norm".split(),
    )

    def soft(self) -> None:
        x, shape = self.any()
        self.node("softplus", [x], shape, **self.extras())

    def safe_log(self) -> None:
        x, shape = self.any()
        self.node("safe_log", [x, self.of(())], shape)

    def reduction(self) -> None:
        x, shape = self.any()
        axes = [axis for axis, extent in enumerate(shape) if extent]
        axes = self.random.sample(axes, self.random.randint(0, len(axes)))
        keepdim = self.random.random() < 0.5
        after = [1 if a in axes else n for a, n in enumerate(shape) if keepdim or a not in axes]
        kind = self.random.choice(["reduce_sum", "reduce_mean"])
        self.node(kind, [x], after, axes=axes, keepdim=keepdim, **self.extras())

    def layernorm(self) -> None:
        x, shape = self.any(1, nonzero=not self.zeros)
        axis = self.random.randrange(len(shape))
        if 0 in shape[axis:]:
            return
        more: Root = {}
        if self.inline and self.random.random() < 0.8:
            plain = self.random.random() < 0.2
            suffix = shape[axis:]
            more["gamma"] = np.ones(suffix).tolist() if plain else self.numbers(suffix)
            more["beta"] = np.zeros(suffix).tolist() if plain else self.numbers(suffix)
            more["eps"] = self.random.choice([1e-5, 0.25, 1])
        self.node("layernorm", [x], shape, axis=axis, **more, **self.extras())

    def transpose(self) -> None:
        x, shape = self.any(1)
        one, other = (self.random.randrange(len(shape)) for _ in range(2))
        after = list(shape)
        after[one], after[other] = after[other], after[one]
        self.node("transpose", [x], after, axis1=one, axis2=other)

    def broadcast(self) -> None:
        x, shape = self.any(0, 3)
        before = [self.random.randint(1, 4) for _ in range(self.random.randint(0, 2))]
        if shape and self.random.random() < 0.3:  # what is read otherwise from the left
            before.append(shape[0])
        after = [*before, *(self.random.randint(1, 4) if n == 1 else n for n in shape)]
        self.node("broadcast_to", [x], after, from_shape=list(shape), to_shape=after)

    def matmul(self) -> None:
        m, n, p = (self.random.randint(1, 4) for _ in range(3))
        batch = [self.random.randint(1, 3) for _ in range(self.random.randint(0, 2))]

        def side(last: list[int]) -> list[int]:
            own = [1 if self.random.random() < 0.3 else size for size in batch]
            return [*own[self.random.randint(0, len(own)) :], *last]

        left = [n] if self.random.random() < 0.2 else side([m, n])
        right = [n] if self.random.random() < 0.2 else side([n, p])
        after = (np.zeros(left) @ np.zeros(right)).shape
        self.node("matmul", [self.of(left), self.of(right)], after, **self.extras())

    def conv(self) -> None:
        rank = self.random.choice([0, 1, 2, 2, 2, 2, 3])
        lead = self.random.choice([(), (), (1,), (1,), (1, 1), (2,)])
        groups = self.random.choice([1, 1, 2])
        inputs, outputs = (groups * self.random.randint(1, 2) for _ in range(2))
        same = self.random.random() < 0.8
        kernel = [self.random.randint(1, 3) for _ in range(rank)]
        stride = (
            [self.random.randint(1, 2)] * rank if same else [self.random.randint(1, 2) for _ in range(rank)]
        )
        before = (
            [self.random.randint(0, 2)] * rank if same else [self.random.randint(0, 2) for _ in range(rank)]
        )
        after = before if same else [self.random.randint(0, 2) for _ in range(rank)]
        dilation = [self.random.choice([1, 1, 2]) for _ in range(rank)]
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        cells = [max(1, r) + self.random.randint(0, 2) for r in reach]
        out = [
            (x + b + a - r) // s + 1
            for x, b, a, r, s in zip(cells, before, after, reach, stride, strict=True)
        ]
        more: Root = {}
        if self.random.random() < 0.5 or self.inline:
            more["input_spatial"] = cells
        if self.inline:
            more |= {"weight": self.numbers((outputs, inputs, *kernel)), "bias": self.numbers((outputs,))}
        self.node(
            "conv",
            [self.of((*lead, inputs, *cells))],
            [*lead, outputs, *out],
            spatial_rank=rank,
            kernel=kernel,
            stride=stride,
            padding=before,
            padding_after=after,
            dilation=dilation,
            groups=groups,
            channel_axis=len(lead),
            in_channels=inputs,
            out_channels=outputs,
            **more,
            **self.extras(),
        )

    def pool(self) -> None:
        rank = self.random.choice([1, 1, 2, 2, 2, 3])
        x, shape = self.operand(lambda s: rank <= len(s) <= 4, lambda: self.shape(rank, 4))
        same = self.random.random() < 0.85
        kernel = [self.random.randint(1, 3) for _ in range(rank)]
        stride = (
            [self.random.randint(1, 3)] * rank if same else [self.random.randint(1, 3) for _ in range(rank)]
        )
        padding = (
            [self.random.choice([0, 0, 1])] * rank
            if same
            else [self.random.randint(0, 1) for _ in range(rank)]
        )
        if self.random.random() < 0.8:
            padding = [min(k // 2 for k in kernel) and p for p in padding]
        out = [
            (n + 2 * p - k) // s + 1 if n and p <= k // 2 and n + 2 * p >= k else 0
            for n, k, s, p in zip(shape[len(shape) - rank :], kernel, stride, padding, strict=True)
        ]
        kind = self.random.choice(["max_pool", "avg_pool"])
        geometry = {"spatial_rank": rank, "kernel": kernel, "stride": stride, "padding": padding}
        self.node(kind, [x], [*shape[: len(shape) - rank], *out], **geometry, **self.extras())

    def batch_norm(self) -> None:
        x, shape = self.any(1, nonzero=not self.zeros)
        axis = self.random.randrange(len(shape))
        if not shape[axis]:
            return
        more: Root = {}
        if self.inline:
            more = {name: self.numbers((shape[axis],)) for name in ("gamma", "beta", "mean")}
            more |= {"var": self.numbers((shape[axis],), -0.2, 2.0), "eps": self.random.choice([1e-5, 0.5])}
        self.node(
            "batch_norm_eval", [x], shape, channel_axis=axis, channels=shape[axis], **more, **self.extras()
        )


class Classic(Builder):
    """Of the classic dialect."""

    KINDS = (*SHARED, *"again reduction layernorm swap broadcast matmul conv pool batch_norm".split())

    def again(self) -> None:
        """One more input, which gets the same tensor."""
        if self.random.random() < 0.2:
            self.node("input", [], self.nodes[0]["shape"])

    def reduction(self) -> None:
        x, shape = self.any(1)
        axis = self.random.randrange(len(shape))
        kind = self.random.choice(["reduce_sum", "reduce_mean"])
        self.node(kind, [x], [*shape[:axis], *shape[axis + 1 :]], axis=axis, **self.extras())

    def layernorm(self) -> None:
        x, shape = self.any(1, nonzero=True)
        more: Root = {"eps": self.random.choice([1e-5, 0.25])} if self.random.random() < 0.6 else {}
        self.node("layernorm", [x], shape, axis=self.random.randrange(len(shape)), **more)

    def swap(self) -> None:
        if self.random.random() < 0.5:
            x, shape = self.any(2)
            self.node("swap_first_two", [x], [shape[1], shape[0], *shape[2:]])
        else:
            x, shape = self.any(3, 3)
            self.node("transpose3d_last_two", [x], [shape[0], shape[2], shape[1]])

    def broadcast(self) -> None:
        x, shape = self.any(0, 3)
        after: list[int] = []
        for size in shape:
            if self.random.random() < 0.3:
                after.append(
                    self.random.choice([n for n in (1, 2, 3, 4, 5) if n != size and size != 1] or [size])
                )
            after.append(self.random.randint(1, 4) if size == 1 else size)
        after += [self.random.randint(1, 4) for _ in range(self.random.randint(0, 1))]
        self.node("broadcast_to", [x], after, from_shape=list(shape), to_shape=after)

    def matmul(self) -> None:
        batch = [self.random.randint(1, 3)] * self.random.randint(0, 1)
        m, n, p = (self.random.randint(1, 4) for _ in range(3))
        self.node("matmul", [self.of([*batch, m, n]), self.of([*batch, n, p])], [*batch, m, p])

    def conv(self) -> None:
        inputs, outputs = self.random.choice([1, 2, 4]), self.random.choice([1, 2, 4])
        k_h, k_w, stride = (self.random.randint(1, 3) for _ in range(3))
        padding = self.random.randint(0, 2)
        h, w = k_h + self.random.randint(0, 2), k_w + self.random.randint(0, 2)
        marks: Root = {}
        if self.random.random() < 0.4:
            marks["groups"] = self.random.choice([1, 2, [2], "x"])
        if self.random.random() < 0.4:
            marks["dilation"] = self.random.choice([1, 2, [2, 2], [1, 2], None])
        fields = {"inC": inputs, "outC": outputs, "kH": k_h, "kW": k_w, "stride": stride, "padding": padding}
        out = [(x + 2 * padding - k) // stride + 1 for x, k in ((h, k_h), (w, k_w))]
        self.node("conv2d", [self.of([inputs, h, w])], [outputs, *out], **fields, **marks, **self.extras())

    def pool(self) -> None:
        k_h, k_w, stride = (self.random.randint(1, 3) for _ in range(3))
        h, w = k_h + self.random.randint(0, 2), k_w + self.random.randint(0, 2)
        kind = self.random.choice(["max_pool2d", "avg_pool2d"])
        padding, more = 0, {}
        if self.random.random() < 0.5:
            kind, padding = f"{kind}_pad", self.random.choice([0, min(k_h, k_w) // 2, 1])
            more = {"padding": padding}
        elif self.random.random() < 0.2:
            more = {"padding": "no field of this kind"}
        out = [(x + 2 * padding - k) // stride + 1 for x, k in ((h, k_h), (w, k_w))]
        channels = self.random.randint(1, 3)
        self.node(kind, [self.of([channels, h, w])], [channels, *out], kH=k_h, kW=k_w, stride=stride, **more)

    def batch_norm(self) -> None:
        x, shape = self.any(4, 4, nonzero=True)
        more: Root = {"eps": 0.5} if self.random.random() < 0.5 else {}
        self.node("batch_norm2d_nchw_eval", [x], shape, channels=shape[1], **more)


def general_root(
    seed: int, *, inline: bool | None = None, nodes: int = 12, zeros: bool | None = None
) -> Root:
    """The root object of a random artifact of the generalized dialect: the same for the same arguments.

    Args:
        seed: Which.
        inline: Whether nodes hold their parameters; drawn where None.
        nodes: How many, about.
        zeros: Whether some shapes are empty; drawn where None.
    """
    draw = random.Random(seed)
    inline = draw.random() < 0.8 if inline is None else inline
    zeros = draw.random() < 0.15 if zeros is None else zeros
    builder = General(seed, inline=inline, zeros=zeros)
    _grow(builder, builder.KINDS, nodes)
    count = draw.choice([1, 1, 1, 2, 3])
    outputs = [draw.choice(builder.tensors[-6:]) for _ in range(count)]
    return {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": outputs, "nodes": builder.nodes}


def classic_root(seed: int, *, nodes: int = 12, zeros: bool | None = None) -> Root:
    """As `general_root`, of the classic dialect."""
    draw = random.Random(seed)
    builder = Classic(seed, inline=False, zeros=draw.random() < 0.15 if zeros is None else zeros)
    _grow(builder, builder.KINDS, nodes)
    output = draw.choice(builder.tensors[-6:])
    return {"format": "torchlean.ir.v1", "input_id": 0, "output_id": output, "nodes": builder.nodes}


def _grow(builder: Builder, kinds: tuple[str, ...], nodes: int) -> None:
    builder.node("input", [], builder.shape(0, 4))
    while len(builder.nodes) < nodes:
        getattr(builder, builder.random.choice(kinds))()


def graph_of_root(root: Root) -> Graph:
    """The graph of a root object, which has no errors."""
    return parse_graph(json.dumps(root))


def arrays_of(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """Random float32 values for every parameter of a graph, by name; kernels with marks have zeros now and then."""
    draw = np.random.default_rng(seed)
    found = {}
    for parameter in lower(graph).parameters():
        array = draw.integers(-16, 17, parameter.shape) / 8 + draw.standard_normal(parameter.shape) * 1e-3
        if parameter.is_attention_scale:
            array = np.full(parameter.shape, 0.5)
        node = graph.node(parameter.node)
        if parameter.role == "kernel" and draw.random() < 0.7:
            array = _sparse(array, node.extra)
        found[parameter.name] = np.asarray(array, np.float32)
    return found


def _sparse(array: np.ndarray, marks: Any) -> np.ndarray:
    groups, dilation = marks.get("groups", 1), marks.get("dilation", 1)
    array = array.copy()
    if groups in (2, [2]) and array.shape[0] % 2 == array.shape[1] % 2 == 0:
        array[: array.shape[0] // 2, array.shape[1] // 2 :] = 0
        array[array.shape[0] // 2 :, : array.shape[1] // 2] = 0
    if dilation in (2, [2, 2]):
        array[:, :, 1::2] = 0
    if dilation in (2, [2, 2], [1, 2]):
        array[:, :, :, 1::2] = 0
    return array
