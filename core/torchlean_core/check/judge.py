"""The judgement of one node: id discipline, parents, arity, shapes, tuples, and advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchlean_core.check.advice import advise
from torchlean_core.check.attention import check_projection
from torchlean_core.check.findings import Finding, Related, Severity
from torchlean_core.check.nodes import MAX_PER_ARRAY, Reader, Record, cut
from torchlean_core.check.payload import check_payload
from torchlean_core.kinds import Dialect, Problems
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.spec import Path


class Judge:
    """Judges nodes; what it needs of other nodes it asks for.

    Attributes:
        find: (id, place) to the node of that id that stands before the place, the last of several.
    """

    def __init__(self, find: Callable[[int, int], Record | None], dialect: Dialect) -> None:
        self.find = find
        self.dialect = dialect
        self.reader = Reader(exact=True, dialect=dialect)

    def judge(self, record: Record, reading: list[Finding]) -> list[Finding]:
        """Everything wrong with a node and advisable about it.

        Args:
            record: What could be read of it.
            reading: The findings of reading it.
        """
        self.reader.findings = findings = list(reading)
        index = record.index
        if record.id is not None and record.id != index:
            findings.append(misplaced(index, record.id))
        operands = self._operands(record)
        if record.entry is not None:
            self._tensor(record, operands)
        if record.entry is not None:
            extra = {name: record.raw[name] for name in record.entry.extras if name in record.raw}
            shape = record.shape if record.complete else None  # of a pool in error nothing is known
            advise(index, record.id, record.entry, shape, {**record.fields, **extra}, findings)
        if self.dialect.inline and all(finding.severity is not Severity.ERROR for finding in findings):
            findings += payload_findings(self.dialect, record, operands or [], record.raw)
        return findings

    def _operands(self, record: Record) -> list[Record] | None:
        """The parents' records; None (with a finding for each) where one cannot be used."""
        if record.parents is None:
            return None
        found: list[Record] = []
        own = record.ref
        bad = 0
        unreadable = False
        for position, parent in enumerate(record.parents):
            operand = self.find(parent, record.index) if parent is not None and parent < own else None
            if operand is not None:
                found.append(operand)
            elif parent is None:
                unreadable = True  # reported as it was read
            elif (bad := bad + 1) <= MAX_PER_ARRAY:
                self._add(record, "TL103", _parent_message(parent, own), ("parents", position))
        self._count_rest(record, bad, "TL103", "parents are no earlier nodes")
        return None if bad or unreadable else found

    def _tensor(self, record: Record, operands: list[Record] | None) -> None:
        """Arity, tuple operands, and the shape rule of a tensor-valued node of a known kind."""
        entry = record.entry
        assert entry is not None
        if record.parents is not None and not self._arity(record, len(record.parents)):
            return
        if operands is None:
            if entry is self.dialect.getitem and record.parents is not None and record.parents[0] is not None:
                message = f"parent {show(record.parents[0])} is no earlier tuple to take a component from"
                self._add(record, "TL302", message, ("parents", 0))
            return
        if entry is self.dialect.getitem:
            check_projection(self.reader, record, operands[0], self.find)
            return
        shapes: list[Sequence[int]] = []
        tuples = 0
        for position, operand in enumerate(operands):
            if operand.is_tuple:
                tuples += 1
                if tuples > MAX_PER_ARRAY:
                    continue
                message = (
                    f"operand {show(operand.ref)} (`{cut(operand.kind)}`) is a tuple; take a component with "
                    f"`{self.dialect.getitem.name}` first"
                )
                self._add(record, "TL301", message, ("parents", position), related=_related([operand]))
            elif operand.shape is not None:
                shapes.append(operand.shape)
        self._count_rest(record, tuples, "TL301", "operands are tuples")
        if len(shapes) == len(operands) and record.complete:
            self._shape(record, operands, shapes)

    def _shape(self, record: Record, operands: list[Record], shapes: list[Sequence[int]]) -> None:
        assert record.entry is not None
        result = record.entry.infer(record.fields, shapes, record.shape)
        if isinstance(result, Problems):
            for problem in result[:MAX_PER_ARRAY]:
                involved = _related([operands[parent] for parent in problem.parents])
                self._add(record, problem.code, problem.message, problem.path, related=involved)
            self._count_rest(record, len(result), "TL202", "operands do not fit the first one")
        elif result is not None and record.shape is not None and list(result) != record.shape:
            self._add(
                record,
                "TL201",
                f"shape of `{record.entry.name}` should be {show_shape(result)}, found {show_shape(record.shape)}",
                ("shape",),
                related=_related(operands),
                inferred=list(result),
            )

    def _count_rest(self, record: Record, count: int, code: str, what: str) -> None:
        """Say how many more there are where only the first few were reported one by one."""
        if count > MAX_PER_ARRAY:
            self._add(record, code, f"{count - MAX_PER_ARRAY} more {what}", ("parents",))

    def _arity(self, record: Record, count: int) -> bool:
        assert record.entry is not None
        low, high = record.entry.arity
        if count >= low and (high is None or count <= high):
            return True
        expected = str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        noun = "parent" if expected == "1" else "parents"
        self._add(record, "TL102", f"`{record.kind}` takes {expected} {noun}, found {count}", ("parents",))
        return False

    def _add(
        self,
        record: Record,
        code: str,
        message: str,
        path: Path,
        *,
        related: tuple[Related, ...] = (),
        **data: Any,
    ) -> None:
        self.reader.findings.append(
            Finding(code, Severity.ERROR, message, record.index, record.id, path, related=related, data=data)
        )


