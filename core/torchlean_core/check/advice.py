"""Findings that are no errors: what differs between TorchLean and PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.kinds.code import DEFAULT_EPS
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.shapes import broadcast_axes, torch_broadcast_axes

TORCHLEAN_EPS = 1e-6
"""The layer normalization epsilon of TorchLean's own evaluator."""


def advise(
    index: int,
    node_id: int | None,
    kind: str,
    shape: list[int] | None,
    fields: Mapping[str, Any],
    findings: list[Finding],
) -> None:
    """Append the findings of TL401, TL402 and TL404 for one tensor-valued node.

    Of TL402 the checker keeps the first in a file.

    Args:
        index: Place of the node.
        node_id: Its raw id.
        kind: Its kind.
        shape: Its declared shape; None where it cannot be read.
        fields: Its own and extra fields.
        findings: Where to append.
    """
    found: tuple[str, Severity, str, str] | None = None
    if kind == "broadcast_to":
        found = _broadcast(fields)
    elif kind == "layernorm":
        found = _epsilon(fields)
    elif kind == "linear" and shape is not None and len(shape) > 1:
        message = (
            f"`linear` on {show_shape(shape)}: the checker accepts it, but TorchLean's evaluator takes "
            "vectors (rank 1) only"
        )
        found = "TL404", Severity.INFORMATION, message, "kind"
    if found is not None:
        code, severity, message, field = found
        findings.append(Finding(code, severity, message, index, node_id, (field,)))


def _broadcast(fields: Mapping[str, Any]) -> tuple[str, Severity, str, str] | None:
    source, target = fields.get("from_shape"), fields.get("to_shape")
    if source is None or target is None:
        return None
    witness = broadcast_axes(source, target)
    theirs = torch_broadcast_axes(source, target)
    if witness is None or witness == theirs:
        return None
    reading = "refuses it" if theirs is None else f"reads it as {show_shape(theirs)}"
    message = (
        f"TorchLean matches axes from the left: {show_shape(source)} is read as {show_shape(witness)} and "
        f"expanded to {show_shape(target)}; PyTorch, which aligns from the right, {reading}"
    )
    return "TL401", Severity.WARNING, message, "to_shape"


def _epsilon(fields: Mapping[str, Any]) -> tuple[str, Severity, str, str] | None:
    eps = fields.get("eps", DEFAULT_EPS)
    if not isinstance(eps, int | float) or isinstance(eps, bool) or eps == TORCHLEAN_EPS:
        return None
    shown = show(eps) if isinstance(eps, int) else f"{eps:g}"
    message = f"layernorm uses eps {shown} in PyTorch, but TorchLean's evaluator uses {TORCHLEAN_EPS:g}"
    return "TL402", Severity.INFORMATION, message, "eps" if "eps" in fields else "kind"
