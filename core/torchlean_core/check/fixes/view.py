"""The graph as fixes look at it: who is who, who uses whom, and what is named by a node's id."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from weakref import WeakKeyDictionary

from torchlean_core.check.checker import Report
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.kinds import Dialect
from torchlean_core.kinds.spec import Path
from torchlean_core.text import Document


class View:
    """What fixes need to know of one report, found once.

    Attributes:
        document: The text.
        records: What could be read of each node.
        errors: Number of errors in the report.
        dialect: The dialect of the file.
        root: The root object; empty where it is none.
    """

    def __init__(
        self, document: Document, records: list[Record | None], errors: int, dialect: Dialect
    ) -> None:
        self.document = document
        self.dialect = dialect
        self.records = records
        self.errors = errors
        self.root = document.value if isinstance(document.value, dict) else {}
        self.made: dict[str, object] = {}

    @cached_property
    def sound(self) -> bool:
        """Whether the text is JSON without duplicate keys, so that nodes can be moved."""
        return all(trouble.code == "TL003" for trouble in self.document.troubles)

    @cached_property
    def places(self) -> dict[int, int]:
        """Place of each node by the id that others mean it with; ids that two nodes have are left out."""
        found: dict[int, int] = {}
        twice = set()
        for record in self.records:
            if record is not None:
                if record.ref in found:
                    twice.add(record.ref)
                found[record.ref] = record.index
        return {ref: index for ref, index in found.items() if ref not in twice}

    @cached_property
    def clear(self) -> bool:
        """Whether every node can be read, has an id that no other has, and parents that are ids."""
        return len(self.places) == len(self.records) and all(
            record is not None
            and record.id is not None
            and record.parents is not None
            and None not in record.parents
            for record in self.records
        )

    @cached_property
    def users(self) -> dict[int, list[int]]:
        """Places of the nodes that name a node as a parent, by its place, each once and in order."""
        found: dict[int, list[int]] = {}
        for record in self.records:
            for parent in dict.fromkeys(record.parents or ()) if record is not None else ():
                if parent is not None and (place := self.places.get(parent)) is not None:
                    found.setdefault(place, []).append(record.index)  # type: ignore[union-attr]
        return found

    @cached_property
    def ends(self) -> dict[Path, int]:
        """The ids that the root names, by their place in it: those that are natural numbers."""
        found = dict(self.dialect.ends_of(self.root))
        if any(type(value) is float for value in found.values()) and (tree := self.document.root) is not None:
            found = dict(self.dialect.ends_of(tree.value))  # read exactly: 2.0 is a natural number
        return {path: value for path, value in found.items() if type(value) is int and value >= 0}

    @cached_property
    def whole_ends(self) -> bool:
        """Whether the root names an input and outputs, and nothing but natural numbers."""
        named = sum(1 for _ in self.dialect.ends_of(self.root))
        return len(self.ends) == named and {path[0] for path in self.ends} == set(self.dialect.end_fields)

    @cached_property
    def strays(self) -> bool:
        """Whether an id that names no node could come to name one when nodes get other ids."""
        count = len(self.records)
        named = (parent for record in self.records if record is not None for parent in record.parents or ())
        return any(
            ref is not None and ref < count and ref not in self.places
            for ref in (*named, *self.ends.values())
        )

    @cached_property
    def disciplined(self) -> bool:
        """Whether ids are places, every parent is an earlier node, and all ends name nodes."""
        return (
            self.sound
            and self.clear
            and self.whole_ends
            and all(end < len(self.records) for end in self.ends.values())
            and all(
                record.id == record.index
                and all(_before(parent, record.index) for parent in record.parents or ())
                for record in self.records
                if record is not None
            )
        )

    def record(self, index: int | None) -> Record | None:
        """What could be read of the node at a place."""
        return self.records[index] if index is not None else None

    def operand(self, record: Record, position: int) -> Record | None:
        """The node that a parent id names, where it is an earlier one."""
        parents = record.parents or []
        parent = parents[position] if position < len(parents) else None
        place = self.places.get(parent) if parent is not None else None
        if parent is None or place is None or place >= record.index or parent >= record.ref:
            return None
        return self.records[place]

    def operands(self, record: Record) -> list[Record] | None:
        """All operands; None where one is no earlier node."""
        found = [self.operand(record, position) for position in range(len(record.parents or ()))]
        return None if record.parents is None or None in found else [one for one in found if one is not None]

    def keyed(self, index: int) -> bool:
        """Whether something outside the artifact is named by this node's id."""
        record = self.records[index]
        return record is not None and record.kind in self.dialect.keyed and not self.carries(record)

    def carries(self, record: Record) -> bool:
        """Whether a node holds its parameters itself, so that they go by no id."""
        kind = self.dialect.kind(record.kind or "") if self.dialect.inline else None
        if kind is None or not kind.params:
            return False
        return all(spec.role in record.raw for spec in kind.params)

    @cached_property
    def _keyed_behind(self) -> list[int]:
        counts = [0]
        for index in range(len(self.records) - 1, -1, -1):
            counts.append(counts[-1] + self.keyed(index))
        return counts[::-1]

    def keyed_from(self, index: int) -> int:
        """Number of keyed nodes at a place and behind it."""
        return self._keyed_behind[index]

    def branch(self, index: int) -> Iterator[int]:
        """Places of a node and of everything that depends on it."""
        seen = {index}
        waiting = [index]
        while waiting:
            place = waiting.pop()
            yield place
            for user in self.users.get(place, ()):
                if user not in seen:
                    seen.add(user)
                    waiting.append(user)


def _before(parent: int | None, index: int) -> bool:
    return parent is not None and parent < index


_VIEWS: WeakKeyDictionary[Report, View] = WeakKeyDictionary()


def view_of(report: Report) -> View:
    """The view of a report, made once."""
    view = _VIEWS.get(report)
    if view is None:
        view = _VIEWS[report] = View(
            report.document, list(report.records), count_errors(report), report.dialect
        )
    return view


def count_errors(report: Report) -> int:
    """Number of findings that are errors."""
    return sum(finding.severity is Severity.ERROR for finding in report.findings)


# -- preconditions of passes --------------------------------------------------------------------------------


def readable_node(report: Report, finding: Finding) -> bool:
    """The finding is at a node that is an object, and whose text is JSON."""
    view = view_of(report)
    if finding.index is None or view.record(finding.index) is None:
        return False
    span = None if view.sound else view.document.node_span(finding.index)
    return span is None or not any(
        trouble.code == "TL001" and trouble.start < span[1] and span[0] < trouble.end
        for trouble in view.document.troubles
    )


def sound_text(report: Report, finding: Finding) -> bool:
    """The text is JSON without duplicate keys."""
    return view_of(report).sound


def clear_ids(report: Report, finding: Finding) -> bool:
    """Every node has an id of its own, and no id that names nothing could come to name something."""
    view = view_of(report)
    return view.sound and view.clear and not view.strays


def disciplined_ids(report: Report, finding: Finding) -> bool:
    """Ids, parents and ends are in order, so that nodes can come and go."""
    return view_of(report).disciplined


def keyed_note(count: int) -> str:
    """What a title says of nodes whose ids name parameters or random numbers."""
    if not count:
        return ""
    return f" (changes {count} node id{'' if count == 1 else 's'} that parameters or random numbers go by)"
