"""The check of a whole document, and of what an edit of it can have changed.

Every node is judged on its own against its parents' declared shapes (ir-v1 section 6), so that one mistake
gives one finding at its node and at most one at each child that no longer fits. That also makes the check
incremental: a node's findings depend on the node, its operands, and (for a projection of an attention) the
attention's operand, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchlean_core.check.advice import advise
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.inputs import check_inputs, inputs_among
from torchlean_core.check.judge import Judge, misplaced
from torchlean_core.check.nodes import NeedsExact, Record, describe
from torchlean_core.check.payload import check_payload
from torchlean_core.check.quick import advised_of, clean_id, declared_shape, scan
from torchlean_core.check.reach import Reach
from torchlean_core.check.records import Records
from torchlean_core.check.report import Report
from torchlean_core.check.root import check_endpoints, check_root, root_finding
from torchlean_core.kinds import INPUT, Dialect, dialect_of
from torchlean_core.kinds.dialects import DEFAULT
from torchlean_core.text import BAD, Change, Document, no_collector, read_bytes, read_text


def check_text(text: str) -> Report:
    """Check a text as an artifact, whatever it holds."""
    return check_document(read_text(text))


def check_bytes(content: bytes) -> Report:
    """Check a file's content as an artifact, whatever it holds."""
    return check_document(read_bytes(content))


def check_document(document: Document) -> Report:
    """Check a document that was read."""
    return Check(document).report()


