"""The nodes that receive the network's input: how many there may be, and that all mean the same tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.check.root import root_finding
from torchlean_core.kinds import INPUT, Dialect
from torchlean_core.kinds.numbers import show_shape


def inputs_among(nodes: Sequence[Any], places: Iterable[int], dialect: Dialect) -> list[int]:
    """Which of some places hold an `input` node that receives a tensor, in order."""
    tuples = dialect.one_input  # that dialect counts what claims to be a tuple, too
    return [
        place
        for place in places
        if type(raw := nodes[place]) is dict
        and raw.get("kind") == INPUT
        and (tuples or raw.get("value_kind") != "tuple")
    ]


def check_inputs(
    nodes: Sequence[Any],
    inputs: Sequence[int],
    records: Sequence[Record | None],
    dialect: Dialect,
    findings: list[Finding],
) -> None:
    """Judge the `input` nodes together.

    Args:
        nodes: All nodes as they were read.
        inputs: Places of the `input` nodes, in order.
        records: What could be read of each node, by place.
        dialect: The dialect that the file speaks.
        findings: Gets what is found.
    """
    if not inputs and all(type(raw) is dict and type(raw.get("kind")) is str for raw in nodes):
        message = "no `input` node: nothing receives the network's input"
        findings.append(root_finding("TL105", message, ("nodes",), key=True))
    if dialect.one_input and len(inputs) > 1:
        message = f"{len(inputs)} `input` nodes: the {dialect.name} dialect has exactly one"
        findings.append(root_finding("TL105", message, ("nodes",), key=True))
    first = records[inputs[0]] if len(inputs) > 1 else None
    for index in inputs[1:]:
        record = records[index]
        message = "more than one `input` node: every one receives the same tensor"
        if dialect.one_input:
            message = "one `input` node too many: another stands before it"
        elif first is not None and record is not None and _differ(first.shape, record.shape):
            message += (
                f", but this one has shape {show_shape(record.shape or ())}, and node {first.ref} "
                f"{show_shape(first.shape or ())}: `torchlean emit`, `run` and `train` refuse such a graph"
            )
        node_id = record.id if record is not None else None
        severity = Severity.ERROR if dialect.one_input else Severity.WARNING
        findings.append(Finding("TL105", severity, message, index, node_id, ("kind",)))


def _differ(one: list[int] | None, other: list[int] | None) -> bool:
    """Whether two shapes are known, and not the same."""
    return one is not None and other is not None and one != other