def payload_findings(
    dialect: Dialect, record: Record, operands: Sequence[Record], raw: Mapping[str, Any]
) -> list[Finding]:
    """What is wrong with the inline parameters of a node that is otherwise right.

    Args:
        dialect: One with inline parameters.
        record: What could be read of the node.
        operands: Its operands.
        raw: The JSON object that holds the parameters.
    """
    findings: list[Finding] = []
    index, node_id = record.index, record.id
    if record.entry is not None:
        shapes = [operand.shape for operand in operands if operand.shape is not None]
        low, high = record.entry.arity
        fits = low <= len(shapes) and (high is None or len(shapes) <= high)
        # In a text that is being typed, fields may be unreadable without a finding of their own.
        if record.complete and record.shape is not None and fits and len(shapes) == len(record.parents or ()):
            check_payload(index, node_id, record.entry, raw, record.fields, shapes, record.shape, findings)
        return findings
    kind = dialect.tuple_kinds.get(record.kind or "") if record.is_tuple else None
    size = record.raw.get("embed_dim")
    if kind is not None and kind.params and type(size) is int and size >= 0:
        check_payload(index, node_id, kind, raw, {}, (), (1, 1, size), findings)
    return findings


def misplaced(index: int, node_id: int) -> Finding:
    """The finding about an id that is not its node's place."""
    message = f"nodes[{index}] must have id {index}, found {show(node_id)}"
    return Finding("TL101", Severity.ERROR, message, index, node_id, ("id",))


def _parent_message(parent: int, own: int) -> str:
    if parent == own:
        return f"parent {show(parent)} is the node itself"
    if parent > own:
        return f"parent {show(parent)} comes after node {show(own)}: parents have smaller ids"
    return f"parent {show(parent)} is no earlier node"


def _related(records: list[Record]) -> tuple[Related, ...]:
    seen = {record.index: record for record in records[:8]}
    return tuple(
        Related(
            record.index,
            ("shape",) if record.shape is not None else (),
            f"operand {show(record.ref)} (`{cut(record.kind)}`)"
            + (f" has shape {show_shape(record.shape)}" if record.shape is not None else ""),
        )
        for record in seen.values()
    )