class Check:
    """The check of one document through its versions.

    Attributes:
        document: The present version.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.dialect = DEFAULT
        self._start()

    def report(self) -> Report:
        """The findings of the present version."""
        broken = any(trouble.code == "TL001" for trouble in self.document.troubles)
        findings = [
            Finding(trouble.code, Severity.ERROR, trouble.message, span=(trouble.start, trouble.end))
            for trouble in self.document.troubles
        ]
        findings += [finding for finding in self._root if not broken or finding.code not in _MISSING]
        if not broken:  # nodes may be missing where the text cannot be read: of the whole nothing is said
            findings += self._graph
            findings += self._unused
        told: set[tuple[Any, ...]] = set()
        epsilon_told = False
        mixed_told = any(finding.code == "TL017" for finding in self._root)
        damaged = self._damaged()
        for index in sorted(self._local):
            for finding in self._local[index]:
                if finding.code == "TL010" and index in damaged:
                    continue  # the field may be what cannot be read
                if broken and finding.code == "TL101" and self._follows(index, damaged):
                    continue  # nodes before it may be what cannot be read
                if finding.code == "TL402":  # once per file, at the first node that it concerns
                    if epsilon_told:
                        continue
                    epsilon_told = True
                if finding.data.get("foreign") and not mixed_told:
                    mixed_told = True
                    findings.append(_mixed(finding, self.dialect))
                if finding.index != index:  # about an attention node: several projections say the same
                    key = (finding.code, finding.index, finding.message)
                    if key in told:
                        continue
                    told.add(key)
                findings.append(finding)
        return Report(self.document, findings, self._records, self.dialect)

    def _follows(self, index: int, damaged: set[int]) -> bool:
        """Whether a node's id is the next one after that of the node before it, or may be."""
        before = self._nodes[index - 1] if index else None
        if type(before) is not dict or index - 1 in damaged or index in damaged:
            return True
        return type(before.get("id")) is int and self._nodes[index].get("id") == before["id"] + 1

    def _damaged(self) -> set[int]:
        """Places of the nodes with text inside that is not JSON."""
        spans = self.document.spans if self.document.troubles else None
        if spans is None:
            return set()
        starts = [trouble.start for trouble in self.document.troubles if trouble.code == "TL001"]
        places = {start: spans.starts.count_up_to(start) - 1 for start in starts}
        return {place for start, place in places.items() if place >= 0 and start < spans.ends[place]}

    def update(self, document: Document, changes: list[Change]) -> None:
        """Check a later version.

        Args:
            document: The later version.
            changes: Which nodes became others on the way there.
        """
        quick = self.is_quick(document, changes)
        self.document = document
        if quick:
            self._continue(_places_of(changes))
        else:
            self._start()

    def is_quick(self, document: Document, changes: list[Change]) -> bool:
        """Whether checking a later version takes looking at what changed, and what depends on it, only."""
        root = document.value
        decided = type(root) is dict and self.dialect.output_field in root
        if not (self._disciplined and decided) or any(c.removed != c.added for c in changes):
            return False
        nodes: list[Any] = root["nodes"]
        return all(_has_id(nodes[place], place) for place in _places_of(changes))

    def prepare(self) -> None:
        """Make what the check of a later version needs, so that the first edit is as fast as the others."""
        if self.document.spans is not None and self._disciplined:
            self._users_by_id()

    # -- everything ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Check everything."""
        with no_collector():
            self._check_everything()

    def _check_everything(self) -> None:
        self._root: list[Finding] = []
        self._graph: list[Finding] = []
        self._unused: list[Finding] = []
        self._reach: Reach | None = None
        self._inputs: list[int] | None = None  # places of the `input` nodes
        self._local: dict[int, list[Finding]] = {}
        self._places: dict[int, int] = {}  # of the last node with an id, where ids are not places
        self._users: dict[int, list[int]] | None = None
        self._nodes: list[Any] = []
        self._disciplined = False
        root = self.document.value
        if not isinstance(root, dict):
            self.dialect = DEFAULT
            if root is not BAD:
                self._root.append(
                    root_finding("TL011", f"an artifact is a JSON object, found {describe(root)}", ())
                )
        else:
            self.dialect = dialect_of(root)
            try:
                self._nodes = check_root(root, self.dialect, self.document.as_spelled, self._root) or []
            except NeedsExact:
                self.document = self.document.spelled()
                self._check_everything()
                return
        if not self.document.as_spelled and _spelled_as_floats(self._nodes):
            self.document = self.document.spelled()
            self._check_everything()
            return
        self._records = Records(self.document, self._nodes, self.dialect)
        self._disciplined = _disciplined(self._nodes)
        self._judge_all()
        self._check_graph()

    def _judge_all(self) -> None:
        if not self._disciplined:
            self._judge_out_of_order()
            return
        judge = Judge(self._find, self.dialect)
        suspects, advised = scan(self._nodes, self.dialect)
        for index in suspects:
            self._judge(judge, index)
        for index in advised:
            findings: list[Finding] = []
            parents = [self._nodes[parent]["shape"] for parent in self._nodes[index]["parents"]]
            self._advise(index, index, parents, findings)
            if findings:
                self._local[index] = findings

    def _judge_out_of_order(self) -> None:
        """Judge all nodes where ids are not places: what a parent id means follows from the nodes before."""
        places = self._places
        declared: dict[int, list[int] | None] = {}
        judge = Judge(
            lambda node_id, _: self._records[places[node_id]] if node_id in places else None, self.dialect
        )
        advised = advised_of(self.dialect)
        for index, raw in enumerate(self._nodes):
            node_id = clean_id(raw, declared, self.dialect)
            if node_id is not None:
                findings = [misplaced(index, node_id)] if node_id != index else []
                if raw["kind"] in advised:
                    self._advise(index, node_id, [declared[p] or [] for p in raw["parents"]], findings)
                if findings:
                    self._local[index] = findings
                declared[node_id] = raw["shape"]
            else:
                self._judge(judge, index)
                record = self._records[index]
                if record is None:
                    continue
                node_id = record.ref
                declared[node_id] = declared_shape(raw)
            places[node_id] = index

    def _advise(self, index: int, node_id: int, parents: list[list[int]], findings: list[Finding]) -> None:
        """What there is to say of a clean node."""
        raw = self._nodes[index]
        kind = self.dialect.tensor_kinds[raw["kind"]]
        advise(index, node_id, kind, raw["shape"], raw, findings)
        if self.dialect.inline:
            check_payload(index, node_id, kind, raw, raw, parents, raw["shape"], findings)

    def _judge(self, judge: Judge, index: int) -> None:
        record, reading = self._records.read(index)
        found = reading if record is None else judge.judge(record, reading)
        if found:
            self._local[index] = found
        else:
            self._local.pop(index, None)

    def _find(self, node_id: int, before: int) -> Record | None:
        """The node of an id that stands before a place; ids are places."""
        return self._records[node_id] if node_id < before else None

    # -- what changed -------------------------------------------------------------------------------------

    def _continue(self, places: set[int]) -> None:
        """Check again what others in place of some nodes can have changed."""
        nodes: list[Any] = self.document.value["nodes"]
        old = self._nodes
        users = self._users_by_id()
        reached = bytes(self._reach.reached) if self._reach is not None else b""
        if self._reach is not None:
            self._reach.drop(places, self._parents)
        for place in places:
            for parent in set(self._parents(place)):
                users[parent].remove(place)
        self._nodes = nodes
        self._records = self._records.after(self.document, nodes, places)
        for place in places:
            for parent in set(self._parents(place)):
                users.setdefault(parent, []).append(place)
        if self._reach is not None:
            self._reach.add(places, self._parents)
        affected = set(places)
        for place in places:
            affected.update(self._dependents(place))
        judge = Judge(self._find, self.dialect)
        for place in affected:
            self._judge(judge, place)
        if any(self._counts(old[i], i) != self._counts(nodes[i], i) for i in places):
            if self._inputs is not None:
                others = (place for place in self._inputs if place not in places)
                self._inputs = sorted([*others, *inputs_among(self._nodes, places, self.dialect)])
            self._check_graph()
        elif self._reach is not None and self._reach.reached != reached:
            self._find_unused(self._reach.reached)

    def _counts(self, raw: Any, place: int) -> tuple[Any, ...]:
        """What of a node, other than its parents, the checks of the whole graph look at."""
        kind, root = raw.get("kind"), self.document.value
        is_end = place == root.get("input_id") or place in self.dialect.outputs_of(root)
        is_input = kind == INPUT
        shape = raw.get("shape") if is_input else None
        return kind if is_end or is_input else type(kind) is str, raw.get("value_kind"), shape

    def _users_by_id(self) -> dict[int, list[int]]:
        """Places of the nodes that name each id as a parent; lists, which are a third of sets in size."""
        if self._users is None:
            self._users = {}
            for place in range(len(self._nodes)):
                for parent in set(self._parents(place)):
                    self._users.setdefault(parent, []).append(place)
        return self._users

    def _parents(self, place: int) -> list[int]:
        """The parent ids that can be read of a node."""
        raw = self._nodes[place]
        parents = raw.get("parents") if type(raw) is dict else None
        if type(parents) is not list:
            return []
        for parent in parents:
            if type(parent) is not int:  # 2.0 is a parent, and "2" is none: the record knows
                record = self._records[place]
                known = (record.parents or ()) if record is not None else ()
                return [parent for parent in known if parent is not None]
        return parents

    def _dependents(self, place: int) -> Iterable[int]:
        """Nodes that are judged by a node: its users, and the projections of an attention over it."""
        users = self._users_by_id()
        for user in users.get(place, ()):
            yield user
            if self._nodes[user].get("value_kind") == "tuple":
                yield from users.get(user, ())

    # -- the graph as a whole -----------------------------------------------------------------------------

    def _check_graph(self) -> None:
        """The input nodes, what the root's ids name, and what does not reach the output."""
        findings: list[Finding] = []
        reach = self._reach
        self._graph, self._unused, self._reach = findings, [], None
        root = self.document.value
        nodes = self._nodes
        if not nodes:
            return
        if self._inputs is None:
            self._inputs = inputs_among(nodes, range(len(nodes)), self.dialect)
        check_inputs(nodes, self._inputs, self._records, self.dialect, findings)
        check_endpoints(root, self.dialect, len(nodes), self._named, findings)
        ids = [output for output in self.dialect.outputs_of(root) if type(output) is int]
        outputs = {record.index for output in ids if (record := self._named(output)) is not None}
        if not outputs:
            return
        if self._disciplined:
            if reach is None or reach.outputs != outputs:
                reach = Reach(len(nodes), outputs, self._parents)
            self._reach = reach
            self._find_unused(reach.reached)
        else:
            self._find_unused(self._reach_by_id(outputs))

    def _named(self, node_id: int) -> Record | None:
        """The node that a root id names: of equal ids the last."""
        if self._disciplined:
            return self._records[node_id] if 0 <= node_id < len(self._nodes) else None
        place = self._places.get(node_id)
        return self._records[place] if place is not None else None

    def _reach_by_id(self, outputs: set[int]) -> bytearray:
        """Which nodes outputs depend on where ids are not places: follow every edge, wherever it leads."""
        reached = bytearray(len(self._nodes))
        for output in outputs:
            reached[output] = 1
        waiting = list(outputs)
        while waiting:
            for parent in self._parents(waiting.pop()):
                place = self._places.get(parent)
                if place is not None and not reached[place]:
                    reached[place] = 1
                    waiting.append(place)
        return reached

    def _find_unused(self, reached: bytearray) -> None:
        """Tell the nodes that the output does not depend on."""
        self._unused = []
        place = reached.find(0)
        while place >= 0:
            raw = self._nodes[place]
            if type(raw) is dict and raw.get("kind") != INPUT:
                node_id = place if self._disciplined else self._records[place].id  # type: ignore[union-attr]
                message = "the output does not depend on this node"
                if self.dialect.many_outputs:
                    message = "no output depends on this node"
                self._unused.append(Finding("TL403", Severity.HINT, message, place, node_id, ()))
            place = reached.find(0, place + 1)


