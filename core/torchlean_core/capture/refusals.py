"""The error for operators that cannot be captured exactly, all of them in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torchlean_core.capture.errors import CaptureError, CaptureFinding


def refused_operators(shown: str, refusals: Sequence[CaptureFinding]) -> CaptureError:
    """The error; its findings are one for each operator of an expression.

    Args:
        shown: The model file as the user wrote it.
        refusals: One finding for each use of an operator in a module.
    """
    findings = _by_place(refusals)
    count = len(findings)
    head = f"{shown}: {count} operator{'s' * (count != 1)} cannot be captured exactly"
    return CaptureError("\n  ".join([head, *(finding.show(shown) for finding in findings)]), findings)


def _by_place(findings: Sequence[CaptureFinding]) -> list[CaptureFinding]:
    """One finding for each operator of an expression, whatever the number of modules for which it is refused."""
    found: dict[Any, CaptureFinding] = {}
    for one in findings:
        # Without a span all that tells two operators apart is their module.
        key = (one.code, one.message, one.operator, one.line, one.file, one.span or one.module)
        first = found.setdefault(key, one)
        modules = dict.fromkeys((*first.modules, *one.modules))
        calls = dict.fromkeys((*first.calls, *one.calls))
        found[key] = replace(first, modules=tuple(modules), calls=tuple(calls))
    return list(found.values())
