"""The one table of substitutions that a user may allow: what stands for what, and how far it may be off."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDING = 1e-6
"""Largest relative error of an artifact, in float64, that is rounding of its parameters."""


@dataclass(frozen=True, slots=True)
class Approximation:
    """A form that is not exact, for an operator (or type) that has no exact one.

    Attributes:
        operator: What it is for, as the option says it (`gelu`).
        form: Its name (`erf`).
        bound: The largest relative error of an artifact that it may lead to.
        meaning: What stands for what, for a sentence.
        serves: The operators that it is allowed for.
        below_rounding: Whether its error is less than rounding, so that an artifact with it is compared with the model
            as any other: on all inputs, and its gradients.
    """

    operator: str
    form: str
    bound: float
    meaning: str
    serves: tuple[str, ...]
    below_rounding: bool = False

    @property
    def text(self) -> str:
        """As options have it."""
        return f"{self.operator}={self.form}"


_COMPOSED = "a composition that is right to 1e-12"

TABLE = (
    Approximation(
        "gelu",
        "erf",
        ROUNDING,
        f"{_COMPOSED} stands in for the exact gelu and its erf",
        ("gelu", "erf"),
        True,
    ),
    Approximation("gelu", "tanh", 1e-2, "the tanh form stands in for the exact gelu", ("gelu",)),
    Approximation("erf", "composed", ROUNDING, f"{_COMPOSED} stands in for erf", ("erf",), True),
    Approximation("erfc", "composed", ROUNDING, f"{_COMPOSED} stands in for erfc", ("erfc",), True),
    Approximation(
        "ndtr",
        "composed",
        ROUNDING,
        f"{_COMPOSED} stands in for the normal distribution function",
        ("ndtr",),
        True,
    ),
    Approximation(
        "float64", "float32", 1e-3, "the float32 form stands in for the exact float64", ("float64",)
    ),
)


def known_approximations() -> list[str]:
    """The substitutions, as they are written."""
    return [one.text for one in TABLE]


def approximation(operator: str, form: str) -> Approximation:
    """The entry of a substitution.

    Raises:
        KeyError: There is none.
    """
    for one in TABLE:
        if (one.operator, one.form) == (operator, form):
            return one
    raise KeyError(f"{operator}={form}")


def is_below_rounding(text: str) -> bool:
    """Whether a substitution, as options have it, is no worse than rounding."""
    return any(one.text == text and one.below_rounding for one in TABLE)


def for_operator(operator: str) -> list[Approximation]:
    """The substitutions that serve an operator, those that are named after it first."""
    serving = [one for one in TABLE if operator in one.serves]
    return sorted(serving, key=lambda one: one.operator != operator)
