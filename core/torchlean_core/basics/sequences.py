"""Small algorithms on sequences."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable, Mapping, Sequence


def longest_increasing(values: Sequence[int]) -> list[int]:
    """Positions of a longest strictly increasing subsequence, in O(n log n)."""
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(values)
    for position, value in enumerate(values):
        k = bisect.bisect_left(tails, value)
        before[position] = ends[k - 1] if k else -1
        tails[k : k + 1] = [value]
        ends[k : k + 1] = [position]
    found = []
    position = ends[-1] if ends else -1
    while position >= 0:
        found.append(position)
        position = before[position]
    return found[::-1]


def first_things_first(ranked: Sequence[int], users: Mapping[int, Iterable[int]]) -> list[int]:
    """The order nearest to a wanted one in which everything stands before its users, as far as there is one.

    Args:
        ranked: The numbers from 0, each once, in the order that is wanted.
        users: Of a number those that come after it, each once. A cycle is cut at what is wanted first.
    """
    rank = [0] * len(ranked)
    for place, number in enumerate(ranked):
        rank[number] = place
    waits = [0] * len(ranked)
    for number, after in users.items():
        for user in after:
            waits[user] += user != number
    ready = [place for place, number in enumerate(ranked) if not waits[number]]  # sorted, so it is a heap
    taken = bytearray(len(ranked))
    order: list[int] = []
    stuck = 0
    while len(order) < len(ranked):
        if not ready:  # nothing but cycles, and what waits for them: the first goes on as it stands
            while taken[ranked[stuck]]:
                stuck += 1
            ready.append(stuck)
        number = ranked[heapq.heappop(ready)]
        if taken[number]:
            continue
        taken[number] = 1
        order.append(number)
        for user in users.get(number, ()):
            if not taken[user]:
                waits[user] -= 1
                if not waits[user]:
                    heapq.heappush(ready, rank[user])
    return order
