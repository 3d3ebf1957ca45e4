"""A graph as JSON for a program that draws it itself: nodes, edges, clusters, findings and places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torchlean_core.check.findings import PLAIN, Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.graph.clusters import Cluster, Tree
from torchlean_core.kinds.families import FAMILIES
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.navigate.explain import code, parameters_of
from torchlean_core.navigate.links import Links
from torchlean_core.navigate.origin import origin_of
from torchlean_core.picture.drawing import Box, Drawing, opened_within
from torchlean_core.text.lines import Encoding

BUDGET = 60
"""Nodes and closed clusters that are seen at first."""

_MAX_MESSAGES = 3
"""Findings of one node that are told; all count."""

_WORST = (Severity.ERROR, Severity.WARNING, Severity.INFORMATION, Severity.HINT)


def model(
    drawing: Drawing, report: Report, findings: Iterable[Finding], encoding: Encoding, artifact: Path | None
) -> dict[str, Any]:
    """The graph as a JSON object.

    Args:
        drawing: The graph, or two versions of it as one.
        report: The check of the artifact; of two versions, of the new one.
        findings: What is wrong with it.
        encoding: Units of columns.
        artifact: Its file, which says where the model file is; None where there is none.
    """
    links = Links(report)
    by_place: dict[int, list[Finding]] = {}
    whole: list[Finding] = []
    for finding in findings:
        (whole if finding.index is None else by_place.setdefault(finding.index, [])).append(finding)
    files: dict[str, int] = {}
    spans = _places(report, encoding)
    nodes = []
    for box in drawing.boxes:
        node = _node(box)
        record = report.records[box.index] if box.mark != "removed" else None
        if record is not None:
            node |= _known(links, record, files, artifact)
            if box.index in by_place:
                node["findings"] = _worst(by_place[box.index])
            if box.index < len(spans):
                node["place"] = spans[box.index]
        nodes.append(node)
    return {
        "name": drawing.name,
        "dialect": report.dialect.name,
        "families": [
            {"name": one.name, "slug": one.slug, "light": one.light, "dark": one.dark}
            for one in FAMILIES.values()
        ],
        "nodes": nodes,
        "edges": [list(edge) for edge in drawing.edges],
        "marked": [[*edge, mark] for edge, mark in drawing.marked.items()],
        "clusters": _clusters(drawing.tree),
        "opened": sorted(opened_within(drawing, BUDGET)),
        "files": list(files),
        "findings": _worst(whole),
    }


def _node(box: Box) -> dict[str, Any]:
    """What a box says; what is empty is left out."""
    node: dict[str, Any] = {
        "index": box.index,
        "id": box.node_id,
        "kind": box.kind,
        "shape": box.shape,
        "role": box.role,
        "family": FAMILIES[box.family].slug,
    }
    if box.outputs:
        node["outputs"] = list(box.outputs)
    if box.mark:
        node["mark"] = box.mark
    if box.changes:
        node["changes"] = list(box.changes)
    return node


def _known(links: Links, record: Record, files: dict[str, int], artifact: Path | None) -> dict[str, Any]:
    """Parameters, module and origin of a node."""
    known: dict[str, Any] = {}
    if record.entry is not None and record.entry.params:
        parameters = parameters_of(links, record)
        if parameters:
            known["parameters"] = [f"{one.spec.role} {show_shape(one.shape)}" for one in parameters]
    source = record.raw.get("source")
    if not isinstance(source, dict):
        return known
    module = source.get("module")
    if isinstance(module, str) and module:
        known["module"] = code(module)
    origin = None if artifact is None else origin_of(links.report.document.value, record, artifact)
    if origin is not None and origin.line is not None:
        file = files.setdefault(str(origin.file), len(files))
        line, column, end_line, end_column = origin.span or (origin.line, 0, origin.line, 0)
        known["origin"] = [file, line - 1, column, end_line - 1, end_column]
    return known


def _worst(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The worst findings, in the order of how bad they are."""
    ranked = sorted(findings, key=lambda finding: _WORST.index(finding.severity))
    return [told(one) for one in ranked[:_MAX_MESSAGES]]


def told(finding: Finding) -> dict[str, str]:
    """A finding as JSON."""
    message = str(finding.data.get(PLAIN, finding.message))
    return {"code": finding.code, "severity": finding.severity.value, "message": message}


def _places(report: Report, encoding: Encoding) -> list[list[int]]:
    """For every node its range in the text: line and column of its begin and end."""
    spans = report.document.spans
    if spans is None:
        return []
    pairs = [(spans.starts[place], spans.ends[place]) for place in range(len(spans))]
    return [list(one) for one in report.document.lines.ranges(pairs, encoding)]


def _clusters(tree: Tree) -> list[dict[str, Any]]:
    """All clusters, each after the one around it."""
    found: list[dict[str, Any]] = []

    def visit(items: Sequence[Cluster | int], parent: int) -> None:
        for item in items:
            if not isinstance(item, Cluster):
                continue
            own = len(found)
            found.append(
                {
                    "key": item.key,
                    "title": item.title,
                    "first": item.first,
                    "last": item.last,
                    "parent": parent,
                    "repeat": item.repeat,
                }
            )
            visit(item.items, own)

    visit(tree.items, -1)
    return found
