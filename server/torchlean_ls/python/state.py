"""How a model stands: what its last capture found, and whether its artifact is up to date."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torchlean_core.capture.models import Model
from torchlean_core.capture.record import Record
from torchlean_core.check import RULES, Severity
from torchlean_ls.documents import Snapshot
from torchlean_ls.python.live import Live


class State(NamedTuple):
    """How a model stands.

    Attributes:
        text: In a few words, as a lens shows it.
        artifact: Its artifact, where there is one.
        module: The module that was generated from it, where there is one.
        shape: Its example shape, where that is known.
        captured: Whether it was captured before, now or earlier.
    """

    text: str
    artifact: Path | None
    module: Path | None
    shape: tuple[int, ...] | None
    captured: bool


def state_of(live: Live, document: Snapshot, model: Model) -> State:
    """How a model of a document stands, as far as was looked at."""
    on_disk = live.on_disk(document, model.name)
    stored = on_disk.stored if on_disk is not None else None
    last = live.model(document, model.name)
    problems = problems_of(last.record) if last is not None else 0
    result = last.record.result if last is not None else None
    is_unwritten = result is not None and result.get("output") is None
    if problems:
        text = f"failing: {problems} finding{'' if problems == 1 else 's'}"
    elif live.failure(document, model.name) is not None:
        text = "not captured"
    elif stored is None:
        text = "shapes only" if is_unwritten else "no artifact"
    elif stored.edited is not None:
        text = f"{stored.edited}, stale" if stored.stale is not None else stored.edited
    elif stored.stale is None:
        text = "fresh"
    else:
        text = "stale (shapes only)" if is_unwritten else "stale"
    return State(
        text,
        stored.path if stored is not None else None,
        stored.module if stored is not None else None,
        live.shape(document, model.name),
        stored is not None or last is not None,
    )


def problems_of(record: Record) -> int:
    """How many findings keep a model from being captured; each place counts once, and notes do not."""
    return len(
        {
            (one.code, one.file, one.span or one.line, one.operator, one.message)
            for one in record.findings
            if one.code not in RULES or RULES[one.code].severity in (Severity.ERROR, Severity.WARNING)
        }
    )
