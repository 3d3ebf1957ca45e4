"""Which node of one graph is which node of another: by what they are and where they stand, not by their ids.

Matching goes from sure to likely. First come nodes whose whole history (everything they are computed from) and
whole future (everything computed from them) agree, then those of which one of the two agrees; each with and without
comments, then by kind alone, which finds the nodes of a network whose sizes changed. What is left is matched next
to neighbours that are matched already, and a node may then even change its kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import Kind
from torchlean_core.text.numbers import MANY, Numbers, numbers_of

LEVELS = 3
"""Level 0: kind, shape, fields and comments agree; 1: all but comments; 2: the kind; 3 (and more): nothing."""
_MAX_ROUNDS = 64
"""Rounds of matching by neighbours; each takes time linear in the graphs, and few are ever needed."""
_MAX_CANDIDATES = 50
"""Nodes with the same operands that are looked at for one node."""


def match_nodes(old: Graph, new: Graph) -> dict[int, int]:
    """Old to new id of the nodes that are the same one."""
    return _Matcher(old, new).match()


def node_fields(node: Node) -> dict[str, Any]:
    """Everything a node says, but its id and parents."""
    value: dict[str, Any] = {"kind": node.kind}
    if node.tuple_shapes is not None:
        value["tuple_shapes"] = node.tuple_shapes
    else:
        value["shape"] = node.shape
    return {**value, **node.fields, **node.inline, **node.extra}


def frozen(value: Any) -> Hashable:
    """A JSON value that can be compared and hashed: `true` is not 1, and a list equals a tuple.

    For many numbers their digest stands (`Numbers.digest`).
    """
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, Numbers) or (isinstance(value, list | tuple) and _may_be_long(value)):
        numbers = numbers_of(value)
        if numbers is not None and numbers.is_long:
            return ("numbers", numbers.digest())
        value = value.value() if isinstance(value, Numbers) else value
    if isinstance(value, list | tuple):
        return ("array", *map(frozen, value))
    if isinstance(value, dict):
        return ("object", frozenset((key, frozen(item)) for key, item in value.items()))
    scalar: Hashable = value
    return scalar


def _may_be_long(value: Sequence[Any]) -> bool:
    return len(value) > MANY or any(isinstance(item, list | tuple) for item in value)


class _Side:
    """One of the two graphs, with what matching asks of it."""

    def __init__(self, graph: Graph, numbers: dict[Hashable, int]) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        self.users: list[list[tuple[int, int]]] = [[] for _ in graph.nodes]
        for node in graph.nodes:
            for position, parent in enumerate(node.parents):
                self.users[parent].append((node.id, position))
        self._numbers = numbers
        self._likeness = [
            [self._number(_likeness(graph, node, level)) for node in graph.nodes] for level in range(LEVELS)
        ]

    def _number(self, key: Hashable) -> int:
        """A number that stands for a key, the same on both sides."""
        return self._numbers.setdefault(key, len(self._numbers))

    def likeness(self, node_id: int, level: int) -> int:
        """What nodes that may be the same at a level have in common."""
        return self._likeness[level][node_id] if level < LEVELS else -1

    def history(self, level: int) -> list[int]:
        """For each node a number that stands for it and everything it is computed from."""
        found: list[int] = []
        for node in self.nodes:
            parents = tuple(found[parent] for parent in node.parents)
            found.append(self._number(("history", self.likeness(node.id, level), parents)))
        return found

    def future(self, level: int) -> list[int]:
        """For each node a number that stands for it and everything that is computed from it."""
        found = [0] * len(self.nodes)
        outputs: dict[int, tuple[int, ...]] = {}
        for place, output in enumerate(self.graph.output_ids):
            outputs[output] = (*outputs.get(output, ()), place)
        for node in reversed(self.nodes):
            users = tuple(sorted((found[user], position) for user, position in self.users[node.id]))
            found[node.id] = self._number(
                ("future", self.likeness(node.id, level), users, outputs.get(node.id))
            )
        return found


def _likeness(graph: Graph, node: Node, level: int) -> Hashable:
    if level == 2:
        kind = graph.dialect.kind(node.kind)
        # Of different dialects: what is computed, whatever it is called.
        return ("kind", kind.operator.name if isinstance(kind, Kind) else node.kind)
    fields = node_fields(node)
    if level == 1:
        fields = {name: value for name, value in fields.items() if name not in node.extra}
    return (level, frozen(fields))


class _Matcher:
    def __init__(self, old: Graph, new: Graph) -> None:
        numbers: dict[Hashable, int] = {}
        self.old, self.new = _Side(old, numbers), _Side(new, numbers)
        self.pairs: dict[int, int] = {}
        self.back: dict[int, int] = {}
        # Old nodes by (parents, level, likeness), the first one last; matched ones are dropped when met.
        self._waiting: dict[tuple[tuple[int, ...], int, int], list[int]] = defaultdict(list)
        for node in reversed(old.nodes):
            for level in range(LEVELS + 1) if node.parents else ():
                self._waiting[node.parents, level, self.old.likeness(node.id, level)].append(node.id)

    def match(self) -> dict[int, int]:
        """Match all that can be matched."""
        for level in range(LEVELS):
            history = self.old.history(level), self.new.history(level)
            future = self.old.future(level), self.new.future(level)
            both = [list(zip(history[side], future[side], strict=True)) for side in (0, 1)]
            self._alike(both[0], both[1], repeated=True)
            self._alike(*history)
            self._alike(*future)
        self._by_neighbours()
        self._leftovers()
        self._by_neighbours()
        return self.pairs

    def _pair(self, a: int, b: int) -> None:
        self.pairs[a] = b
        self.back[b] = a

    def _unmatched(self) -> tuple[list[int], list[int]]:
        ours = [a for a in range(len(self.old.nodes)) if a not in self.pairs]
        return ours, [b for b in range(len(self.new.nodes)) if b not in self.back]

    def _alike(self, old: Sequence[Hashable], new: Sequence[Hashable], *, repeated: bool = False) -> None:
        """Match nodes whose key nobody else has; `repeated` also those whose key as many have on both sides."""
        groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        ours, theirs = self._unmatched()
        for a in ours:
            groups[old[a]][0].append(a)
        for b in theirs:
            groups[new[b]][1].append(b)
        for left, right in groups.values():
            if len(left) == len(right) and (repeated or len(left) == 1):
                for a, b in zip(left, right, strict=True):
                    self._pair(a, b)

    def _by_neighbours(self) -> None:
        """Match next to matched nodes until nothing more is found: the strictest likeness first."""
        level = 0
        for _ in range(_MAX_ROUNDS):
            before = len(self.pairs)
            self._forward(level)
            self._backward(level)
            if len(self.pairs) > before:
                level = 0
            elif level < LEVELS:
                level += 1
            else:
                return

    def _forward(self, level: int) -> None:
        """Match nodes whose parents are matched to each other, from the input on."""
        for b in self._unmatched()[1]:
            parents = tuple(self.back.get(parent, -1) for parent in self.new.nodes[b].parents)
            for strictness in range(level + 1):
                waiting = self._waiting.get((parents, strictness, self.new.likeness(b, strictness)), [])
                while waiting and waiting[-1] in self.pairs:
                    waiting.pop()
                for a in waiting[: -1 - _MAX_CANDIDATES : -1]:
                    if a not in self.pairs and (strictness < LEVELS or self._same_users(a, b)):
                        self._pair(a, b)
                        break
                if b in self.back:
                    break

    def _same_users(self, a: int, b: int) -> bool:
        """Whether a user of one is matched to a user of the other, or neither has any."""
        ours, theirs = self.old.users[a], set(self.new.users[b])
        if not ours and not theirs:
            return True
        return any((self.pairs.get(user), position) in theirs for user, position in ours)

    def _backward(self, level: int) -> None:
        """Match the operands of nodes that are matched to each other, place by place, from the output on."""
        ends = self.old.graph.output_ids, self.new.graph.output_ids
        for ours_end, theirs_end in zip(*ends, strict=False):  # as far as both have outputs
            self._offer(ours_end, theirs_end, level)
        for node in reversed(self.new.nodes):
            a = self.back.get(node.id)
            ours = self.old.nodes[a].parents if a is not None else ()
            if len(ours) == len(node.parents):
                for p, q in zip(ours, node.parents, strict=True):
                    self._offer(p, q, level)

    def _offer(self, a: int, b: int, level: int) -> None:
        """Match two nodes that stand at the same place, if they are free and alike."""
        if a in self.pairs or b in self.back or self.old.likeness(a, level) != self.new.likeness(b, level):
            return
        ours, theirs = self.old, self.new
        leaves = not (ours.nodes[a].parents or theirs.nodes[b].parents)
        if level < LEVELS or leaves or len(ours.users[a]) == len(theirs.users[b]) == 1:
            self._pair(a, b)

    def _leftovers(self) -> None:
        """Match what is left in order: what is alike, and of one kind only between the same neighbours."""
        for level in range(LEVELS):
            ours, theirs = self._unmatched()
            before, after = self._gaps() if level == 2 else ({}, {})
            waiting: dict[tuple[int, int], list[int]] = defaultdict(list)
            for a in reversed(ours):
                waiting[self.old.likeness(a, level), before.get(a, 0)].append(a)
            for b in theirs:
                if candidates := waiting[self.new.likeness(b, level), after.get(b, 0)]:
                    self._pair(candidates.pop(), b)

    def _gaps(self) -> tuple[dict[int, int], dict[int, int]]:
        """For each node of both graphs, the new id of the last matched node up to it."""
        before, after = {}, {}
        last = -1
        for a in range(len(self.old.nodes)):
            last = self.pairs.get(a, last)
            before[a] = last
        last = -1
        for b in range(len(self.new.nodes)):
            last = b if b in self.back else last
            after[b] = last
        return before, after
