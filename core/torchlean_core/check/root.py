"""Checks of the root object: format, `nodes`, and the ids of the ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torchlean_core.approximations import approximation
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import MAX_PER_ARRAY, NeedsExact, Record, cut, describe, similar
from torchlean_core.kinds import FORMAT, INPUT, ROOT_NAMES, TRAINING_DIFFERS, Dialect
from torchlean_core.kinds.dialects import others
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


def check_root(
    root: dict[str, Any], dialect: Dialect, exact: bool, findings: list[Finding]
) -> list[Any] | None:
    """Check format and `nodes` of the root, and the types of its ids; returns the nodes, if there are any.

    Raises:
        NeedsExact: A number was read as a float; only where the root was not read exactly.
    """
    _check_format(root, dialect, findings)
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
    _check_id(root, "input_id", "input node", exact, findings)
    if dialect.many_outputs:
        _check_ids(root, dialect.output_field, exact, findings)
    else:
        _check_id(root, dialect.output_field, "output node", exact, findings)
    for other in others(dialect):
        if other.output_field in root and dialect.output_field in root:
            message = (
                f"`{other.output_field}` is ignored: `{dialect.output_field}` says that this file is "
                f"{dialect.name}"
            )
            path = (other.output_field,)
            findings.append(
                root_finding("TL017", message, path, severity=Severity.WARNING, key=True, field=path[0])
            )
    findings.extend(_approximations(root.get("approximations")))
    findings.extend(_differences(root.get("training_differs")))
    return nodes or None


def _check_format(root: dict[str, Any], dialect: Dialect, findings: list[Finding]) -> None:
    if "format" not in root:
        required = dialect.requires_format
        severity = Severity.ERROR if required else Severity.WARNING
        message = f'no `format`: an artifact says "format": "{FORMAT}"{did_you_mean(root, "format")}'
        code = "TL010" if required else "TL013"
        findings.append(root_finding(code, message, (), severity=severity, field="format", value=FORMAT))
    elif root["format"] != FORMAT and root["format"] is not BAD:
        message = f'format must be "{FORMAT}", found {describe(root["format"])}'
        findings.append(root_finding("TL012", message, ("format",)))


def _approximations(marks: Any) -> Iterator[Finding]:
    """One finding for each mark that capture left; the field is an extra one and can hold anything."""
    for place, mark in enumerate(marks if type(marks) is list else ()):
        if type(mark) is not dict or not all(type(mark.get(name)) is str for name in ("operator", "form")):
            continue
        error = mark.get("max_relative_error")
        number = show(error) if type(error) is int else f"{error:.2g}" if type(error) is float else None
        measured = "not measured" if number is None else f"largest relative error {number}"
        bound = mark.get("bound")
        limit = f", bound {bound:g}" if type(bound) is float else ""
        message = f"{_said(mark)} ({measured}{limit})"
        path = ("approximations", place)
        yield root_finding("TL405", message, path, severity=Severity.INFORMATION)


def _said(mark: Mapping[str, Any]) -> str:
    """What stands for what; a form that is not known is named only."""
    try:
        return approximation(mark["operator"], mark["form"]).meaning
    except KeyError:
        return f"the {cut(mark['form'])} form stands in for the exact {cut(mark['operator'])}"


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


def _check_ids(root: dict[str, Any], name: str, exact: bool, findings: list[Finding]) -> None:
    """An array of ids."""
    value = root.get(name)
    if name not in root:
        message = f"missing field `{name}`: the ids of the output nodes{did_you_mean(root, name)}"
        findings.append(root_finding("TL010", message, (), field=name))
    elif type(value) is not list:
        if value is not BAD:
            message = f"{name} must be an array of natural numbers, found {describe(value)}"
            findings.append(root_finding("TL011", message, (name,)))
    elif not value:
        if root.get("nodes") == []:
            return  # there is nothing that it could name
        findings.append(root_finding("TL104", f"{name} is empty: a graph has at least one output", (name,)))
    else:
        wrong = [(place, one) for place, one in enumerate(value) if not is_id(one) and one is not BAD]
        if wrong and not exact and any(type(one) is float for _, one in wrong):
            raise NeedsExact
        for place, one in wrong[:MAX_PER_ARRAY]:
            message = f"{name}[{place}] must be a natural number, found {describe(one)}"
            findings.append(root_finding("TL011", message, (name, place)))
        if len(wrong) > MAX_PER_ARRAY:
            message = f"{len(wrong) - MAX_PER_ARRAY} more entries of {name} are no natural numbers"
            findings.append(root_finding("TL011", message, (name,)))


_TYPES: dict[str, type] = {"format": str, "nodes": list}


def misspelt(root: dict[str, Any], name: str) -> str | None:
    """The field of the root that looks like a missing one, and holds what that would."""
    others = [
        key
        for key, value in root.items()
        if key not in ROOT_NAMES and type(value) is _TYPES.get(name, list if name.endswith("_ids") else int)
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
    root: dict[str, Any],
    dialect: Dialect,
    count: int,
    find: Callable[[int], Record | None],
    findings: list[Finding],
) -> None:
    """Check what the ids of the root name: `input_id`, and each output."""
    _check_end(root.get("input_id"), "input_id", ("input_id",), count, find, findings)
    field = dialect.output_field
    wrong = 0
    for place, node_id in enumerate(dialect.outputs_of(root)):
        name, path = (f"{field}[{place}]", (field, place)) if dialect.many_outputs else (field, (field,))
        if wrong < MAX_PER_ARRAY:
            wrong += _check_end(node_id, name, path, count, find, findings)


def _check_end(
    node_id: Any,
    name: str,
    path: Path,
    count: int,
    find: Callable[[int], Record | None],
    findings: list[Finding],
) -> bool:
    """Check what one id names; whether there is a finding."""
    if type(node_id) is not int or node_id < 0:
        return False
    record = find(node_id)
    if record is None and node_id < count:
        message = f"{name} {show(node_id)} names no node: no node has this id"
    elif record is None or node_id >= count:
        message = f"{name} {show(node_id)} names no node: ids are 0..{count - 1}"
    elif record.is_tuple:
        message = f"{name} {show(node_id)} names a tuple-valued node; it must name a tensor-valued one"
    elif name == "input_id" and record.kind is not None and record.kind != INPUT:
        kind = cut(record.kind)
        message = f"input_id {show(node_id)} names a node of kind `{kind}`; it must name an `input` node"
    else:
        return False
    findings.append(root_finding("TL104", message, path))
    return True
