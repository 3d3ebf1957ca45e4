"""Parameters that stand in nodes: whether they are whole, and of the shapes that they should have (TL501, TL502)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import describe
from torchlean_core.kinds import Fact, FieldType, Kind, ParamSpec, TupleKind
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.text import BAD
from torchlean_core.text.numbers import Numbers, numbers_of

_MISSING: Any = object()


def check_payload(
    index: int,
    node_id: int | None,
    kind: Kind | TupleKind,
    raw: Mapping[str, Any],
    fields: Mapping[str, Any],
    parents: Sequence[Sequence[int]],
    shape: Sequence[int],
    findings: list[Finding],
) -> None:
    """Append the findings about the inline payload of a node that is otherwise right: at most one of each code.

    A node gets TL504 only where nothing else is wrong with its payload.

    Args:
        index: Place of the node.
        node_id: Its raw id.
        kind: Its entry.
        raw: Its JSON object.
        fields: The kind's own fields.
        parents: Shapes of its parents.
        shape: Its own; of an attention, that of the output.
        findings: Where to append.
    """
    names = [spec.role for spec in kind.params] + [fact.name for fact in kind.facts]
    if not any(name in raw for name in names):
        return
    wrong, missing, has_tensor, infinite = None, [], False, None
    for spec in kind.params:
        value = raw.get(spec.role, _MISSING)
        if value is _MISSING:
            missing.append(spec.role)
            continue
        expected = spec.inline_shape(spec.shape(fields, parents, shape))
        has_tensor = has_tensor or is_tensor(spec)
        wrong = wrong or _wrong_tensor(spec, value, expected)
        numbers = numbers_of(value) if wrong is None and infinite is None else None
        if numbers is not None and not numbers.is_finite_in_float32():
            infinite = spec.role
    for fact in kind.facts:
        value = raw.get(fact.name, _MISSING)
        if value is _MISSING:
            missing.append(fact.name)
            continue
        wrong = wrong or _wrong_fact(fact, value, fields, parents, shape)
        number = numbers_of(value) if fact.type is None and wrong is None else None
        if number is not None and not number.is_finite_in_float32():
            infinite = infinite or fact.name
    if wrong is not None:
        name, message = wrong
        findings.append(Finding("TL502", Severity.ERROR, message, index, node_id, (name,)))
    elif infinite is not None:
        message = f"{infinite} holds a number that is too large for float32: it counts as infinite"
        findings.append(Finding("TL504", Severity.WARNING, message, index, node_id, (infinite,)))
    if missing and has_tensor:
        listed = ", ".join(f"`{name}`" for name in missing)
        message = f"the parameters in `{kind.name}` are not whole: {listed} missing"
        findings.append(
            Finding("TL501", Severity.ERROR, message, index, node_id, (), data={"missing": missing})
        )


def is_tensor(spec: ParamSpec) -> bool:
    """Whether a payload tensor is one in the file, too, and not a number that stands for it."""
    return spec.inline is None or spec.inline((1, 1, 1)) != ()


def _wrong_tensor(spec: ParamSpec, value: Any, expected: Sequence[int]) -> tuple[str, str] | None:
    if value is BAD:
        return None
    found = numbers_of(value)
    if found is None:
        what = "a number" if not is_tensor(spec) else f"numbers of shape {show_shape(expected)}"
        return spec.role, f"{spec.role} must be {what}, found {_described(value)}"
    if found.has_shape(expected):
        return None
    shape = found.shape()
    words = "arrays of different lengths" if shape is None else f"shape {show_shape(shape)}"
    if shape == ():
        words = "a number"
    return spec.role, f"{spec.role} must have shape {show_shape(expected)}, found {words}"


def _described(value: Any) -> str:
    return "an array with something else in it" if type(value) is list and value else describe(value)


def _wrong_fact(
    fact: Fact,
    value: Any,
    fields: Mapping[str, Any],
    parents: Sequence[Sequence[int]],
    shape: Sequence[int],
) -> tuple[str, str] | None:
    if value is BAD:
        return None
    if fact.type is None:
        found = None if type(value) is list or isinstance(value, Numbers) else numbers_of(value)
        return (
            (fact.name, f"{fact.name} must be a number, found {describe(value)}") if found is None else None
        )
    if fact.type is FieldType.NATURAL:
        good = _natural(value)
    else:
        good = type(value) is list and all(map(_natural, value))
    if not good:
        return fact.name, f"{fact.name} must be {fact.type.value}, found {describe(value)}"
    expected = fact.value(fields, parents, shape) if fact.value is not None else value
    if value != expected:
        wanted = show_shape(expected) if isinstance(expected, list) else expected
        shown = show_shape(value) if isinstance(value, list) else value
        return fact.name, f"{fact.name} must be {wanted}, found {shown}"
    return None


def _natural(value: Any) -> bool:
    """Whether a value is a natural number; one that was read quickly may be a float."""
    return (type(value) is int or (type(value) is float and value.is_integer())) and value >= 0
