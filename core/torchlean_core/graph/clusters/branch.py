"""A cluster while it is built."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from torchlean_core.graph.clusters.tree import Part


class Branch:
    """A cluster that is being built.

    Attributes:
        path: The module path that it stands for; that of what is around it where it stands for none.
        items: What is in it, in order.
        label: How it is called where no module path says it.
        repeat: As of `Cluster`.
        likeness: As of `Cluster`; -1 until it is known.
        kind: `module`, `repeat`, `block` or `section`.
    """

    __slots__ = ("items", "kind", "label", "likeness", "path", "repeat")

    def __init__(
        self, path: tuple[str, ...], items: list[Branch | int], kind: str = "module", label: str = ""
    ) -> None:
        self.path = path
        self.items = items
        self.kind = kind
        self.label = label
        self.repeat = 0
        self.likeness = -1

    def moved(self, by: int) -> Branch:
        """The same branch of nodes that stand as many places further on."""
        items = [item.moved(by) if isinstance(item, Branch) else item + by for item in self.items]
        copy = Branch(self.path, items, self.kind, self.label)
        copy.repeat, copy.likeness = self.repeat, self.likeness
        return copy


Item = Branch | int


def first_of(item: Item) -> int:
    """Place of the first node of an item."""
    while isinstance(item, Branch):
        item = item.items[0]
    return item


def last_of(item: Item) -> int:
    """Place of the last node of an item."""
    while isinstance(item, Branch):
        item = item.items[-1]
    return item


class Outside:
    """What the whole graph says about any piece of it.

    Attributes:
        parts: All nodes.
        last_use: For every node the place of its last user; its own where it has none.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.last_use = list(range(len(parts)))
        for place, part in enumerate(parts):
            for parent in part.parents:
                self.last_use[parent] = place
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable) -> int:
        """A number that stands for a key."""
        return self._numbers.setdefault(key, len(self._numbers))

    def tokens(self, items: Sequence[Item]) -> list[int]:
        """For every item a number: equal for items of equal structure with operands at the same distances."""
        first = first_of(items[0])
        item_of: list[int] = []
        for number, item in enumerate(items):
            item_of += [number] * (last_of(item) - first_of(item) + 1)
        found = []
        for number, item in enumerate(items):
            if isinstance(item, Branch):
                found.append(self.number(("branch", item.likeness)))
                continue
            part = self.parts[item]
            distances = tuple(
                number - item_of[parent - first] if parent >= first else 0 for parent in part.parents
            )
            found.append(self.number((part.kind, distances)))
        return found

    def widths(self, items: Sequence[Item]) -> list[int]:
        """For every place between items, ends included, how many values of these items pass it."""
        changes = [0] * (len(items) + 2)
        first, last = first_of(items[0]), last_of(items[-1])
        item_of: list[int] = []
        for number, item in enumerate(items):
            item_of += [number] * (last_of(item) - first_of(item) + 1)
        for place in range(first, last + 1):
            use = self.last_use[place]
            until = item_of[use - first] if use <= last else len(items)
            begin = item_of[place - first] + 1
            if until >= begin:
                changes[begin] += 1
                changes[until + 1] -= 1
        total = 0
        found = []
        for change in changes[: len(items) + 1]:
            total += change
            found.append(total)
        return found
