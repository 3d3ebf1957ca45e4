"""Which nodes the outputs depend on, kept while single nodes change."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

Parents = Callable[[int], Iterable[int]]
"""The parents of the node at a place, all of them places."""


class Reach:
    """What outputs depend on, in a graph whose parents stand before their users.

    Of each node it is known how many nodes that count use it, so an edit costs what it reaches anew or no more.

    Attributes:
        reached: By place, whether an output depends on the node; it does on itself.
        outputs: Places of the outputs.
    """

    def __init__(self, count: int, outputs: Iterable[int], parents: Parents) -> None:
        self.reached = bytearray(count)
        self._users = array("l", bytes(count * array("l").itemsize))
        self.outputs = frozenset(outputs)
        self._without: set[int] = set()  # places whose parents do not count at the moment
        reached, users = self.reached, self._users
        for output in self.outputs:
            reached[output] = 1
        for place in range(max(self.outputs), -1, -1):
            if reached[place]:
                for parent in set(parents(place)):
                    if 0 <= parent < place:
                        users[parent] += 1
                        reached[parent] = 1

    def drop(self, places: Iterable[int], parents: Parents) -> None:
        """Forget the parents of some nodes, which are about to change."""
        for place in places:
            edges = self._edges(place, parents) if self.reached[place] else []
            self._without.add(place)
            while edges:
                parent = edges.pop()
                self._users[parent] -= 1
                if not self._users[parent] and parent not in self.outputs:
                    self.reached[parent] = 0
                    edges += self._edges(parent, parents)

    def add(self, places: Iterable[int], parents: Parents) -> None:
        """Count the parents of nodes that were dropped, as they are now."""
        for place in places:
            self._without.discard(place)
            edges = self._edges(place, parents) if self.reached[place] else []
            while edges:
                parent = edges.pop()
                self._users[parent] += 1
                if not self.reached[parent]:
                    self.reached[parent] = 1
                    edges += self._edges(parent, parents)

    def _edges(self, place: int, parents: Parents) -> list[int]:
        if place in self._without:
            return []
        return [parent for parent in set(parents(place)) if 0 <= parent < place]
