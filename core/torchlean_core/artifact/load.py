"""Reading an artifact into a graph: only from a text without errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torchlean_core.artifact.write import serialize_graph
from torchlean_core.check.checker import check_document, check_text
from torchlean_core.check.findings import PLAIN, PROBLEMS, Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import Dialect
from torchlean_core.text import Document, read_file
from torchlean_core.text.numbers import numbers_of

_UNREADABLE = "TL0"
"""Beginning of the codes of what is no artifact's text, so that there is no graph to look at."""


class ArtifactError(UserError):
    """An artifact has errors.

    Attributes:
        findings: The errors.
    """

    def __init__(self, name: str, report: Report, findings: list[Finding]) -> None:
        self.findings = findings
        first = self.findings[0]
        position = report.range(first).start
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        super().__init__(
            f"{name}:{position.line + 1}:{position.character + 1}: {first.code} {first.message}{more}; "
            f"`torchlean check {name}` shows everything"
        )
        count = "an error" if len(findings) == 1 else f"{len(findings)} errors"
        plain = f"{Path(name).name} has {count}; line {position.line + 1}: {first.code} {first.message}"
        self.data = {PLAIN: plain, PROBLEMS: True}


class GraphError(UserError):
    """A graph that was built in Python has errors.

    Attributes:
        findings: The errors, as `torchlean check` gives them for the graph's artifact.
    """

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        first = findings[0]
        where = f"node {first.node}: " if first.node is not None else ""
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"the graph has errors: {first.code} {where}{first.message}{more}")


def load_graph(path: Path) -> Graph:
    """Read an artifact file.

    Raises:
        UsageError: The file cannot be read.
        ArtifactError: It has errors.
    """
    return graph_of(check_document(load_document(path)), str(path))


def load_document(path: Path) -> Document:
    """Read the text of an artifact file.

    Raises:
        UsageError: It cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir() and path.parent != Path("/dev"):
        raise UsageError(f"{path}: is no regular file")
    try:
        return read_file(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def parse_graph(text: str, name: str = "artifact", *, validate: bool = True) -> Graph:
    """Read the text of an artifact.

    Args:
        text: The text.
        name: Stands for it in messages.
        validate: Whether ids, parents, shapes and arities must be right, as `torchlean check` has it. Without, a tool
            can look at a damaged graph: what stands in the text is in it, as far as it is an artifact's text at all
            (rules TL0xx). `Graph.node` finds its nodes, and `lower` says in words what it cannot lower.

    Raises:
        ArtifactError: It has errors, or, without validation, cannot be read.
    """
    return graph_of(check_text(text), name, validate=validate)


def require_valid(graph: Graph) -> None:
    """Check a graph that was built in Python, as a file with it would be checked.

    Raises:
        GraphError: It has errors.
        UserError: It is no graph, holds something else than nodes, or cannot be written as JSON.
    """
    _require_nodes(graph)
    try:
        text = serialize_graph(graph)
    except (TypeError, ValueError) as error:
        raise UserError(f"the graph cannot be written as JSON: {error}") from error
    errors = [finding for finding in check_text(text).findings if finding.severity is Severity.ERROR]
    if errors:
        raise GraphError(errors)


def _require_nodes(graph: Any) -> None:
    """Refuse what no file could hold: nodes of another class, sizes that are no whole numbers."""
    if not isinstance(graph, Graph):
        raise UserError(f"expected a Graph, found a value of type {type(graph).__name__}")
    for place, node in enumerate(graph.nodes):
        if not isinstance(node, Node):
            raise UserError(f"nodes[{place}] of the graph is of type {type(node).__name__}, expected a Node")
        for shape in (node.shape, *(node.tuple_shapes or ())):
            sizes = shape if isinstance(shape, tuple | list) else () if shape is None else (shape,)
            if bad := [size for size in sizes if type(size) is not int]:
                raise UserError(
                    f"node {node.id} ({node.kind}) has the shape {shape!r}: {bad[0]!r} is of type "
                    f"{type(bad[0]).__name__}, expected int"
                )


def graph_of(report: Report, name: str = "artifact", *, validate: bool = True) -> Graph:
    """The graph of a checked artifact; `validate` as for `parse_graph`.

    Raises:
        ArtifactError: It has errors, or, without validation, cannot be read.
    """
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    in_the_way = errors if validate else [error for error in errors if error.code.startswith(_UNREADABLE)]
    if in_the_way:
        raise ArtifactError(name, report, in_the_way)
    root = report.document.value
    dialect = report.dialect
    nodes = tuple(node_of(record, dialect) for record in report.records if record is not None)
    extra = {key: value for key, value in root.items() if key not in dialect.root_fields}
    return Graph(nodes, root["input_id"], tuple(dialect.outputs_of(root)), extra, dialect)


def node_of(record: Record, dialect: Dialect) -> Node:
    """A node as a value; everything that it needs could be read."""
    assert record.id is not None and record.kind is not None and record.parents is not None
    fields = record.fields
    if record.is_tuple:
        kind = dialect.tuple_kinds.get(record.kind)
        own = {field.name for field in kind.fields} if kind is not None else set()
        fields = {name: record.raw[name] for name in record.raw if name in own}
    inline = _inline(record, dialect)
    used = {"id", "kind", "parents", "value_kind", "tuple_shapes" if record.is_tuple else "shape"}
    used.update(fields, inline)
    return Node(
        record.id,
        record.kind,
        tuple(parent for parent in record.parents if parent is not None),
        None if record.is_tuple else tuple(record.shape or ()),
        tuple(map(tuple, record.tuple_shapes or ())) if record.is_tuple else None,
        {name: _frozen(value) for name, value in fields.items()},
        {name: value for name, value in record.raw.items() if name not in used},
        inline,
    )


def _inline(record: Record, dialect: Dialect) -> dict[str, Any]:
    """The parameters that stand in a node: tensors as numbers in their text."""
    kind = dialect.kind(record.kind or "") if dialect.inline else None
    if kind is None:
        return {}
    raw = record.raw
    tensors = {spec.role for spec in kind.params}
    names = [*(spec.role for spec in kind.params), *(fact.name for fact in kind.facts)]
    numbers = {name: numbers_of(raw[name]) for name in tensors if name in raw}
    return {name: raw[name] if numbers.get(name) is None else numbers[name] for name in names if name in raw}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
