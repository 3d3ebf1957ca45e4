"""From a place in an open artifact to the node that stands there."""

from __future__ import annotations

from torchlean_core.check.nodes import Record
from torchlean_ls.documents import Snapshot


def node_at(document: Snapshot, offset: int) -> Record | None:
    """The node whose object holds an offset."""
    report = document.report
    low, high = 0, len(report.records)
    while low < high:
        middle = (low + high) // 2
        span = report.document.node_span(middle)
        if span is None:
            return None
        if offset < span[0]:
            high = middle
        elif offset > span[1]:
            low = middle + 1
        else:
            return report.records[middle]
    return None
