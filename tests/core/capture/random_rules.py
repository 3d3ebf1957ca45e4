"""Arguments of operators whose shapes have to go together: products, convolutions, norms, windows, places."""

# ruff: noqa: E501 -- a row is one family of operators

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from tests.core.capture.random_models import Program
from torchlean_core.capture.registry import LOWERINGS


def called(operator: torch._ops.OpOverload, *args: object, **kwargs: object) -> str:
    """The text of a call."""
    named = [f"{name}={value}" for name, value in kwargs.items()]
    return f"torch.ops.{str(operator._schema.name).replace('::', '.')}.{operator._overloadname}({', '.join([*map(str, args), *named])})"


def factored(program: Program, count: int) -> tuple[int, ...]:
    """A shape of a number of elements."""
    found: list[int] = []
    while count > 1 and len(found) < 4:
        factor = program.draw.choice([n for n in range(1, count + 1) if count % n == 0])
        found.append(factor)
        count //= factor
    return (*found, count) if count != 1 or not found else tuple(found)


def _linear(p: Program, op: torch._ops.OpOverload) -> str:
    rank = p.draw.choice([1, 2, 2, 3, 4])
    i, o = p.draw.choice([1, 2, 3, 4]), p.draw.choice([1, 2, 3])
    bias = p.operand((o,), wide=False) if p.draw.random() < 0.6 else "None"
    return called(op, p.shaped((*p.size(rank - 1), i)), p.operand((o, i), wide=False), bias)


def _product(p: Program, op: torch._ops.OpOverload) -> str:
    name = op._schema.name.removeprefix("aten::")
    n, k, m, c = (p.draw.choice([1, 2, 3, 4]) for _ in range(4))
    shapes: dict[str, list[tuple[int, ...]]] = {
        "mm": [(n, k), (k, m)],
        "bmm": [(c, n, k), (c, k, m)],
        "dot": [(k,), (k,)],
        "vdot": [(k,), (k,)],
        "mv": [(n, k), (k,)],
        "addmm": [p.draw.choice([(n, m), (m,), (1, m), (n, 1), (1, 1)]), (n, k), (k, m)],
        "baddbmm": [p.draw.choice([(c, n, m), (1, n, m), (n, m), (m,), (c, 1, 1)]), (c, n, k), (c, k, m)],
        "matmul": p.draw.choice(
            [[(n, k), (k, m)], [(k,), (k, m)], [(n, k), (k,)], [(k,), (k,)], [(c, n, k), (k, m)], [(n, k), (c, k, m)],
             [(c, 1, n, k), (2, k, m)], [(c, n, k), (k,)], [(k,), (c, k, m)], [(2, c, n, k), (2, c, k, m)], [(1, c, n, k), (2, 1, k, m)]]
        ),
    }  # fmt: skip
    given = shapes[name]
    first = p.draw.randrange(len(given))
    texts = [p.shaped(s) if n == first else p.operand(s, wide=False) for n, s in enumerate(given)]
    extra = (
        {"beta": p.number(), "alpha": p.number()}
        if name in ("addmm", "baddbmm") and p.draw.random() < 0.5
        else {}
    )
    return called(op, *texts, **extra)


def _trilinear(p: Program, op: torch._ops.OpOverload) -> str:
    a, c, o = (p.draw.choice([2, 3]) for _ in range(3))
    return f"torch.bilinear({p.shaped((2, a))}, {p.operand((2, c), wide=False)}, {p.known((o, a, c))}, {p.known((o,))})"


def _distance(p: Program, op: torch._ops.OpOverload) -> str:
    order = p.draw.choice([0.0, 1.0, 2.0, 3.0, 1.5, math.inf])
    text = str(order) if order != math.inf else "float('inf')"
    n, m, k = (p.draw.choice([1, 2, 3, 4]) for _ in range(3))
    if op._schema.name.endswith("_pdist_forward"):
        return f"F.pdist({p.shaped((n + 1, k))}, {text})"
    lead = p.size(p.draw.choice([0, 0, 1]), 2)
    return f"torch.cdist({p.shaped((*lead, n, k))}, {p.operand((*lead, m, k), wide=False)}, {text})"


