"""The registry of lowerings: one small function for each operator, found by the operator object itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.capture.values import Value

Result = Any
"""A `Value`, a tuple of them for an operator with several results, or None for one without."""

LoweringFunction = Callable[..., Result]

_Function = TypeVar("_Function", bound=LoweringFunction)


@dataclass(frozen=True, slots=True)
class Lowering:
    """How an operator is lowered.

    Attributes:
        function: `function(builder, **arguments)`, arguments named as in the operator's schema (`self` is `x`).
        accepts: Names of the arguments it takes.
        ignores: Names of arguments that change nothing of the result, such as `memory_format`.
        masked: Whether it takes a `Masked` operand.
        moves: Whether it only moves, copies or leaves out elements, so that of a `Masked` operand it can be
            applied to both parts.
        nodes: Names of the arguments that it takes as values alone: a tensor that is known becomes a `const` there.
    """

    function: LoweringFunction
    accepts: frozenset[str]
    ignores: frozenset[str]
    masked: bool = False
    moves: bool = False
    nodes: frozenset[str] = frozenset()


LOWERINGS: dict[torch._ops.OpOverload, Lowering] = {}
"""Every supported operator: the index of what capture can do."""


def lowers(
    *operators: torch._ops.OpOverload, ignores: Iterable[str] = (), masked: bool = False, moves: bool = False
) -> Callable[[_Function], _Function]:
    """Register a function as the lowering of operators.

    Schema arguments that the function does not take must have their default value in a model, or the use is
    refused: nothing is dropped in silence. The exceptions are named in `ignores`. For `masked` and `moves` see
    `Lowering`.
    """

    def register(function: _Function) -> _Function:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        accepts = frozenset(one.name for one in parameters)
        nodes = frozenset(one.name for one in parameters if one.annotation is Value)
        lowering = Lowering(function, accepts, frozenset(ignores), masked, moves, nodes)
        for operator in operators:
            assert operator not in LOWERINGS, f"{operator} has two lowerings"
            required = {
                _name(argument.name)
                for argument in operator._schema.arguments
                if not argument.has_default_value()
            }
            assert required <= accepts | lowering.ignores, f"{operator}: {required - accepts} not taken"
            LOWERINGS[operator] = lowering
        return function

    return register


def arguments(
    operator: torch._ops.OpOverload, lowering: Lowering, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of one use of an operator, by name, as its lowering takes them.

    Raises:
        Refused: An argument that the lowering does not take has a value that changes the result.
    """
    bound: dict[str, Any] = {}
    for position, argument in enumerate(operator._schema.arguments):
        name = _name(argument.name)
        if position < len(args):
            value = args[position]
        elif argument.name in kwargs:
            value = kwargs[argument.name]
        else:
            continue
        if name in lowering.accepts:
            bound[name] = value
        elif name not in lowering.ignores and not _is_default(value, argument):
            raise Refused(f"the argument {argument.name}={value} is not supported")
    return bound


def _name(name: str) -> str:
    return "x" if name == "self" else name


def _is_default(value: Any, argument: Any) -> bool:
    if not argument.has_default_value():
        return False
    default = argument.default_value
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) == list(default)
    return type(value) is type(default) and bool(value == default)
