"""The check of a whole document: root, id discipline, parents, shapes, tuples, and advice.

Every node is judged on its own against its parents' declared shapes (ir-v1 section 6), so that one mistake
gives one finding at its node and at most one at each child that no longer fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torchlean_core.check.advice import advise
from torchlean_core.check.attention import check_projection
from torchlean_core.check.findings import Finding, Related, Severity
from torchlean_core.check.nodes import NeedsExact, Reader, Record, describe
from torchlean_core.check.places import place
from torchlean_core.kinds import FORMAT, INPUT, TUPLE_GETITEM, Problems
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.spec import Path
from torchlean_core.text import BAD, Document, Encoding, Range, read_bytes, read_text

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFORMATION: 2, Severity.HINT: 3}


@dataclass(eq=False)
class Report:
    """The result of a check.

    Attributes:
        document: The text that was checked.
        findings: Everything found, in the order of the nodes.
        records: What could be read of each node, by place; None where an element is no object.
    """

    document: Document
    findings: list[Finding]
    records: list[Record | None]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @cached_property
    def by_id(self) -> dict[int, Record]:
        """Records by raw id; of equal ids the first."""
        found: dict[int, Record] = {}
        for record in self.records:
            if record is not None:
                found.setdefault(record.ref, record)
        return found

    def span(self, finding: Finding) -> tuple[int, int]:
        """Offsets of the text that a finding points at."""
        return place(self.document, finding.index, finding.path, finding.span, finding.on_key)

    def range(self, finding: Finding, encoding: Encoding = Encoding.UTF16) -> Range:
        """Range of the text that a finding points at."""
        return self.document.lines.range(*self.span(finding), encoding)


def check_text(text: str) -> Report:
    """Check a text as an artifact, whatever it holds."""
    return check_document(read_text(text))


def check_bytes(content: bytes) -> Report:
    """Check a file's content as an artifact, whatever it holds."""
    return check_document(read_bytes(content))


