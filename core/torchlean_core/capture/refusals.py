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
    alike: dict[Any, list[CaptureFinding]] = {}
    for one in findings:
        alike.setdefault((one.code, one.told, one.operator), []).append(one)
    count = len(alike)
    head = f"{shown}: {count} operator{'s' * (count != 1)} cannot be captured exactly"
    return CaptureError("\n  ".join([head, *(_told(shown, group) for group in alike.values())]), findings)


_MAX_PLACES = 6


def _told(shown: str, findings: Sequence[CaptureFinding]) -> str:
    """One line for an operator, wherever it stands: the first place whole, of others the lines, and how often."""
    first, *others = findings
    modules = dict.fromkeys(path for one in findings for path in one.modules)
    uses = sum(one.uses for one in findings)
    places = list(dict.fromkeys(one.place(shown) for one in others if one.place(shown) != first.place(shown)))
    listed = ", ".join(places[:_MAX_PLACES])
    more = f" and {len(places) - _MAX_PLACES} more places" if len(places) > _MAX_PLACES else ""
    often = f" ({uses} uses{f'; also {listed}{more}' if places else ''})" if uses > 1 else ""
    return replace(first, modules=tuple(modules)).show(shown, often)


def _by_place(findings: Sequence[CaptureFinding]) -> list[CaptureFinding]:
    """One finding for each operator of an expression, whatever the number of modules for which it is refused."""
    found: dict[Any, CaptureFinding] = {}
    for one in findings:
        # Without a span all that tells two operators apart is their module.
        key = (one.code, one.message, one.operator, one.line, one.file, one.span or one.module)
        first = found.get(key)
        if first is None:
            found[key] = one
            continue
        modules = dict.fromkeys((*first.modules, *one.modules))
        calls = dict.fromkeys((*first.calls, *one.calls))
        uses = first.uses + one.uses
        found[key] = replace(first, modules=tuple(modules), calls=tuple(calls), uses=uses)
    return list(found.values())