def _attention(p: Program, op: torch._ops.OpOverload) -> str:
    lead = p.size(p.draw.choice([0, 1, 2]), 2)
    q, k, e, v = (p.draw.choice([1, 2, 3]) for _ in range(4))
    extra: dict[str, object] = {}
    kind = p.draw.random()
    if kind < 0.25:
        extra["attn_mask"] = p.fixed(f"torch.rand({(q, k)}) > 0.3")
    elif kind < 0.5:
        extra["attn_mask"] = p.operand((q, k), wide=False)
    elif kind < 0.7:
        extra["is_causal"] = True
    if p.draw.random() < 0.3:
        extra["scale"] = p.draw.choice([1.0, 0.5, 2.0])
    query, key, value = (*lead, q, e), (*lead, k, e), (*lead, k, v)
    return called(op, p.shaped(query), p.operand(key, wide=False), p.operand(value, wide=False), **extra)


def _pad(p: Program, op: torch._ops.OpOverload) -> str | None:
    name = op._schema.name.removeprefix("aten::")
    draw = p.draw
    if name in ("pad", "constant_pad_nd"):
        first = p.value()
        rank = len(p.values[first])
        if not rank:
            return None
        pads = [draw.randint(-1, 2) for _ in range(2 * draw.randint(1, rank))]
        if name == "constant_pad_nd":
            return called(op, first, pads, p.number())
        mode = draw.choice(["constant", "constant", "circular", "reflect", "replicate"])
        if mode == "constant":
            return called(op, first, pads, "'constant'", p.number())
        axes = draw.choice([1, 2])
        pads = [draw.randint(0, 2) for _ in range(2 * axes)]
        return called(op, p.shaped(p.size(axes + 1 + (draw.random() < 0.5), 5)), pads, f"'{mode}'")
    axes = int(name[-2])
    shape = (*p.size(1 + (draw.random() < 0.5), 2), *(draw.choice([2, 3, 4]) for _ in range(axes)))
    return called(op, p.shaped(shape), [draw.randint(0, 2) for _ in range(2 * axes)])


def _image(p: Program, axes: int, channels: int) -> tuple[int, ...]:
    lead = () if p.draw.random() < 0.25 else (p.draw.choice([1, 2]),)
    return (*lead, channels, *(p.draw.choice([2, 3, 4, 5] if axes < 3 else [2, 3]) for _ in range(axes)))