def check_document(document: Document) -> Report:
    """Check a document that was read."""
    try:
        return _Checker(document).check()
    except NeedsExact:
        return _Checker(document.exactly()).check()


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.reader = Reader(document.exact)
        self.findings = self.reader.findings
        self.records: list[Record | None] = []

    def check(self) -> Report:
        for trouble in self.document.troubles:
            self.findings.append(
                Finding(trouble.code, Severity.ERROR, trouble.message, span=(trouble.start, trouble.end))
            )
        root = self.document.value
        if isinstance(root, dict):
            if "output_ids" in root and "output_id" not in root:
                self.root(
                    "TL016",
                    "generalized dialect (`output_ids`): not supported yet",
                    ("output_ids",),
                    key=True,
                )
            else:
                self._root(root)
        elif root is not BAD:
            self.root("TL011", f"an artifact is a JSON object, found {describe(root)}", ())
        return Report(self.document, self.findings, self.records)

    def root(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        severity: Severity = Severity.ERROR,
        key: bool = False,
        **data: Any,
    ) -> None:
        """Report something about the root object."""
        self.findings.append(Finding(code, severity, message, path=path, on_key=key, data=data))

    # -- the root -----------------------------------------------------------------------------------------

    def _root(self, root: dict[str, Any]) -> None:
        if "format" not in root:
            message = f'no `format`: an artifact says "format": "{FORMAT}"'
            self.root("TL013", message, (), severity=Severity.WARNING, field="format", value=FORMAT)
        elif root["format"] != FORMAT and root["format"] is not BAD:
            self.root("TL012", f'format must be "{FORMAT}", found {describe(root["format"])}', ("format",))
        nodes = root.get("nodes")
        if "nodes" not in root:
            self.root("TL010", "missing field `nodes`: the array of nodes", (), field="nodes")
        elif type(nodes) is not list:
            if nodes is not BAD:
                self.root("TL011", f"nodes must be an array of nodes, found {describe(nodes)}", ("nodes",))
            nodes = None
        elif not nodes:
            self.root("TL106", "nodes is empty: an artifact has at least an `input` node", ("nodes",))
        ends = {name: self._root_id(root, name) for name in ("input_id", "output_id")}
        if not nodes:
            return
        self._nodes(nodes)
        self._inputs()
        known = self._last_by_id()
        for name, node_id in ends.items():
            if node_id is not None:
                self._endpoint(name, node_id, known.get(node_id))
        advise(self.records, known, known.get(ends["output_id"]), self.findings)

    def _root_id(self, root: dict[str, Any], name: str) -> int | None:
        value = root.get(name)
        if name not in root:
            what = "input node" if name == "input_id" else "output node"
            self.root("TL010", f"missing field `{name}`: the id of the {what}", (), field=name)
            return None
        if type(value) is int and value >= 0:
            return value
        if type(value) is float and not self.document.exact:
            raise NeedsExact
        if value is not BAD:
            self.root("TL011", f"{name} must be a natural number, found {describe(value)}", (name,))
        return None

    def _last_by_id(self) -> dict[int | None, Record]:
        return {record.ref: record for record in self.records if record is not None}

    def _endpoint(self, name: str, node_id: int, record: Record | None) -> None:
        if record is None or node_id >= len(self.records):
            message = f"{name} {show(node_id)} names no node: ids are 0..{len(self.records) - 1}"
        elif record.is_tuple:
            message = f"{name} {show(node_id)} names a tuple-valued node; it must name a tensor-valued one"
        elif name == "input_id" and record.kind is not None and record.kind != INPUT.name:
            kind = _cut(record.kind)
            message = f"input_id {show(node_id)} names a node of kind `{kind}`; it must name an `input` node"
        else:
            return
        self.root("TL104", message, (name,))

    def _inputs(self) -> None:
        inputs = [r for r in self.records if r is not None and r.kind == INPUT.name and not r.is_tuple]
        if not inputs and all(r is not None and r.kind is not None for r in self.records):
            self.root("TL105", "no `input` node: nothing receives the network's input", ("nodes",), key=True)
        for record in inputs[1:]:
            self._node(
                record,
                "TL105",
                "more than one `input` node: every one receives the same tensor",
                ("kind",),
                severity=Severity.WARNING,
            )

    # -- nodes --------------------------------------------------------------------------------------------

    def _nodes(self, nodes: list[Any]) -> None:
        defined: dict[int, Record] = {}
        for index, raw in enumerate(nodes):
            if type(raw) is not dict:
                if raw is not BAD:
                    message = f"a node is a JSON object, found {describe(raw)}"
                    self.findings.append(Finding("TL011", Severity.ERROR, message, index))
                self.records.append(None)
                continue
            record = self.reader.read(index, raw)
            self.records.append(record)
            if record.id is not None and record.id != index:
                self._node(
                    record, "TL101", f"nodes[{index}] must have id {index}, found {show(record.id)}", ("id",)
                )
            operands = self._operands(record, defined)
            if record.entry is not None:
                self._judge(record, operands)
            defined[record.ref] = record

    def _operands(self, record: Record, defined: dict[int, Record]) -> list[Record] | None:
        """The parents' records; None (with a finding for each) where one cannot be used."""
        if record.parents is None:
            return None
        found: list[Record] = []
        usable = True
        own = record.ref
        reported = 0
        for position, parent in enumerate(record.parents):
            operand = defined.get(parent) if parent is not None else None
            if operand is not None and parent is not None and parent < own:
                found.append(operand)
                continue
            usable = False
            if parent is not None and reported < 20:
                reported += 1
                self._node(record, "TL103", self._parent_message(parent, own), ("parents", position))
        return found if usable else None

    def _parent_message(self, parent: int, own: int) -> str:
        if parent == own:
            return f"parent {show(parent)} is the node itself"
        if parent > own:
            return f"parent {show(parent)} comes after node {show(own)}: parents have smaller ids"
        return f"parent {show(parent)} is no earlier node"

    def _judge(self, record: Record, operands: list[Record] | None) -> None:
        """Arity, tuple operands, and the shape rule of a tensor-valued node of a known kind."""
        entry = record.entry
        assert entry is not None
        if record.parents is not None and not self._arity(record, len(record.parents)):
            return
        if operands is None:
            if entry is TUPLE_GETITEM and record.parents is not None and record.parents[0] is not None:
                message = f"parent {show(record.parents[0])} is no earlier tuple to take a component from"
                self._node(record, "TL302", message, ("parents", 0))
            return
        if entry is TUPLE_GETITEM:
            check_projection(self.reader, record, operands[0], self.records)
            return
        shapes: list[Sequence[int]] = []
        for position, operand in enumerate(operands):
            if operand.is_tuple:
                message = (
                    f"operand {show(operand.ref)} (`{_cut(operand.kind)}`) is a tuple; take a component with "
                    f"`{TUPLE_GETITEM.name}` first"
                )
                self._node(record, "TL301", message, ("parents", position), related=self._related([operand]))
            elif operand.shape is not None:
                shapes.append(operand.shape)
        if len(shapes) != len(operands) or not record.complete:
            return
        result = entry.infer(record.fields, shapes, record.shape)
        if isinstance(result, Problems):
            for problem in result:
                involved = [operands[parent] for parent in problem.parents]
                self._node(
                    record, problem.code, problem.message, problem.path, related=self._related(involved)
                )
        elif result is not None and record.shape is not None and list(result) != record.shape:
            self._node(
                record,
                "TL201",
                f"shape of `{entry.name}` should be {show_shape(result)}, found {show_shape(record.shape)}",
                ("shape",),
                related=self._related(operands),
                inferred=list(result),
            )

    def _arity(self, record: Record, count: int) -> bool:
        assert record.entry is not None
        low, high = record.entry.arity
        if count >= low and (high is None or count <= high):
            return True
        expected = str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        noun = "parent" if expected == "1" else "parents"
        self._node(record, "TL102", f"`{record.kind}` takes {expected} {noun}, found {count}", ("parents",))
        return False

    def _related(self, records: list[Record]) -> tuple[Related, ...]:
        seen = {record.index: record for record in records[:8]}
        return tuple(
            Related(
                record.index,
                ("shape",) if record.shape is not None else (),
                f"operand {show(record.ref)} (`{_cut(record.kind)}`)"
                + (f" has shape {show_shape(record.shape)}" if record.shape is not None else ""),
            )
            for record in seen.values()
        )

    def _node(
        self,
        record: Record,
        code: str,
        message: str,
        path: Path,
        *,
        severity: Severity = Severity.ERROR,
        related: tuple[Related, ...] = (),
        **data: Any,
    ) -> None:
        self.findings.append(
            Finding(code, severity, message, record.index, record.id, path, related=related, data=data)
        )


def _cut(kind: str | None) -> str:
    if kind is None:
        return "?"
    return kind if len(kind) <= 60 else kind[:59] + "…"
