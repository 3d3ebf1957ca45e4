"""Reading an artifact into a graph: only from a text without errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torchlean_core.check.checker import Report, check_bytes, check_text
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import ROOT_FIELDS, TUPLE_KINDS


class ArtifactError(UserError):
    """An artifact has errors.

    Attributes:
        findings: The errors.
    """

    def __init__(self, name: str, report: Report) -> None:
        self.findings: list[Finding] = [f for f in report.findings if f.severity is Severity.ERROR]
        first = self.findings[0]
        position = report.range(first).start
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        super().__init__(
            f"{name}:{position.line + 1}:{position.character + 1}: {first.code} {first.message}{more}; "
            f"`torchlean check {name}` shows everything"
        )


def load_graph(path: Path) -> Graph:
    """Read an artifact file.

    Raises:
        UsageError: The file cannot be read.
        ArtifactError: It has errors.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return graph_of(check_bytes(content), str(path))


def parse_graph(text: str, name: str = "artifact") -> Graph:
    """Read the text of an artifact; `name` stands for it in messages.

    Raises:
        ArtifactError: It has errors.
    """
    return graph_of(check_text(text), name)


def graph_of(report: Report, name: str = "artifact") -> Graph:
    """The graph of a checked artifact.

    Raises:
        ArtifactError: It has errors.
    """
    if not report.ok:
        raise ArtifactError(name, report)
    root = report.document.value
    nodes = tuple(_node(record) for record in report.records if record is not None)
    extra = {key: value for key, value in root.items() if key not in ROOT_FIELDS}
    return Graph(nodes, root["input_id"], root["output_id"], extra)


def _node(record: Record) -> Node:
    assert record.id is not None and record.kind is not None and record.parents is not None
    fields = record.fields
    if record.is_tuple:
        kind = TUPLE_KINDS.get(record.kind)
        own = {field.name for field in kind.fields} if kind is not None else set()
        fields = {name: record.raw[name] for name in record.raw if name in own}
    used = {"id", "kind", "parents", "value_kind", "tuple_shapes" if record.is_tuple else "shape", *fields}
    return Node(
        record.id,
        record.kind,
        tuple(parent for parent in record.parents if parent is not None),
        None if record.is_tuple else tuple(record.shape or ()),
        tuple(map(tuple, record.tuple_shapes or ())) if record.is_tuple else None,
        {name: _frozen(value) for name, value in fields.items()},
        {name: value for name, value in record.raw.items() if name not in used},
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
