"""Arithmetic terms, as far as bounds need them: a number, a multiple of one variable and a number, or more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Term(NamedTuple):
    """A term.

    Attributes:
        degree: 0 for a number, 1 where it is linear, 2 where it is not.
        key: The only variable; None where there is none, or several.
        factor: What it is multiplied with.
        constant: What is added.
    """

    degree: int
    key: int | None = None
    factor: float = 0.0
    constant: float = 0.0


UNKNOWN = Term(1)
"""A linear term of which nothing more is known."""

_NONLINEAR = Term(2)


def number(value: float) -> Term:
    """A number as a term."""
    return Term(0, None, 0.0, value)


def variable(key: int) -> Term:
    """A variable as a term."""
    return Term(1, key, 1.0, 0.0)


def total(terms: Sequence[Term]) -> Term:
    """The sum of terms."""
    found = terms[0]
    for one in terms[1:]:
        degree = max(found.degree, one.degree)
        if degree == 2:
            return _NONLINEAR
        keys = {term.key for term in (found, one) if term.degree}
        if len(keys) > 1 or (keys and None in keys):
            found = UNKNOWN
        else:
            key = keys.pop() if keys else None
            found = Term(degree, key, found.factor + one.factor, found.constant + one.constant)
    return found


def negated(term: Term) -> Term:
    """A term times -1."""
    return Term(term.degree, term.key, -term.factor, -term.constant)


def product(terms: Sequence[Term]) -> Term:
    """The product of terms."""
    found = terms[0]
    for one in terms[1:]:
        if found.degree and one.degree:
            return _NONLINEAR
        if one.degree:
            found, one = one, found
        found = scaled(found, one.constant)
    return found


def scaled(term: Term, by: float) -> Term:
    """A term times a number."""
    return Term(term.degree, term.key, term.factor * by, term.constant * by)


def quotient(terms: Sequence[Term]) -> Term:
    """The first term divided by the others."""
    found = terms[0]
    for one in terms[1:]:
        if one.degree or found.degree == 2:
            return _NONLINEAR
        found = UNKNOWN if one.constant == 0 else scaled(found, 1 / one.constant)
    return found


def computed(operator: str, terms: Sequence[Term]) -> Term:
    """What one of `+`, `-`, `*`, `/` makes of one or more terms."""
    if operator == "-":
        return total([terms[0], *map(negated, terms[1:])]) if len(terms) > 1 else negated(terms[0])
    if operator == "+":
        return total(terms)
    return product(terms) if operator == "*" else quotient(terms)
