"""What a property says of its variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from torchlean_core.check.findings import Finding, Severity

Span = tuple[int, int]

MOST_TOLD = 20
"""Findings of one rule in one file; how many more there are is told with the last."""

MOST_UNREAD = 1_000
"""Findings that something cannot be read, after which no more is read."""


class NoPropertyError(Exception):
    """A text is no property at all."""


class Told:
    """Findings as they are made: of each rule the first few, and how many there were."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Finding]] = {}
        self._left: dict[str, int] = {}

    def tell(self, code: str, severity: Severity, message: str, span: Span) -> None:
        """Add a finding."""
        kept = self._kept.setdefault(code, [])
        if len(kept) < MOST_TOLD:
            kept.append(Finding(code, severity, message, span=span))
        else:
            self._left[code] = self._left.get(code, 0) + 1

    def unread(self, message: str, span: Span) -> None:
        """Add the finding that something cannot be read.

        Raises:
            NoPropertyError: There were so many that the file is something else.
        """
        self.tell("TL701", Severity.ERROR, message, span)
        if self._left.get("TL701", 0) > MOST_UNREAD:
            raise NoPropertyError

    @property
    def whole(self) -> bool:
        """Whether everything could be read."""
        return "TL701" not in self._kept

    def has(self, code: str) -> bool:
        """Whether there is one of a rule."""
        return code in self._kept

    def findings(self) -> list[Finding]:
        """All of them, in the order of the text."""
        for code, left in self._left.items():
            last = self._kept[code][-1]
            more = f"{last.message}; {left:,} more {'is' if left == 1 else 'are'} not shown"
            self._kept[code][-1] = Finding(code, last.severity, more, span=last.span)
        self._left.clear()
        return sorted(
            (one for kept in self._kept.values() for one in kept), key=lambda one: one.span or (0, 0)
        )


@dataclass(frozen=True, slots=True)
class Tensor:
    """A declared tensor of version 2.

    Attributes:
        role: `input`, `hidden` or `output`.
        name: Its name in the property.
        shape: Its shape.
        type: Its element type.
        span: Where its shape stands.
        first: The key of its first element; see `Variables`.
    """

    role: str
    name: str
    shape: tuple[int, ...]
    type: str
    span: Span
    first: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(slots=True)
class DeclaredNetwork:
    """A network that a property of version 2 declares: its tensors, in their order."""

    name: str
    span: Span
    tensors: list[Tensor] = field(default_factory=list)

    def of(self, role: str) -> list[Tensor]:
        """Its tensors of one role."""
        return [one for one in self.tensors if one.role == role]


@dataclass(slots=True)
class Variables:
    """The variables of a property, by number.

    An input's element has a number >= 0, any other a negative one.

    Attributes:
        inputs: Version 1: where `X_i` is declared, by i.
        outputs: Version 1: where `Y_i` is declared, by i.
        networks: Version 2: the networks.
        version: Major version.
        constrains_outputs: Whether an assertion names an output.
    """

    inputs: dict[int, Span] = field(default_factory=dict)
    outputs: dict[int, Span] = field(default_factory=dict)
    networks: list[DeclaredNetwork] = field(default_factory=list)
    version: int = 1
    constrains_outputs: bool = False
