"""Random uses of registered operators: arguments by the operator's schema, for some by a rule of their own."""

from __future__ import annotations

import math
from typing import Any

import torch

import torchlean_core.capture.lowerings  # noqa: F401 -- fills the registry
from tests.core.capture.random_models import Program, Step
from tests.core.capture.random_rules import RULES, called, factored
from torchlean_core.capture.registry import LOWERINGS

aten = torch.ops.aten

_POSITIVE = {
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "logit",
    "atanh",
    "pow",
    "float_power",
}
_UNIT = {"logit", "atanh"}
_MAKE_POSITIVE = (
    "({}.abs() + 0.5)",
    "F.softplus({})",
    "({} * {} + 0.1)",
    "torch.exp({}.clamp(max=3))",
    "(torch.sigmoid({}) + 0.01)",
    "{}.abs().clamp(min=1e-3)",
)
_SINGLE = {"dim", "dim0", "dim1", "dim2", "dimension", "start_dim", "end_dim"}
_SQUARE_TAILS = {
    "pixel_shuffle": (1, 4, 2, 3),
    "pixel_unshuffle": (2, 4, 2),
    "channel_shuffle": (2, 4, 3),
    "native_channel_shuffle": (2, 4, 3),
}


def steps() -> list[tuple[str, Step, float]]:
    """A step for each registered operator."""
    found: list[tuple[str, Step, float]] = []
    for operator in LOWERINGS:
        found.append((str(operator), _step(operator), 1.0))
    return found


def _step(operator: torch._ops.OpOverload) -> Step:
    rule = RULES.get(operator._schema.name.removeprefix("aten::"))

    def step(program: Program) -> list[str] | None:
        if rule is not None:
            text = rule(program, operator)
        else:
            text = by_schema(program, operator)
        return None if text is None else _assigned(program, operator, text)

    return step


def _assigned(program: Program, operator: torch._ops.OpOverload, text: str) -> list[str]:
    name = program.new()
    returns = operator._schema.returns
    lists = len(returns) == 1 and str(returns[0].type).startswith("List")
    if lists:
        return [f"{name} = {text}[{program.draw.choice([0, -1])}]"]
    if operator._schema.name.endswith("float_power"):
        return [f"{name} = {text}.float()"]
    if len(returns) > 1:
        return [f"{name} = {text}[0]"]
    if operator in _TO_BOOL:
        return [f"{name} = torch.where({text}, 0.0, {program.value()})"]
    return [f"{name} = {text}"]


_TO_BOOL = {
    aten.isnan.default,
    aten.isinf.default,
    aten.isposinf.default,
    aten.isneginf.default,
    aten.isfinite.default,
    aten.eq.Scalar,
}


def by_schema(program: Program, operator: torch._ops.OpOverload) -> str | None:
    """A call with arguments of the schema's types."""
    draw = program.draw
    name = operator._schema.name.removeprefix("aten::")
    first = program.value()
    shape = program.values[first]
    if name in _SQUARE_TAILS:
        shape = _SQUARE_TAILS[name]
        first = program.shaped(shape)
    elif name in ("t",) and len(shape) != 2:
        shape = program.size(2)
        first = program.shaped(shape)
    if name in _POSITIVE and draw.random() < 0.85:
        first = (
            f"torch.sigmoid({first})" if name in _UNIT else draw.choice(_MAKE_POSITIVE).replace("{}", first)
        )
    if name == "acosh":
        first = f"({first}.abs() + 1.5)"
    rank = len(shape)
    args: list[str] = []
    kwargs: dict[str, str] = {}
    for place, argument in enumerate(operator._schema.arguments):
        if place and argument.has_default_value() and draw.random() < 0.35:
            if argument.kwarg_only:
                continue
            text = repr(argument.default_value)
        else:
            drawn = _argument(program, operator, argument, first, shape, rank, place)
            if drawn is None:
                return None
            text = drawn
        if argument.kwarg_only:
            kwargs[argument.name] = text
        else:
            args.append(text)
    return called(operator, *args, **kwargs)


