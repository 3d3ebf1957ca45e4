"""Checks of the root object: format, `nodes`, and the two ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import NeedsExact, Record, cut, describe, similar
from torchlean_core.kinds import FORMAT, INPUT, ROOT_FIELDS, TRAINING_DIFFERS
from torchlean_core.kinds.numbers import show
from torchlean_core.kinds.spec import Path
from torchlean_core.text import BAD


def root_finding(
    code: str,
    message: str,
    path: Path,
    *,
    severity: Severity = Severity.ERROR,
    key: bool = False,
    **data: Any,
) -> Finding:
    """A finding about the root object."""
    return Finding(code, severity, message, path=path, on_key=key, data=data)


def check_root(root: dict[str, Any], exact: bool, findings: list[Finding]) -> list[Any] | None:
    """Check format and `nodes` of the root, and the types of its ids; returns the nodes, if there are any.

    Raises:
        NeedsExact: A number was read as a float; only where the root was not read exactly.
    """
    if "format" not in root:
        message = f'no `format`: an artifact says "format": "{FORMAT}"{did_you_mean(root, "format")}'
        findings.append(
            root_finding("TL013", message, (), severity=Severity.WARNING, field="format", value=FORMAT)
        )
    elif root["format"] != FORMAT and root["format"] is not BAD:
        message = f'format must be "{FORMAT}", found {describe(root["format"])}'
        findings.append(root_finding("TL012", message, ("format",)))
    nodes = root.get("nodes")
    if "nodes" not in root:
        message = f"missing field `nodes`: the array of nodes{did_you_mean(root, 'nodes')}"
        findings.append(root_finding("TL010", message, (), field="nodes"))
    elif type(nodes) is not list:
        if nodes is not BAD:
            message = f"nodes must be an array of nodes, found {describe(nodes)}"
            findings.append(root_finding("TL011", message, ("nodes",)))
        nodes = None
    elif not nodes:
        message = "nodes is empty: an artifact has at least an `input` node"
        findings.append(root_finding("TL106", message, ("nodes",)))
    for name, what in (("input_id", "input node"), ("output_id", "output node")):
        _check_id(root, name, what, exact, findings)
    findings.extend(_approximations(root.get("approximations")))
    findings.extend(_differences(root.get("training_differs")))
    return nodes or None


def _approximations(marks: Any) -> Iterator[Finding]:
    """One finding for each mark that capture left; the field is an extra one and can hold anything."""
    for place, mark in enumerate(marks if type(marks) is list else ()):
        if type(mark) is not dict or not all(type(mark.get(name)) is str for name in ("operator", "form")):
            continue
        error = mark.get("max_relative_error")
        number = show(error) if type(error) is int else f"{error:.2g}" if type(error) is float else None
        measured = "not measured" if number is None else f"largest relative error {number}"
        message = f"the {cut(mark['form'])} form stands in for the exact {cut(mark['operator'])} ({measured})"
        path = ("approximations", place)
        yield root_finding("TL405", message, path, severity=Severity.INFORMATION)


def _differences(entries: Any) -> Iterator[Finding]:
    """One finding for each reason that capture left why training is another thing here than in the model."""
    for place, entry in enumerate(entries if type(entries) is list else ()):
        if type(entry) is not dict or type(entry.get("reason")) is not str:
            continue
        message = f"{TRAINING_DIFFERS}{cut(entry['reason'], 200)}"
        if type(entry.get("line")) is int:
            where = cut(entry["file"]) if type(entry.get("file")) is str else "the model's file"
            message += f" ({where}, line {show(entry['line'])})"
        path = ("training_differs", place)
        yield root_finding("TL407", message, path, severity=Severity.INFORMATION)


def _check_id(root: dict[str, Any], name: str, what: str, exact: bool, findings: list[Finding]) -> None:
    value = root.get(name)
    if name not in root:
        message = f"missing field `{name}`: the id of the {what}{did_you_mean(root, name)}"
        findings.append(root_finding("TL010", message, (), field=name))
    elif not is_id(value):
        if type(value) is float and not exact:
            raise NeedsExact
        if value is not BAD:
            message = f"{name} must be a natural number, found {describe(value)}"
            findings.append(root_finding("TL011", message, (name,)))


_TYPES: dict[str, type] = {"format": str, "input_id": int, "output_id": int, "nodes": list}


def misspelt(root: dict[str, Any], name: str) -> str | None:
    """The field of the root that looks like a missing one, and holds what that would."""
    others = [
        key
        for key, value in root.items()
        if key not in ROOT_FIELDS and key != "output_ids" and type(value) is _TYPES[name]
    ]
    return next(iter(similar(name, others)), None)


def did_you_mean(root: dict[str, Any], name: str) -> str:
    """What a message about a missing field says of a misspelt one."""
    near = misspelt(root, name)
    return "" if near is None else f"; did you mean `{cut(near)}`?"


def is_id(value: Any) -> bool:
    """Whether a value is a natural number."""
    return type(value) is int and value >= 0


def check_endpoints(
    root: dict[str, Any], count: int, find: Callable[[int], Record | None], findings: list[Finding]
) -> None:
    """Check what `input_id` and `output_id` name."""
    for name in ("input_id", "output_id"):
        node_id = root.get(name)
        if type(node_id) is not int or node_id < 0:
            continue
        record = find(node_id)
        if record is None and node_id < count:
            message = f"{name} {show(node_id)} names no node: no node has this id"
        elif record is None or node_id >= count:
            message = f"{name} {show(node_id)} names no node: ids are 0..{count - 1}"
        elif record.is_tuple:
            message = f"{name} {show(node_id)} names a tuple-valued node; it must name a tensor-valued one"
        elif name == "input_id" and record.kind is not None and record.kind != INPUT.name:
            kind = cut(record.kind)
            message = f"input_id {show(node_id)} names a node of kind `{kind}`; it must name an `input` node"
        else:
            continue
        findings.append(root_finding("TL104", message, (name,)))
