"""What a direction of conversion is, and the rules that both directions have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torchlean_core.convert.draft import Site
from torchlean_core.convert.refusal import refuse
from torchlean_core.kinds import INPUT, Dialect

Rule = Callable[[Site], int]
"""Writes what a node is in the other dialect, and gives the id of the node that has its value there."""


@dataclass(frozen=True)
class Direction:
    """How one dialect becomes another.

    Attributes:
        source: The dialect that is read.
        target: The dialect that is written.
        rules: By the name of the first operator that a kind computes; what has none stays as it is.
        attention: The rule of the tuple kind that lowers.
    """

    source: Dialect
    target: Dialect
    rules: Mapping[str, Rule]
    attention: Rule

    def rule(self, site: Site) -> Rule:
        """The rule of a node."""
        node = site.node
        if node.tuple_shapes is not None:
            return self.attention if node.kind == self.source.attention.name else _unchanged_tuple
        if node.kind == self.source.getitem.name:
            return unchanged
        return self.rules.get(self.source.tensor_kinds[node.kind].operator.name, unchanged)


def unchanged(at: Site) -> int:
    """The same kind with the same fields."""
    return at.keep(at.node.kind, at.fields)


def _unchanged_tuple(at: Site) -> int:
    if at.draft.target.one_input and at.node.kind == INPUT:
        refuse(at.node, "a tuple-valued input: the other dialect counts it as an input")
    return at.keep(at.node.kind, at.fields, shape=None, tuple_shapes=at.node.tuple_shapes)


def same_loss(at: Site) -> int:
    """A loss of nothing is not the same number in both dialects."""
    if 0 in at.xs[0]:
        refuse(at.node, "a loss of no elements, which is 0 in one dialect and NaN in the other")
    return unchanged(at)