def _argument(
    program: Program,
    operator: torch._ops.OpOverload,
    argument: Any,
    first: str,
    shape: tuple[int, ...],
    rank: int,
    place: int,
) -> str | None:
    draw, kind, name = program.draw, str(argument.type), argument.name
    own = operator._schema.name.removeprefix("aten::")
    if kind.startswith("Optional["):
        if draw.random() < 0.25:
            return "None"
        kind = kind[9:-1]
    if kind == "Tensor":
        if place == 0 or (name == "self" and own != "where"):
            return first
        if name in ("condition", "mask"):
            return program.fixed(f"torch.rand({shape}) > 0.5")
        if own in ("pow", "float_power"):
            return (
                f"torch.full((), {draw.choice([0.5, 2.0, 3.0, -1.0])})"
                if draw.random() < 0.3
                else program.operand(shape)
            )
        if name == "value":
            return f"torch.tensor({program.number()})"
        return program.operand(shape)
    if kind in ("Scalar", "number", "float", "Union[number, float]"):
        if name == "eps":
            return draw.choice(["1e-5", "1e-8", "0.1"])
        if name == "exponent":
            return str(draw.choice([0, 1, 2, 3, 4, -1, -2, 0.5, 1.5, -0.5, 0.25, 0.3, 2.7, 5, 0.125, 7]))
        if name == "ord":
            return draw.choice(["0", "1", "2", "3", "0.5", "1.5", "float('inf')", "-float('inf')", "-1"])
        if name == "correction":
            return draw.choice(["0", "1", "2", "0.5"])
        if own == "pow":
            return draw.choice(["2", "0.5", "10", "1", "1.7"])
        if name in ("alpha", "beta", "negative_slope", "scale", "input_scale") and own not in (
            "add",
            "sub",
            "rsub",
        ):
            return draw.choice(["1", "0.5", "2", "0.1", "1.3"])
        if name == "p":
            return draw.choice(["0.5", "1.0", "2.0", "0.3"])
        return str(program.number())
    if name == "dtype":
        return draw.choice(["None", "torch.float32"])
    if kind in ("int", "SymInt"):
        if name in _SINGLE:
            return str(draw.randint(-rank, rank - 1)) if rank else draw.choice(["0", "-1"])
        if name in ("diagonal", "offset"):
            return str(draw.randint(-2, 2))
        if name == "index":
            return str(draw.choice([0, 1, -1]))
        if name in (
            "k",
            "step",
            "size",
            "split_size",
            "chunks",
            "groups",
            "upscale_factor",
            "downscale_factor",
        ):
            return str(draw.choice([1, 2, 2, 3]))
        if name == "start":
            return str(draw.randint(-3, 3))
        if name == "end":
            return str(draw.choice([-1, 1, 2, 3, 9223372036854775807]))
        if name == "compute_mode":
            return "None"
        return str(draw.randint(0, 3))
    if kind == "bool":
        return (
            "False"
            if name in ("train", "training", "half_to_float", "non_blocking")
            else str(draw.random() < 0.5)
        )
    if kind == "str":
        return draw.choice(["'none'", "'tanh'"]) if name == "approximate" else None
    if kind in ("List[int]", "List[SymInt]"):
        if name in ("dim", "dims"):
            if own == "permute":
                return str([axis - rank * (draw.random() < 0.3) for axis in draw.sample(range(rank), rank)])
            axes = draw.sample(range(rank), draw.randint(0 if draw.random() < 0.3 else min(1, rank), rank))
            return str([axis - rank * (draw.random() < 0.3) for axis in axes])
        if name in ("size", "shape") and own != "expand":
            return str(list(factored(program, math.prod(shape))))
        if own == "expand":
            lead = [draw.choice([1, 2, 3])] * (draw.random() < 0.4)
            return str(
                [
                    *lead,
                    *(
                        draw.choice([2, 3])
                        if n == 1 and draw.random() < 0.5
                        else n
                        if draw.random() < 0.6
                        else -1
                        for n in shape
                    ),
                ]
            )
        if name == "repeats":
            return str([draw.choice([1, 1, 2, 3]) for _ in range(rank + (draw.random() < 0.3))])
        if name == "shifts":
            return str([draw.randint(-4, 4) for _ in range(max(1, min(rank, draw.randint(1, 2))))])
        return None
    if kind == "List[Tensor]":
        others = [program.operand(shape, wide=False) for _ in range(draw.randint(0, 2))]
        whole = [first, *others]
        draw.shuffle(whole)
        return f"[{', '.join(whole)}]"
    if kind in ("ScalarType", "Layout", "Device", "MemoryFormat"):
        return "torch.float32" if kind == "ScalarType" else repr(argument.default_value)
    return "None" if argument.has_default_value() else None
