"""The epsilon of a normalization: an extra field in one dialect, one of the parameters in another."""

from __future__ import annotations

from typing import Any

from torchlean_core.check.nodes import describe
from torchlean_core.convert.draft import Site
from torchlean_core.convert.refusal import refuse
from torchlean_core.kinds.code import DEFAULT_EPS


def epsilon(at: Site) -> Any:
    """A node's epsilon, or the default.

    Raises:
        ConversionRefused: What stands there is no number.
    """
    node = at.node
    value = node.inline.get("eps", node.extra.get("eps", DEFAULT_EPS))
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(node, f"eps must be a number, found {describe(value)}")
    return value
