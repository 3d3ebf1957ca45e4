"""Plain text: one line per node, with rails beside it for the values that are still needed."""

from __future__ import annotations

from torchlean_core.graph.picture.drawing import Drawing

MAX_RAILS = 24
"""Rails beside one another; of a wider graph only the operands' ids are shown."""


def text(drawing: Drawing) -> str:
    """The graph as text, top to bottom."""
    parents = drawing.parents()
    rails = _rails(drawing, parents)
    width = max(map(len, rails), default=0) if rails is not None else 0
    titles = [box.title for box in drawing.boxes]
    column = min(max(map(len, titles)), 40)
    shapes = min(max(len(box.shape) for box in drawing.boxes), 40)
    lines = []
    for number, box in enumerate(drawing.boxes):
        rail = f"{rails[number].ljust(width)}  " if rails is not None else ""
        line = f"{rail}{box.title.ljust(column)}  {box.shape.ljust(shapes)}"
        if parents[number]:
            line += "  ← " + ", ".join(drawing.boxes[parent].node_id for parent in parents[number])
        numbers = f" {', '.join(map(str, box.outputs))}" if drawing.has_many_outputs else ""
        lines.append(line.rstrip() + (f"  (output{numbers})" if box.is_output else ""))
    return "\n".join(lines) + "\n"


def _rails(drawing: Drawing, parents: list[list[int]]) -> list[str] | None:
    """The rails beside every node: a value's rail runs from its node to its last user."""
    last_use: dict[int, int] = {}
    for operand, user in drawing.edges:
        last_use[operand] = user
    lanes: list[int | None] = []
    lines = []
    for number in range(len(drawing.boxes)):
        used = set(parents[number])
        ending = {lane for lane, value in enumerate(lanes) if value in used and last_use[value] == number}
        free = [lane for lane, value in enumerate(lanes) if value is None or lane in ending]
        own = free[0] if free else len(lanes)
        if own == len(lanes):
            lanes.append(None)
        reached = [lane for lane, value in enumerate(lanes) if value in used]
        low, high = min([own, *reached]), max([own, *reached])
        lines.append(
            "".join(
                _cell(lane, lanes[lane], own, used, ending, low, high) for lane in range(len(lanes))
            ).rstrip()
        )
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
