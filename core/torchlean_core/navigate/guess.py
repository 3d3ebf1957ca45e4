"""Likely values of a node's fields, for completions and snippets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds import Kind, Problems, Shape


def guess_fields(kind: Kind, shapes: Sequence[Shape], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """A value for every required field of a kind over operands of known shapes; known values stay.

    Returns:
        The fields; None where a value cannot be guessed from these shapes (the rank does not fit).
    """
    found: dict[str, Any] = dict(known)
    for field in kind.fields:
        if field.name in known or not field.required:
            continue
        guesses = [json.loads(field.example)]
        try:
            if field.guess is not None:
                guesses = list(field.guess(found, shapes, None))
        except (TypeError, IndexError, AttributeError, ValueError):
            return None  # a known value is of a wrong type
        if not guesses:
            return None
        found[field.name] = guesses[0]
    return {field.name: found[field.name] for field in kind.fields if field.name in found}


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
    except (TypeError, IndexError, KeyError, AttributeError, ValueError):
        return None  # a known value is of a wrong type
    return None if result is None or isinstance(result, Problems) else list(result)
