"""Findings that are no errors: what differs between TorchLean and PyTorch, and what does nothing."""

from __future__ import annotations

from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.kinds.code import DEFAULT_EPS
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.shapes import broadcast_axes, torch_broadcast_axes

TORCHLEAN_EPS = 1e-6
"""The layer normalization epsilon of TorchLean's own evaluator."""


def advise(
    records: list[Record | None],
    known: dict[int | None, Record],
    output: Record | None,
    findings: list[Finding],
) -> None:
    """Append the findings of TL401 to TL404."""
    epsilon_told = False
    for record in records:
        if record is None or record.is_tuple:
            continue
        if record.kind == "broadcast_to":
            _broadcast(record, findings)
        elif record.kind == "layernorm" and not epsilon_told:
            epsilon_told = _epsilon(record, findings)
        elif record.kind == "linear" and record.shape is not None and len(record.shape) > 1:
            _advise(
                findings,
                "TL404",
                Severity.INFORMATION,
                record,
                f"`linear` on {show_shape(record.shape)}: the checker accepts it, but TorchLean's evaluator takes "
                "vectors (rank 1) only",
                ("kind",),
            )
    if output is not None:
        _unused(records, known, output, findings)


def _advise(
    findings: list[Finding],
    code: str,
    severity: Severity,
    record: Record,
    message: str,
    path: tuple[str, ...],
) -> None:
    findings.append(Finding(code, severity, message, record.index, record.id, path))


def _broadcast(record: Record, findings: list[Finding]) -> None:
    source, target = record.fields.get("from_shape"), record.fields.get("to_shape")
    if source is None or target is None:
        return
    witness = broadcast_axes(source, target)
    theirs = torch_broadcast_axes(source, target)
    if witness is None or witness == theirs:
        return
    reading = "refuses it" if theirs is None else f"reads it as {show_shape(theirs)}"
    _advise(
        findings,
        "TL401",
        Severity.WARNING,
        record,
        f"TorchLean matches axes from the left: {show_shape(source)} is read as {show_shape(witness)} and "
        f"expanded to {show_shape(target)}; PyTorch, which aligns from the right, {reading}",
        ("to_shape",),
    )


def _epsilon(record: Record, findings: list[Finding]) -> bool:
    eps: Any = record.raw.get("eps", DEFAULT_EPS)
    if not isinstance(eps, int | float) or isinstance(eps, bool) or float(eps) == TORCHLEAN_EPS:
        return False
    _advise(
        findings,
        "TL402",
        Severity.INFORMATION,
        record,
        f"layernorm uses eps {float(eps):g} in PyTorch, but TorchLean's evaluator uses {TORCHLEAN_EPS:g}",
        ("eps",) if "eps" in record.raw else ("kind",),
    )
    return True


def _unused(
    records: list[Record | None], known: dict[int | None, Record], output: Record, findings: list[Finding]
) -> None:
    reached = {output.index}
    waiting = [output]
    while waiting:
        for parent in waiting.pop().parents or ():
            operand = known.get(parent)
            if operand is not None and operand.index not in reached:
                reached.add(operand.index)
                waiting.append(operand)
    for record in records:
        if record is not None and record.index not in reached and record.kind != "input":
            _advise(findings, "TL403", Severity.HINT, record, "the output does not depend on this node", ())
