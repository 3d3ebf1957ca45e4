"""What stands at the end of a line: the shapes that its names got."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlean_core.capture.record import Bound, Seen

MAX_LABEL = 72
"""Characters of a label; a longer one is cut behind a value, and the tooltip has all."""


def shape_text(shape: Sequence[int]) -> str:
    """A shape as messages write it: `[1, 4]`."""
    return f"[{', '.join(map(str, shape))}]"


def value_text(seen: Seen) -> str:
    """Shape of a tensor, and its type where it is not the usual one."""
    shape = shape_text(seen.shape)
    return shape if seen.dtype == "float32" else f"{shape} {seen.dtype}"


def label(bound: Sequence[Bound]) -> str | None:
    """`[1, 4]`, or `h: [1, 8], c: [1, 8]` where there are several names; None where nothing was bound.

    Several values of a name have their counts: `[1, 64, 8, 8] ×3, [1, 128, 4, 4]`.
    """
    parts = _parts([one for one in bound if one.values])
    if not parts:
        return None
    text = ", ".join(parts)
    if len(text) <= MAX_LABEL:
        return text
    kept = ""
    for part in parts:
        if kept and len(kept) + len(part) + 4 > MAX_LABEL:
            break
        kept += part + ", "
    return (kept if len(kept) <= MAX_LABEL else kept[: MAX_LABEL - 2]) + "…"


def tooltip(bound: Sequence[Bound], function: str = "") -> str:
    """All that is known of a line, a value a line."""
    lines = [function] if function else []
    for one in bound:
        for seen in one.values:
            times = f" ×{seen.count}" if seen.count > 1 else ""
            where = f" in {modules_text(seen.modules)}" if any(seen.modules) else ""
            lines.append(
                f"{one.name}: {shape_text(seen.shape)} {seen.dtype}{times}{where}".removeprefix(": ")
            )
    return "\n".join(lines)


def modules_text(modules: Iterable[str], limit: int = 6) -> str:
    """Names of modules, the first few."""
    names = [name or "the model itself" for name in modules]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def merged(groups: Iterable[Sequence[Bound]]) -> tuple[Bound, ...]:
    """What several models, or statements, bound in one line: same values of a name are counted together."""
    names: dict[str, dict[tuple[tuple[int, ...], str], Seen]] = {}
    for group in groups:
        for bound in group:
            values = names.setdefault(bound.name, {})
            for seen in bound.values:
                key = seen.shape, seen.dtype
                known = values.get(key)
                if known is not None:
                    modules = dict.fromkeys((*known.modules, *seen.modules))
                    seen = Seen(seen.shape, seen.dtype, known.count + seen.count, tuple(modules))
                values[key] = seen
    return tuple(Bound(name, tuple(values.values())) for name, values in names.items())


def _parts(bound: Sequence[Bound]) -> list[str]:
    parts = []
    for one in bound:
        several = len(one.values) > 1
        for position, seen in enumerate(one.values):
            times = f" ×{seen.count}" if several and seen.count > 1 else ""
            name = f"{one.name}: " if len(bound) > 1 and position == 0 else ""
            parts.append(f"{name}{value_text(seen)}{times}")
    return parts
