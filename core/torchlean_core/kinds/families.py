"""Families of kinds: the categories of the kind tables, each with the colours that pictures give it."""

from __future__ import annotations

from typing import NamedTuple

from torchlean_core.kinds.dialect import Dialect


class Family(NamedTuple):
    """A family of kinds.

    Attributes:
        name: The category that the kinds have in their tables.
        light: Its colour on a light ground.
        dark: Its colour on a dark ground.
    """

    name: str
    light: str
    dark: str

    @property
    def slug(self) -> str:
        """Its name as one word, for style sheets."""
        return self.name.replace(" ", "-")


UNKNOWN = Family("unknown", "#cf222e", "#f85149")
"""What no table has."""

FAMILIES = {
    family.name: family
    for family in (
        Family("source", "#0969da", "#58a6ff"),
        Family("linear algebra", "#bf8700", "#d29922"),
        Family("convolution and pooling", "#1a7f37", "#3fb950"),
        Family("normalization", "#8250df", "#a371f7"),
        Family("elementwise", "#0e7490", "#39c5cf"),
        Family("reduction", "#bc4c00", "#f0883e"),
        Family("shape", "#6e7781", "#8b949e"),
        Family("tuple", "#bf3989", "#db61a2"),
        UNKNOWN,
    )
}
"""All families by name, in the order of a legend."""


def family_of(dialect: Dialect, tag: str | None) -> Family:
    """The family of the kind that a tag means."""
    entry = None if tag is None else dialect.kind(tag)
    if entry is None:
        return UNKNOWN
    return FAMILIES[entry.category]