_MISSING = ("TL010", "TL013")
"""Findings about fields that are not there."""


def _mixed(finding: Finding, dialect: Dialect) -> Finding:
    """The finding, once per file, that a node speaks another dialect."""
    message = (
        f"this file is {dialect.name} (by its root), but this node is not: convert the node, or the file"
    )
    return Finding("TL017", Severity.WARNING, message, finding.index, finding.node, ("kind",))


def _disciplined(nodes: list[Any]) -> bool:
    """Whether every node's id is its place, so that an id says where its node stands."""
    try:
        ids = [node["id"] for node in nodes]
    except (KeyError, TypeError, IndexError):
        return False
    return bool(nodes) and ids == list(range(len(nodes))) and set(map(type, ids)) <= {int}


def _spelled_as_floats(nodes: list[Any]) -> bool:
    """Whether many integers are spelled as `2.0`, as far as some nodes from all over the file tell."""
    some = nodes[:: len(nodes) // _LOOKED_AT + 1]
    return sum(map(_has_round_float, some)) >= _MANY


def _has_round_float(raw: Any) -> bool:
    values = raw.values() if type(raw) is dict else ()
    return any(
        type(one) is float and one.is_integer()
        for value in values
        for one in (value[:8] if type(value) is list else (value,))
    )


_LOOKED_AT, _MANY = 256, 8
"""Nodes of a file that are looked at for how integers are spelled, and how many are enough to read all in that way."""


def _places_of(changes: list[Change]) -> set[int]:
    """Places of the nodes that are others, where as many went as came."""
    return {place for change in changes for place in range(change.first, change.first + change.added)}


def _has_id(raw: Any, place: int) -> bool:
    return type(raw) is dict and type(raw.get("id")) is int and raw["id"] == place
