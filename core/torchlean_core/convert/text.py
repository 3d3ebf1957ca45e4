"""The text of an artifact in another dialect, also of one that speaks two: for editors, without other files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchlean_core.artifact.load import graph_of, node_of
from torchlean_core.artifact.write import canonical_text, node_object, serialize_graph
from torchlean_core.check.checker import check_text
from torchlean_core.check.findings import Severity
from torchlean_core.check.nodes import Reader, Record
from torchlean_core.check.report import Report
from torchlean_core.convert.graph import convert_graph
from torchlean_core.convert.node import convert_node
from torchlean_core.convert.refusal import ConversionRefused
from torchlean_core.graph.model import Node
from torchlean_core.kinds import Dialect
from torchlean_core.kinds.dialects import OUTPUT_FIELDS, others


def convert_text(report: Report, dialect: Dialect) -> str:
    """An artifact's text in a dialect.

    Nodes that speak another one than the root are converted one by one; what both dialects know means what it means in
    the root's.

    Args:
        report: The check of the text; there may be nodes of another dialect than its root's in it, and no other errors.
        dialect: What to write.

    Raises:
        ConversionRefused: There is no exact counterpart, or values would have to go to a parameter file.
    """
    root = report.document.value
    if not isinstance(root, dict):
        raise ConversionRefused("the text is no artifact")
    if not report.ok and (text := _one_by_one(report, root, dialect)) is not None:
        return text
    own = report if report.ok else _whole(_one_by_one(report, root, report.dialect))
    found = convert_graph(graph_of(own), dialect)
    if found.tensors:
        raise ConversionRefused(
            "values would go to a parameter file beside the artifact: `torchlean convert` writes both"
        )
    return serialize_graph(found.graph)


def _whole(text: str | None) -> Report:
    if text is None:
        raise ConversionRefused(
            "there are errors that are not about the dialect, or nodes without one counterpart"
        )
    return check_text(text)


def _one_by_one(report: Report, root: dict[str, Any], dialect: Dialect) -> str | None:
    """The text under a dialect's root, every node that means something else there converted; None where it is wrong.

    A node that the root's dialect knows has the meaning that it has there.
    """
    outputs = report.dialect.outputs_of(root)
    if not dialect.many_outputs and len(outputs) != 1:
        return None
    nodes = list(root.get("nodes", ()))
    if dialect is not report.dialect:
        wrong = {finding.index for finding in report.findings if finding.severity is Severity.ERROR}
        for record in report.records:
            kind = record.entry if record is not None else None
            if record is None or kind is None or record.index in wrong:
                continue
            if dialect.kind(kind.name) is kind:
                continue  # the same in both
            found = _converted(report, record, report.dialect, dialect)
            if found is None:
                return None
            nodes[record.index] = node_object(found)
    rest = {name: value for name, value in root.items() if name not in OUTPUT_FIELDS}
    made = {**dialect.root_json(0, outputs, {}), **rest, "nodes": nodes}
    after = check_text(canonical_text(made))
    for record in _foreign(after):
        converted = converted_record(after, record)
        if converted is None:
            return None
        nodes[record.index] = converted
    text = canonical_text({**made, "nodes": nodes})
    return text if check_text(text).ok else None


def _foreign(report: Report) -> Iterator[Record]:
    """The nodes that speak another dialect."""
    places = {
        finding.index
        for finding in report.findings
        if finding.severity is Severity.ERROR and finding.index is not None and finding.data.get("foreign")
    }
    for place in sorted(places):
        record = report.records[place]
        if record is not None:
            yield record


def converted_record(report: Report, record: Record) -> dict[str, Any] | None:
    """The JSON object of the one node that says in the file's dialect what a node of another one says, if there is."""
    for source in others(report.dialect):
        found = _converted(report, record, source, report.dialect)
        if found is not None:
            return node_object(found)
    return None


def _converted(report: Report, record: Record, source: Dialect, target: Dialect) -> Node | None:
    """A node of one dialect in another, over the operands that it has in a file."""
    by_id = report.by_id
    operands = [by_id.get(parent) if parent is not None else None for parent in record.parents or ()]
    shapes = [operand.shape for operand in operands if operand is not None and operand.shape is not None]
    if record.parents is None or len(shapes) != len(operands) or record.is_tuple is not False:
        return None
    reader = Reader(True, source)
    read = reader.read(record.index, record.raw)
    if reader.findings or not read.complete or read.entry is None:
        return None
    return convert_node(node_of(read, source), shapes, source, target)
