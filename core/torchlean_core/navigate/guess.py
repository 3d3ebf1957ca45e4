"""Likely values of a node's fields, for completions and snippets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchlean_core.kinds import Kind, Problems, Shape

_Guess = Callable[[Sequence[int]], Any]
"""From the first operand's shape to a value; it may fail where the rank does not fit."""

_GUESSES: Mapping[str, _Guess] = {
    "axis": lambda shape: max(len(shape) - 1, 0),
    "perm": lambda shape: list(range(len(shape)))[::-1],
    "in_shape": list,
    "out_shape": lambda shape: [math.prod(shape)],
    "value_shape": list,
    "from_shape": list,
    "to_shape": list,
    "inC": lambda shape: shape[0],
    "outC": lambda shape: shape[0],
    "kH": lambda shape: min(3, shape[1]),
    "kW": lambda shape: min(3, shape[2]),
    "stride": lambda shape: 1,
    "padding": lambda shape: 0,
    "channels": lambda shape: shape[1],
    "seed": lambda shape: 0,
}


def guess_fields(kind: Kind, shapes: Sequence[Shape], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """A value for every required field of a kind over operands of known shapes; known values stay.

    Returns:
        The fields; None where a value cannot be guessed from these shapes (the rank does not fit).
    """
    found: dict[str, Any] = {}
    first = shapes[0] if shapes else ()
    for field in kind.fields:
        if field.name in known:
            found[field.name] = known[field.name]
        elif field.required:
            guess = _GUESSES.get(field.name)
            try:
                found[field.name] = guess(first) if guess is not None else 0
            except IndexError:
                return None
    return found


def guess_shape(kind: Kind, shapes: Sequence[Shape], fields: Mapping[str, Any]) -> list[int] | None:
    """The shape that a kind gives over these operands, or None where they do not fit.

    What a kind declares itself is taken to be the first operand's shape (a network's layers keep their width).
    """
    low, high = kind.arity
    if len(shapes) < low or (high is not None and len(shapes) > high):
        return None
    declared = list(shapes[0]) if kind.declared and shapes else None
    if declared is None and kind.declared:
        return []
    try:
        result = kind.infer(fields, shapes, declared)
    except (TypeError, IndexError, KeyError):
        return None  # a known value is of a wrong type
    return None if result is None or isinstance(result, Problems) else list(result)
