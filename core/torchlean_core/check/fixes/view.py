"""The graph as fixes look at it: who is who, who uses whom, and what is named by a node's id.

What one node, or one id, is wrong about says nothing of the others: an id is looked up as the checker looks it up, and
what cannot be read is left out. So a fix asks of the graph only what it needs itself.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.kinds import DIALECTS, Dialect
from torchlean_core.kinds.spec import Path
from torchlean_core.text import Document, no_collector
from torchlean_core.text.tree import MAX_TROUBLES, Trouble

Parents = list["int | None"]
"""Parent ids of a node; None for each that cannot be read."""


class View:
    """What fixes need to know of one report, found once.

    Attributes:
        document: The text.
        records: What could be read of each node.
        errors: Number of errors in the report.
        faulty: Places of the nodes with an error that is not about their ids, and whether all are about their parents.
        dialect: The dialect of the file.
        root: The root object; empty where it is none.
    """

    def __init__(
        self,
        document: Document,
        records: Sequence[Record | None],
        errors: int,
        dialect: Dialect,
        faulty: Mapping[int, bool] = MappingProxyType({}),
    ) -> None:
        self.document = document
        self.dialect = dialect
        self.records = records
        self.errors = errors
        self.faulty = faulty
        self.root = document.value if isinstance(document.value, dict) else {}
        self.made: dict[str, object] = {}

    @cached_property
    def sound(self) -> bool:
        """Whether the text shows every node, id and parent where it is, so that nodes can be moved."""
        troubles = self.document.troubles
        return len(troubles) < MAX_TROUBLES and all(_is_local(self.document.text, one) for one in troubles)

    # -- ids ----------------------------------------------------------------------------------------------

    @cached_property
    def _nodes(self) -> Sequence[Any]:
        nodes = self.root.get("nodes")
        return (
            nodes if type(nodes) is list and len(nodes) == len(self.records) else [None] * len(self.records)
        )

    @cached_property
    def ids(self) -> list[int | None]:
        """The id of each node; None where it has none, or one that cannot be read."""
        found: list[int | None] = []
        for index, raw in enumerate(self._nodes):
            node_id = raw.get("id") if type(raw) is dict else None
            if type(node_id) is int and node_id >= 0:
                found.append(node_id)
            else:  # 2.0 is an id: the record knows
                record = self.records[index]
                found.append(None if record is None else record.id)
        return found

    @cached_property
    def refs(self) -> list[int | None]:
        """The id that others mean each node with: of one without an id its place; None for what is no node."""
        return [
            index if node_id is None and self.records[index] is not None else node_id
            for index, node_id in enumerate(self.ids)
        ]

    @cached_property
    def _by_ref(self) -> tuple[dict[int, int], dict[int, list[int]]]:
        return by_ref(self.refs)

    @cached_property
    def places(self) -> dict[int, int]:
        """Place of each node by the id that others mean it with; ids that two nodes have are left out."""
        return self._by_ref[0]

    @cached_property
    def shared(self) -> dict[int, list[int]]:
        """Places of the nodes that have one id, by that id."""
        return self._by_ref[1]

    def place(self, ref: int | None, user: int | None) -> int | None:
        """Place of the node that an id names: of those with one id the last before its user, as the checker has it.

        Args:
            ref: The id.
            user: Place of the node that names it; None for the root, which means the last of all.
        """
        if ref is None:
            return None
        place = self.places.get(ref)
        if place is not None:
            return place
        before = [one for one in self.shared.get(ref, ()) if user is None or one < user]
        return before[-1] if before else None

    def takes_before(self, index: int) -> bool:
        """Whether new nodes can come before a node, under the ids of the places where they stand then.

        All ids from there on make room for them, whether they are right or not.
        """
        record = self.records[index]
        return (
            record is not None
            and record.id is not None
            and record.id >= index
            and all(parent is not None and parent < index for parent in record.parents or ())
        )

    # -- edges --------------------------------------------------------------------------------------------

    @cached_property
    def parents(self) -> list[Parents | None]:
        """The parent ids of every node; None where the array cannot be read."""
        found: list[Parents | None] = []
        for index, raw in enumerate(self._nodes):
            parents = raw.get("parents") if type(raw) is dict else None
            # A loop over them costs more than the rest, and nearly all have two at most.
            if (
                type(parents) is list
                and not set(map(type, parents)) - _INT
                and (not parents or min(parents) >= 0)
            ):
                found.append(parents)
            else:
                record = self.records[index]
                found.append(None if record is None else record.parents)
        return found

    @cached_property
    def users(self) -> dict[int, list[int]]:
        """Places of the nodes that name a node as a parent, by its place, each once and in order."""
        found: dict[int, list[int]] = {}
        once = self.places
        with no_collector():  # it makes a list for every node
            for index, parents in enumerate(self.parents):
                if parents is None:
                    continue
                for parent in parents if len(parents) < 2 else dict.fromkeys(parents):
                    place = once[parent] if parent in once else self.place(parent, index)
                    if place in found:
                        found[place].append(index)
                    elif place is not None:
                        found[place] = [index]
        return found

    @cached_property
    def unread(self) -> bool:
        """Whether an id, a parent or an end cannot be read, and may be meant to name something."""
        if not self.whole_ends or any(parents is None or None in parents for parents in self.parents):
            return True
        return any(
            node_id is None and _says_id(raw) for node_id, raw in zip(self.ids, self._nodes, strict=True)
        )

    # -- the ends -----------------------------------------------------------------------------------------

    @cached_property
    def ends(self) -> dict[Path, int]:
        """The ids that the root names, by their place in it: those that are natural numbers."""
        found = dict(self.dialect.ends_of(self.root))
        if any(type(value) is float for value in found.values()) and (tree := self.document.root) is not None:
            found = dict(self.dialect.ends_of(tree.value))  # read exactly: 2.0 is a natural number
        return {path: value for path, value in found.items() if type(value) is int and value >= 0}

    @cached_property
    def whole_ends(self) -> bool:
        """Whether the root names nothing but natural numbers."""
        return len(self.ends) == sum(1 for _ in self.dialect.ends_of(self.root))

    @cached_property
    def named(self) -> frozenset[int]:
        """Ids that a parent or an end names."""
        found = {parent for parents in self.parents for parent in parents or () if parent is not None}
        return frozenset(found.union(self.ends.values()))

    # -- nodes --------------------------------------------------------------------------------------------

    def record(self, index: int | None) -> Record | None:
        """What could be read of the node at a place."""
        return self.records[index] if index is not None else None

    def settled(self, index: int) -> bool:
        """Whether a node's id is its place, and no other's."""
        record = self.records[index]
        return record is not None and record.id == index and self.places.get(index) == index

    def operand(self, record: Record, position: int) -> Record | None:
        """The node that a parent id names, where it is an earlier one."""
        parents = record.parents or []
        return self.operand_of(record, parents[position] if position < len(parents) else None)

    def operand_of(self, record: Record, parent: int | None) -> Record | None:
        """The node that an id names as a parent of a node, where it is an earlier one."""
        place = self.place(parent, record.index)
        if parent is None or place is None or place >= record.index or parent >= record.ref:
            return None
        return self.records[place]

    def operands(self, record: Record) -> list[Record] | None:
        """All operands; None where one is no earlier node."""
        found = [self.operand(record, position) for position in range(len(record.parents or ()))]
        return None if record.parents is None or None in found else [one for one in found if one is not None]

    def find(self, ref: int, before: int) -> Record | None:
        """The node of an id that stands before a place, the last of several: what the checker asks for."""
        place = self.place(ref, before)
        return self.records[place] if place is not None and place < before else None

    # -- what goes by ids ---------------------------------------------------------------------------------

    def keyed(self, index: int) -> bool:
        """Whether something outside the artifact is named by this node's id."""
        raw = self._nodes[index]
        kind = raw.get("kind") if type(raw) is dict else None
        if type(kind) is not str or kind not in self.dialect.keyed:
            return False
        record = self.records[index]
        return record is not None and not self.carries(record)

    def carries(self, record: Record) -> bool:
        """Whether a node holds its parameters itself, so that they go by no id."""
        kind = self.dialect.kind(record.kind or "") if self.dialect.inline else None
        if kind is None or not kind.params:
            return False
        return all(spec.role in record.raw for spec in kind.params)

    @cached_property
    def _keyed_refs(self) -> list[int]:
        return sorted(ref for index, ref in enumerate(self.refs) if ref is not None and self.keyed(index))

    def keyed_from(self, ref: int) -> int:
        """Number of keyed nodes with an id, or a greater one."""
        return len(self._keyed_refs) - bisect.bisect_left(self._keyed_refs, ref)

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


