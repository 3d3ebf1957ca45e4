"""Plain text: one line per node, with rails beside it for the values that are still needed."""

from __future__ import annotations

from torchlean_core.graph.clusters import Cluster
from torchlean_core.picture.marks import sign_of
from torchlean_core.picture.scene import Scene

MAX_RAILS = 24
"""Rails beside one another; of a wider graph only the operands' ids are shown."""


def text(scene: Scene) -> str:
    """The graph as text, top to bottom; an open cluster is a line of its own before what is in it."""
    parents = scene.parents()
    rails = _rails(scene, parents)
    operands: list[list[str]] = [[] for _ in scene.cards]
    for (operand, user), mark in zip(scene.edges, scene.marks, strict=True):
        operands[user].append(sign_of(mark) + scene.cards[operand].ends[1])
    rows = list(scene.outline())
    width = max((len(rail) for rail, _ in rails), default=0) if rails is not None else 0
    is_marked = any(card.mark for card in scene.cards)
    names = [_name(scene, depth, item, is_marked) for depth, item in rows]
    cards = [name for name, (_, item) in zip(names, rows, strict=True) if not isinstance(item, Cluster)]
    column = min(max(map(len, cards)), 40)
    shapes = min(max(len(card.detail) for card in scene.cards), 40)
    lines = []
    following = 0
    for name, (_, item) in zip(names, rows, strict=True):
        if isinstance(item, Cluster):
            rail = f"{rails[following][1].ljust(width)}  " if rails is not None else ""
            lines.append(f"{rail}{name}".rstrip())
            continue
        following = item + 1
        card = scene.cards[item]
        rail = f"{rails[item][0].ljust(width)}  " if rails is not None else ""
        line = f"{rail}{name.ljust(column)}  {card.detail.ljust(shapes)}"
        if parents[item]:
            line += "  ← " + ", ".join(operands[item])
        numbers = f" {', '.join(map(str, card.outputs))}" if scene.has_many_outputs else ""
        line = line.rstrip() + (f"  (output{numbers})" if card.is_output else "")
        lines.append(line + "".join(f"  {change}" for change in card.changes))
    return "\n".join(lines) + "\n"


def _name(scene: Scene, depth: int, item: Cluster | int, is_marked: bool) -> str:
    """What stands beside the rails: the sign of its mark, and the title, further right the deeper it is."""
    mark = "" if isinstance(item, Cluster) else scene.cards[item].mark
    sign = f"{sign_of(mark) or ' '} " if is_marked else ""
    if isinstance(item, Cluster):
        return f"{sign}{'  ' * depth}▾ {item.title}"
    closed = "▸ " if scene.cards[item].role == "cluster" else ""
    return f"{sign}{'  ' * depth}{closed}{scene.cards[item].title}"


def _rails(scene: Scene, parents: list[list[int]]) -> list[tuple[str, str]] | None:
    """The rails beside every card, and above it: a value's rail runs from its card to its last user."""
    last_use: dict[int, int] = {}
    for operand, user in scene.edges:
        last_use[operand] = user
    lanes: list[int | None] = []
    lines = []
    for number in range(len(scene.cards)):
        above = "".join("  " if value is None else "│ " for value in lanes).rstrip()
        used = set(parents[number])
        ending = {lane for lane, value in enumerate(lanes) if value in used and last_use[value] == number}
        free = [lane for lane, value in enumerate(lanes) if value is None or lane in ending]
        own = free[0] if free else len(lanes)
        if own == len(lanes):
            lanes.append(None)
        reached = [lane for lane, value in enumerate(lanes) if value in used]
        low, high = min([own, *reached]), max([own, *reached])
        line = "".join(_cell(lane, lanes[lane], own, used, ending, low, high) for lane in range(len(lanes)))
        lines.append((line.rstrip(), above))
        for lane in ending:
            lanes[lane] = None
        lanes[own] = number if number in last_use else None
        while lanes and lanes[-1] is None:
            lanes.pop()
        if len(lanes) > MAX_RAILS:
            return None
    return lines


def _cell(
    lane: int, value: int | None, own: int, used: set[int], ending: set[int], low: int, high: int
) -> str:
    """Two characters of one lane in the line of a node."""
    across = low <= lane < high
    tail = "─" if across else " "
    if lane == own:
        return "●" + tail
    if value in used:
        if lane in ending:
            return ("╯" if lane == high else "╰" if lane == low else "┴") + tail
        return ("┤" if lane == high else "├" if lane == low else "┼") + tail
    if value is not None:
        return ("│" if not low <= lane <= high else "┼") + tail
    return ("─" if low < lane < high else " ") + tail
