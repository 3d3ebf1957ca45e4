"""What there is to know of one node, as JSON for a panel beside a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.nodes import Record
from torchlean_core.kinds import Kind
from torchlean_core.kinds.numbers import numel, show_shape
from torchlean_core.navigate.explain import code, parameters_of
from torchlean_core.navigate.links import Links
from torchlean_core.picture.drawing import box_of, short_value
from torchlean_core.picture.model import told

MAX_USERS = 50
"""Users that are told."""

_MAX_VALUE = 200
_APART = frozenset({"id", "kind", "parents", "shape", "parameters", "source", "debug_target"})


def details(links: Links, record: Record, findings: Iterable[Finding]) -> dict[str, Any]:
    """Kind, fields, parameters, neighbours, origin and findings of a node."""
    entry = links.entry(record)
    raw = record.raw
    held = {parameter.spec.role for parameter in parameters_of(links, record) if parameter.inline}
    source = raw.get("source")
    module = source.get("module") if isinstance(source, dict) else None
    target = raw.get("debug_target")
    users = dict.fromkeys(index for index, _ in links.users_of(record.ref))
    return {
        **_box(links, record),
        "summary": "" if entry is None else entry.summary,
        "formula": entry.formula if isinstance(entry, Kind) else "",
        "torch": entry.torch if isinstance(entry, Kind) else "",
        "fields": [
            [code(name), short_value(value, _MAX_VALUE)]
            for name, value in raw.items()
            if name not in _APART and name not in held
        ],
        "parameters": [
            {
                "name": one.spec.role if one.inline else one.name,
                "shape": show_shape(one.shape),
                "count": numel(one.shape),
                "doc": one.spec.doc,
                "model": _model_name(raw, one.spec.role),
            }
            for one in parameters_of(links, record)
        ],
        "operands": [_box(links, one) for one in links.parents(record) if one is not None],
        "users": [
            _box(links, one)
            for index in list(users)[:MAX_USERS]
            if (one := links.report.records[index]) is not None
        ],
        "more_users": max(0, len(users) - MAX_USERS),
        "module": code(module) if isinstance(module, str) else "",
        "target": code(target) if isinstance(target, str) else "",
        "findings": [told(one) for one in findings if one.index == record.index],
    }


def _box(links: Links, record: Record) -> dict[str, Any]:
    box = box_of(links, record, ())
    return {"index": box.index, "id": box.node_id, "kind": box.kind, "shape": box.shape}


def _model_name(raw: dict[str, Any], role: str) -> str:
    """The name that a parameter has in the model."""
    parameters = raw.get("parameters")
    told = parameters.get(role) if isinstance(parameters, dict) else None
    name = told.get("name") if isinstance(told, dict) else None
    return code(name) if isinstance(name, str) else ""