def by_ref(refs: Iterable[int | None]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Places by what stands there: of what stands in one place that, of what stands in several all of them."""
    once: dict[int, int] = {}
    twice: dict[int, list[int]] = {}
    for place, ref in enumerate(refs):
        if ref is None:
            continue
        if ref in twice:
            twice[ref].append(place)
        elif ref in once:
            twice[ref] = [once.pop(ref), place]
        else:
            once[ref] = place
    return once, twice


def _says_id(raw: Any) -> bool:
    """Whether an element of `nodes` without an id that can be read has something in its place."""
    return type(raw) is not dict or "id" in raw


_INT = {int}
_STRUCTURE = frozenset(
    f'"{name}"' for dialect in DIALECTS.values() for name in ("nodes", "id", "parents", *dialect.end_fields)
)
_WORDS = ("True", "False", "None", "NaN")


def _is_local(text: str, trouble: Trouble) -> bool:
    """Whether a trouble of the text leaves every node, id and parent where it is."""
    said = text[trouble.start : trouble.end]
    if trouble.code == "TL002":
        return said not in _STRUCTURE
    is_comma = said == "," and trouble.message.startswith("trailing")
    return trouble.code == "TL003" or is_comma or said in _WORDS


_VIEWS: WeakKeyDictionary[Report, View] = WeakKeyDictionary()


def view_of(report: Report) -> View:
    """The view of a report, made once."""
    view = _VIEWS.get(report)
    if view is None:
        faulty: dict[int, bool] = {}
        for one in report.findings:
            if one.index is not None and one.severity is Severity.ERROR and one.path != ("id",):
                of_parents = one.path[:1] == ("parents",)
                faulty[one.index] = faulty.get(one.index, True) and of_parents
        errors = count_errors(report)
        view = _VIEWS[report] = View(report.document, report.records, errors, report.dialect, faulty)
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
    if not view.document.troubles:
        return True
    span = view.document.node_span(finding.index)
    return span is None or not any(
        trouble.code == "TL001" and trouble.start < span[1] and span[0] < trouble.end
        for trouble in view.document.troubles
    )


def sound_text(report: Report, finding: Finding) -> bool:
    """The text shows every node, id and parent where it is."""
    return view_of(report).sound


def settled_node(report: Report, finding: Finding) -> bool:
    """The text is sound, and the node's id is its place and no other's, so that it can go."""
    return finding.index is not None and view_of(report).sound and view_of(report).settled(finding.index)


def takes_nodes_before(report: Report, finding: Finding) -> bool:
    """The text is sound, and new nodes can come before the node."""
    return finding.index is not None and view_of(report).sound and view_of(report).takes_before(finding.index)


def keyed_note(count: int) -> str:
    """What a title says of nodes whose ids name parameters or random numbers."""
    if not count:
        return ""
    return f" (changes {count} node id{'' if count == 1 else 's'} that parameters or random numbers go by)"