def _convolution(p: Program, op: torch._ops.OpOverload) -> str:
    draw = p.draw
    name = op._schema.name.removeprefix("aten::")
    general = name == "convolution"
    axes = draw.choice([1, 2]) if general else int(name[-2])
    transposed = draw.random() < 0.5 if general else "transpose" in name
    groups = draw.choice([1, 1, 2])
    i, o = groups * draw.choice([1, 2]), groups * draw.choice([1, 2])
    kernel = [draw.choice([1, 2, 3] if axes < 3 else [1, 2]) for _ in range(axes)]
    shape = _image(p, axes, i)
    if general and len(shape) == axes + 1:
        shape = (1, *shape)
    weight = (i, o // groups, *kernel) if transposed else (o, i // groups, *kernel)
    weights = p.operand(weight, wide=False) if draw.random() < 0.3 else p.known(weight)
    bias = "None" if draw.random() < 0.4 else p.operand((o,), wide=False)
    stride, padding, dilation = (
        [draw.choice(c) for _ in range(axes)] for c in ((1, 1, 2), (0, 1, 2), (1, 1, 2))
    )
    more = [draw.choice([0, 0, 1]) for _ in range(axes)]
    if general:
        return called(
            op,
            p.shaped(shape),
            weights,
            bias,
            stride,
            padding,
            dilation,
            transposed,
            more if transposed else [0] * axes,
            groups,
        )
    if op._overloadname == "padding":
        return called(
            op,
            p.shaped(shape),
            weights,
            bias,
            [1] * axes,
            draw.choice(["'same'", "'valid'"]),
            dilation,
            groups,
        )
    if transposed:
        return called(op, p.shaped(shape), weights, bias, stride, padding, more, groups, dilation)
    return called(op, p.shaped(shape), weights, bias, stride, padding, dilation, groups)


def _norm(p: Program, op: torch._ops.OpOverload) -> str:
    draw = p.draw
    name = op._schema.name.removeprefix("aten::")
    eps = draw.choice([1e-5, 1e-3, 0.1])
    if "layer_norm" in name:
        tail = p.size(draw.choice([1, 1, 2]))
        shape = (*p.size(draw.choice([0, 1, 2])), *tail)
        weight, bias = (p.known(tail) if draw.random() < 0.6 else "None" for _ in range(2))
        return called(op, p.shaped(shape), list(tail), weight, bias, eps)
    n, c = draw.choice([1, 2]), draw.choice([2, 4])
    rest = p.size(draw.choice([1, 2]))
    shape = (n, c, *rest)
    weight, bias = (p.known((c,)) if draw.random() < 0.6 else "None" for _ in range(2))
    if "group_norm" in name:
        groups = draw.choice([1, 2])
        if name == "group_norm":
            return called(op, p.shaped(shape), groups, weight, bias, eps)
        return called(op, p.shaped(shape), weight, bias, n, c, math.prod(rest), groups, eps)
    mean, var = p.fixed(f"torch.randn({c})"), p.fixed(f"torch.rand({c}) + 0.5")
    if name == "instance_norm":
        return called(op, p.shaped(shape), weight, bias, "None", "None", True, 0.1, eps, True)
    if name == "batch_norm":
        if draw.random() < 0.3:
            return called(op, p.shaped(shape), weight, bias, "None", "None", True, 0.1, eps, True)
        return called(op, p.shaped(shape), weight, bias, mean, var, False, 0.1, eps, True)
    if name == "native_batch_norm":
        return called(op, p.shaped(shape), weight, bias, mean, var, False, 0.1, eps)
    if op._overloadname == "no_stats":
        return called(op, p.shaped(shape), weight, bias, True, 0.1, eps)
    return called(op, p.shaped(shape), weight, bias, mean, var, 0.1, eps)


def _weight_norm(p: Program, op: torch._ops.OpOverload) -> str:
    shape = p.size(2)
    dim = p.draw.choice([0, 1])
    wide = tuple(n if axis == dim else 1 for axis, n in enumerate(shape))
    return called(op, p.operand(shape, wide=False), p.operand(wide, wide=False), dim)


def _pool(p: Program, op: torch._ops.OpOverload) -> str:
    draw = p.draw
    name = op._schema.name.removeprefix("aten::")
    axes = next(int(c) for c in name.replace("_with_indices", "")[::-1] if c.isdigit())
    shape = _image(p, axes, draw.choice([1, 2]))
    if "adaptive" in name:
        return called(op, p.shaped(shape), [draw.choice([1, 2, 3]) for _ in range(axes)])
    kernel = [draw.choice([1, 2, 3]) for _ in range(axes)]
    stride = [] if draw.random() < 0.4 else [draw.choice([1, 2]) for _ in range(axes)]
    padding = [draw.randint(0, size // 2) if draw.random() < 0.5 else 0 for size in kernel]
    if "max" in name:
        return called(
            op,
            p.shaped(shape),
            kernel,
            stride,
            padding,
            [draw.choice([1, 1, 2]) for _ in range(axes)],
            draw.random() < 0.3,
        )
    rest = [] if axes == 1 else [draw.choice(["None", "None", 2, 5])]
    return called(
        op, p.shaped(shape), kernel, stride, padding, draw.random() < 0.3, draw.random() < 0.5, *rest
    )


def _upsample(p: Program, op: torch._ops.OpOverload) -> str:
    draw = p.draw
    name = op._schema.name.removeprefix("aten::")
    axes = next(int(c) for c in name if c.isdigit())
    shape = (draw.choice([1, 2]), draw.choice([1, 2]), *(draw.choice([1, 2, 3, 4]) for _ in range(axes)))
    align = [] if "nearest" in name else [draw.random() < 0.5]
    if op._overloadname == "vec":
        if draw.random() < 0.5:
            return called(
                op, p.shaped(shape), [draw.choice([1, 2, 3, 5]) for _ in range(axes)], *align, "None"
            )
        return called(
            op, p.shaped(shape), "None", *align, [draw.choice([0.5, 1.5, 2.0, 1.3]) for _ in range(axes)]
        )
    return called(op, p.shaped(shape), [draw.choice([1, 2, 3, 5]) for _ in range(axes)], *align)


def _windows(p: Program, op: torch._ops.OpOverload) -> str:
    draw = p.draw
    kernel, dilation, padding, stride = (
        [draw.choice(c) for _ in range(2)] for c in ((1, 2, 3), (1, 1, 2), (0, 1), (1, 2))
    )
    size = [draw.choice([3, 4, 5]) for _ in range(2)]
    if op._schema.name.endswith("im2col"):
        return called(op, p.shaped((1, 2, *size)), kernel, dilation, padding, stride)
    blocks = math.prod(
        (size[n] + 2 * padding[n] - dilation[n] * (kernel[n] - 1) - 1) // stride[n] + 1 for n in range(2)
    )
    if blocks < 1:
        kernel, blocks = [1, 1], math.prod((size[n] + 2 * padding[n] - 1) // stride[n] + 1 for n in range(2))
    return called(op, p.shaped((1, math.prod(kernel), blocks)), size, kernel, dilation, padding, stride)


def _places(p: Program, op: torch._ops.OpOverload) -> str | None:
    draw = p.draw
    name = op._schema.name.removeprefix("aten::")
    first = p.value() if draw.random() < 0.7 else p.known(p.size(draw.choice([1, 2])))
    shape = p.shape_of(first)
    if shape is None or not math.prod(shape) or not shape:
        return None
    dim = draw.randrange(len(shape))
    size = shape[dim]
    count = draw.choice([1, 2, 3, 4])
    if name == "embedding":
        table = p.operand((4, draw.choice([1, 2, 3])), wide=False)
        return called(op, table, p.fixed(f"torch.randint(0, 4, {p.size(draw.choice([0, 1, 2]))})"))
    if name == "index_select":
        return called(op, first, dim, p.fixed(f"torch.randint(0, {size}, ({count},))"))
    if name in ("index_reduce",):
        entries = (*shape[:dim], count, *shape[dim + 1 :])
        how = draw.choice(["prod", "mean", "amax", "amin"])
        return called(
            op,
            first,
            dim,
            p.fixed(f"torch.randint(0, {size}, ({count},))"),
            p.operand(entries, wide=False),
            f"'{how}'",
            include_self=draw.random() < 0.5,
        )
    index = tuple(draw.randint(1, n) for n in shape)
    index = (*index[:dim], count, *index[dim + 1 :]) if name == "gather" or "scatter" in name else index
    if name == "gather":
        return called(op, first, dim, p.fixed(f"torch.randint(0, {size}, {index})"))
    if name == "scatter":
        # Without repeats: which one is written is not told.
        index = (*index[:dim], min(count, size), *index[dim + 1 :])
        where = p.fixed(
            f"torch.rand({(*index[:dim], size, *index[dim + 1 :])}).argsort({dim}).narrow({dim}, 0, {index[dim]})"
        )
        return called(
            op, first, dim, where, p.number() if op._overloadname == "value" else p.operand(index, wide=False)
        )
    where = f"torch.randint(0, {size}, {index})"
    if name == "scatter_add":
        return called(op, first, dim, p.fixed(where), p.operand(index, wide=False))
    if name == "scatter_reduce":
        how = draw.choice(["sum", "prod", "mean", "amax", "amin"])
        return called(
            op,
            first,
            dim,
            p.fixed(where),
            p.operand(index, wide=False),
            f"'{how}'",
            include_self=draw.random() < 0.5,
        )
    if name == "masked_scatter":
        return called(op, first, p.fixed(f"torch.rand({shape}) > 0.5"), p.operand(shape, wide=False))
    if name == "put":
        total = math.prod(shape)
        count = min(count, total)
        return called(
            op,
            first,
            p.fixed(f"torch.randperm({total})[:{count}]"),
            p.operand((count,), wide=False),
            draw.random() < 0.5,
        )
    if name == "diagonal_scatter":
        if len(shape) < 2:
            return None
        offset = draw.randint(-1, 1)
        a, c = draw.sample(range(len(shape)), 2)
        want = tuple(torch.empty(shape).diagonal(offset, a, c).shape)
        return called(op, first, p.operand(want, wide=False), offset, a, c)
    if name in ("index", "_unsafe_index", "index_put", "_unsafe_index_put"):
        lead = draw.randint(0, len(shape) - 1)
        many = draw.randint(1, min(2, len(shape) - lead))
        texts = ["None"] * lead
        if name.startswith("index") and draw.random() < 0.25:
            texts.append(p.fixed(f"torch.rand({shape[lead]}) > 0.4"))
        else:
            texts += [
                p.fixed(f"torch.randperm({n})[:1]" if shape[lead] < 2 else f"torch.randperm({n})[:2] % {n}")
                for n in shape[lead : lead + many]
            ]
        if "put" not in name:
            return called(op, first, f"[{', '.join(texts)}]")
        taken = p.shape_of(f"torch.ops.aten.index.Tensor({first}, [{', '.join(texts)}])")
        if taken is None:
            return None
        return called(op, first, f"[{', '.join(texts)}]", p.operand(taken), draw.random() < 0.5)
    return None


def _scattered(p: Program, op: torch._ops.OpOverload) -> str | None:
    draw = p.draw
    first = p.value()
    shape = p.values[first]
    if not shape:
        return None
    dim = draw.randrange(len(shape))
    if op._schema.name.endswith("select_scatter"):
        index = draw.randrange(shape[dim]) if shape[dim] else 0
        return called(op, first, p.operand((*shape[:dim], *shape[dim + 1 :]), wide=False), dim, index)
    start, step = draw.randint(0, 2), draw.choice([1, 1, 2])
    end = draw.choice([shape[dim], -1, 2])
    count = len(range(shape[dim])[start:end:step])
    return called(
        op, first, p.operand((*shape[:dim], count, *shape[dim + 1 :]), wide=False), dim, start, end, step
    )


def _copy(p: Program, op: torch._ops.OpOverload) -> str:
    first = p.value()
    return called(op, first, p.operand(p.values[first]))


def _split_sizes(p: Program, op: torch._ops.OpOverload) -> str | None:
    first = p.value()
    shape = p.values[first]
    if not shape or not max(shape):
        return None
    dim = p.draw.randrange(len(shape))
    head = p.draw.randint(1, max(1, shape[dim] - 1))
    rest = [shape[dim] - head] * (shape[dim] > head)
    return called(op, first, [head, *rest], dim)


def _unflatten(p: Program, op: torch._ops.OpOverload) -> str | None:
    first = p.value()
    shape = p.values[first]
    if not shape or not min(shape):
        return None
    dim = p.draw.randrange(len(shape))
    return called(op, first, dim, list(factored(p, shape[dim])))


def _where(p: Program, op: torch._ops.OpOverload) -> str:
    first = p.value()
    shape = p.values[first]
    mask = p.fixed(f"torch.rand({shape}) > 0.5")
    if op._overloadname == "ScalarSelf":
        return called(op, mask, p.number(), first)
    if op._overloadname == "ScalarOther":
        return called(op, mask, first, p.number())
    return called(op, mask, first, p.operand(shape))


def _prelu(p: Program, op: torch._ops.OpOverload) -> str:
    shape = p.size(p.draw.choice([1, 2, 3]))
    if op._schema.name.endswith("_kernel"):
        return called(op, p.shaped(shape), p.operand(shape))
    count = p.draw.choice([1, shape[1] if len(shape) > 1 else 1])
    return called(op, p.shaped(shape), p.known((count,)))


def _probability(p: Program, op: torch._ops.OpOverload) -> str:
    first = p.value()
    return called(op, first, max(-1, -len(p.values[first])) if p.values[first] else 0, False)


def _glu(p: Program, op: torch._ops.OpOverload) -> str:
    shape = (*p.size(p.draw.choice([0, 1, 2])), 2 * p.draw.choice([1, 2, 3]))
    return called(op, p.shaped(shape), -1)


def _quotient(p: Program, op: torch._ops.OpOverload) -> str:
    first = p.value()
    other = f"({p.operand(p.values[first])}.abs() + {p.draw.choice([0.3, 1.0, 0.01])})"
    if op._overloadname == "Scalar":
        return called(op, first, p.draw.choice([2.0, 3.0, 0.1, -7.0, 1e-3, 1]))
    if op._schema.name.endswith("addcdiv"):
        return called(op, first, p.operand(p.values[first]), other, value=p.number())
    return called(op, first, other)


Rule = Callable[[Program, Any], "str | None"]

RULES: dict[str, Rule] = {
    "linear": _linear,
    **dict.fromkeys(("mm", "bmm", "dot", "vdot", "mv", "addmm", "baddbmm", "matmul"), _product),
    "_trilinear": _trilinear,
    **dict.fromkeys(("_cdist_forward", "_pdist_forward"), _distance),
    "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("pad", "constant_pad_nd", *(f"{k}_pad{n}d" for k in ("reflection", "replication") for n in (1, 2, 3))), _pad),
    **dict.fromkeys(("convolution", *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3))), _convolution),
    **dict.fromkeys(("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "instance_norm", "batch_norm",
                     "_native_batch_norm_legit_no_training", "native_batch_norm", "_native_batch_norm_legit"), _norm),
    **dict.fromkeys(("_weight_norm", "_weight_norm_interface"), _weight_norm),
    **dict.fromkeys((f"{kind}_pool{n}d{more}" for kind in ("max", "avg", "adaptive_avg", "_adaptive_avg", "adaptive_max") for n in (1, 2, 3) for more in ("", "_with_indices")), _pool),
    **dict.fromkeys((o._schema.name.removeprefix("aten::") for o in LOWERINGS if "upsample" in o._schema.name), _upsample),
    **dict.fromkeys(("im2col", "col2im"), _windows),
    **dict.fromkeys(("embedding", "index_select", "index_reduce", "gather", "scatter", "scatter_add", "scatter_reduce", "masked_scatter", "put",
                     "diagonal_scatter", "index", "_unsafe_index", "index_put", "_unsafe_index_put"), _places),
    **dict.fromkeys(("slice_scatter", "select_scatter"), _scattered),
    "copy": _copy,
    "split_with_sizes": _split_sizes,
    "unflatten": _unflatten,
    "where": _where,
    **dict.fromkeys(("prelu", "_prelu_kernel"), _prelu),
    **dict.fromkeys(("_softmax", "_log_softmax"), _probability),
    "glu": _glu,
    **dict.fromkeys(("div", "true_divide", "addcdiv"), _quotient),
}  # fmt: skip
