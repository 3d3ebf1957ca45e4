"""Hover over a node: what it computes, its operands and shapes, its parameters, who uses it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from lsprotocol import types

from torchlean_core.check.nodes import Record
from torchlean_core.kinds import TENSOR_KINDS, TUPLE_KINDS, Problems
from torchlean_core.kinds.numbers import numel, show, show_shape
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.locate import node_at

_MAX_USERS = 12


class Hover(Feature):
    """Answers `textDocument/hover`."""

    def register(self, params: types.InitializeParams) -> None:
        """Every client can show a hover."""
        self.server.on(types.TEXT_DOCUMENT_HOVER, self._hover)

    def _hover(self, params: types.HoverParams) -> Generator[Any, Any, types.Hover | None]:
        document = self.server.documents.get(params.text_document.uri)
        if document is not None and document.is_slow:
            document = yield self.server.checked, (document,), None
        if document is None or not document.is_artifact:
            return None
        record = node_at(document, document.offset(params.position))
        if record is None:
            return None
        span = document.report.document.node_span(record.index)
        return types.Hover(
            types.MarkupContent(types.MarkupKind.Markdown, node_markdown(document, record)),
            document.range(*span) if span is not None else None,
        )


def node_markdown(document: Snapshot, record: Record) -> str:
    """What there is to know of a node, as Markdown."""
    name = "?" if record.kind is None else record.kind
    shape = show_shape(record.shape) if record.shape is not None else "?"
    lines = [f"**node {show(record.ref)}** · `{_code(name)}` · `{shape}`", ""]
    kind = TENSOR_KINDS.get(name) if not record.is_tuple else None
    if kind is not None:
        lines += [f"{kind.summary}", "", f"`{kind.formula}`", "", f"In PyTorch: {kind.torch}", ""]
        lines += [f"Shape: {kind.shape_doc}", ""]
    elif record.is_tuple and name in TUPLE_KINDS:
        lines += [TUPLE_KINDS[name].summary, ""]
    by_id = document.report.by_id
    parents = [by_id.get(parent) for parent in record.parents or () if parent is not None]
    for parent in parents:
        if parent is not None:
            lines.append(f"- operand {_describe(parent)}")
    lines += _inferred(record, parents)
    lines += _parameters(record, parents)
    users = [
        other
        for other in document.report.records
        if other is not None and record.ref in (other.parents or ())
    ]
    if users:
        shown = ", ".join(f"{show(user.ref)} (`{_code(user.kind or '?')}`)" for user in users[:_MAX_USERS])
        more = f" and {len(users) - _MAX_USERS} more" if len(users) > _MAX_USERS else ""
        lines.append(f"- used by {shown}{more}")
    return "\n".join(lines)


def _describe(record: Record) -> str:
    shape = f" `{show_shape(record.shape)}`" if record.shape is not None else ""
    return f"{show(record.ref)} (`{_code(record.kind or '?')}`){shape}"


def _inferred(record: Record, parents: list[Record | None]) -> list[str]:
    """The inferred shape, where it can be inferred and is not what the node declares."""
    shapes = [parent.shape for parent in parents if parent is not None and parent.shape is not None]
    entry = record.entry
    if entry is None or not record.complete or len(shapes) != len(record.parents or ()):
        return []
    low, high = entry.arity
    if not low <= len(shapes) <= (len(shapes) if high is None else high):
        return []
    result = entry.infer(record.fields, shapes, record.shape)
    if result is None or isinstance(result, Problems) or list(result) == record.shape:
        return []
    return [f"- inferred shape `{show_shape(result)}`, declared `{show_shape(record.shape or [])}`"]


def _parameters(record: Record, parents: list[Record | None]) -> list[str]:
    entry = record.entry
    if entry is None or not entry.params or record.shape is None or not record.complete:
        return []
    shapes = [parent.shape for parent in parents if parent is not None and parent.shape is not None]
    if len(shapes) != entry.arity[0] or not all(shapes) or (entry.declared and not record.shape):
        return []
    lines = []
    for spec in entry.params:
        shape = spec.shape(record.fields, shapes, record.shape)
        count = numel(shape)
        size = "" if count is None else f", {count:,} value{'' if count == 1 else 's'}"
        lines.append(f"- parameter `{entry.param_name(spec, record.ref)}` `{show_shape(shape)}`{size}")
    return lines


def _code(text: str) -> str:
    """Text for a code span: no backticks, no line ends, not endless."""
    clean = "".join(char if char.isprintable() and char != "`" else " " for char in text)
    return clean if len(clean) <= 80 else clean[:79] + "…"
