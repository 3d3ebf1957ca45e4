"""The table of ONNX operators: one small function of torch for each, whatever its version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node

Function = Callable[..., Any]
"""`function(node, *inputs)`; gives a tensor, or a tuple of them for several outputs, None for one that is not used."""

_Function = TypeVar("_Function", bound=Function)


@dataclass(frozen=True, slots=True)
class Operator:
    """How an operator is computed.

    Attributes:
        function: The function. An input that is left out is None.
        settings: Places of inputs that are plain numbers or lists: they must be known beforehand (`shape`, `axes`).
        learned: Places of inputs of which numbers of the file are parameters, which training changes.
        fixed: Places of inputs that stay as they are, also where the same numbers are a parameter elsewhere.
        scalars: Whether an operand may be a plain number, where the file has one.
        bare: Places of inputs of which it reads nothing but shape and type.
        beforehand: Whether it needs the numbers of all its inputs: what it gives is known before the network runs.
    """

    function: Function
    settings: frozenset[int] = frozenset()
    learned: frozenset[int] = frozenset()
    fixed: frozenset[int] = frozenset()
    scalars: bool = False
    bare: frozenset[int] = frozenset()
    beforehand: bool = False


OPERATORS: dict[str, Operator] = {}
"""Every operator that is read, by its name."""

EVERY = range(64)
"""All places of an operator with any number of inputs, as far as one looks."""


def operator(
    *names: str,
    settings: Iterable[int] = (),
    learned: Iterable[int] = (),
    fixed: Iterable[int] = (),
    scalars: bool = False,
    bare: Iterable[int] = (),
    beforehand: bool = False,
) -> Callable[[_Function], _Function]:
    """Put a function into the table; see `Operator`."""

    def register(function: _Function) -> _Function:
        found = Operator(
            function,
            frozenset(settings),
            frozenset(learned),
            frozenset(fixed),
            scalars,
            frozenset(bare),
            beforehand,
        )
        for name in names:
            assert name not in OPERATORS, f"{name} is there twice"
            OPERATORS[name] = found
        return function

    return register


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        Refused: There is none such.
    """
    if not -rank <= axis < rank:
        raise Refused(f"axis {axis} is none of a tensor with {rank} axes")
    return axis % rank if rank else axis


def axes_of(axes: Iterable[int], rank: int) -> list[int]:
    """Axes counted from the front, each once.

    Raises:
        Refused: There is none such, or one is there twice.
    """
    found = [axis_of(int(axis), rank) for axis in axes]
    if len(set(found)) < len(found):
        raise Refused(f"axes {found} has one twice")
    return found


def only(node: Node, attribute: str, *values: Any) -> None:
    """Check that an attribute has one of the values that are served.

    Raises:
        Refused: It has another.
    """
    found = node.get(attribute)
    if found is not None and found not in values:
        raise Refused(f"{attribute} = {found} is not supported")


def broadcast(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The shape of two that are broadcast to one another.

    Raises:
        Refused: They cannot be.
    """
    rank = max(len(one), len(other))
    first, second = ([1] * (rank - len(shape)) + list(shape) for shape in (one, other))
    found = [b if a == 1 else a for a, b in zip(first, second, strict=True)]
    if any(a not in (1, size) or b not in (1, size) for a, b, size in zip(first, second, found, strict=True)):
        raise Refused(f"{list(one)} and {list(other)} cannot be broadcast to one another")
    return found
