"""Parents: too many, too few, and such that are no earlier nodes.

Which node was meant is a guess: the nearest earlier one with which the node is right, or fits at least.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, product
from typing import Any, NamedTuple

from torchlean_core.check.checker import Report
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes.fields import errors_note, offer, set_field
from torchlean_core.check.fixes.model import Edit, Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.judge import Judge
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.check.root import is_id
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.spec import Path

_NEAR = 128
"""Earlier nodes that are tried where one is looked for."""

_NEAR_PAIR = 24
"""Earlier nodes that are tried where two are."""

_MOST_PARENTS = 1_000
"""Parents of a node for which others are tried: each try reads all of them."""

_MAX_CHOICES = 3
_MAX_SURPLUS = 12
"""Parents of which those that stay are looked for."""


class _Found(NamedTuple):
    """Parents that a node could have.

    Attributes:
        wrong: How wrong the node is with them: 0 not at all, 1 only its declared shape.
        parents: The ids.
        chosen: The nodes that are new among them.
    """

    wrong: int
    parents: list[int]
    chosen: tuple[Record, ...]


class _Trier:
    """Tries parents for one node, which is judged as the checker does."""

    def __init__(self, view: View, record: Record) -> None:
        self.view = view
        self.record = record
        self._judge = Judge(view.find, view.dialect)
        self._known: dict[tuple[int | None, ...] | None, Counter[tuple[str, Path]]] = {}

    def errors(self, parents: Sequence[int | None] | None) -> Counter[tuple[str, Path]]:
        """The node's errors with some parents, by rule and field, but for those of reading it."""
        key = None if parents is None else tuple(parents)
        found = self._known.get(key)
        if found is None:
            changed = copy.copy(self.record)
            changed.parents = None if parents is None else list(parents)
            told = self._judge.judge(changed, [])
            found = self._known[key] = Counter(
                (one.code, one.path)
                for one in told
                if one.severity is Severity.ERROR and one.code != "TL101" and one.index == changed.index
            )
        return found

    def wrong(self, parents: Sequence[int]) -> int:
        """How wrong the node is with some parents: 0 not at all, 1 only its declared shape, 2 something else."""
        codes = {code for code, _ in self.errors(parents)} - {"TL501", "TL502"}
        return 2 if codes - {"TL201"} else len(codes)

    def fix(
        self, title: str, parents: Sequence[Any], edits: Callable[[], tuple[Edit, ...]], *, preferred: bool
    ) -> Iterator[Fix]:
        """Other parents as a fix, where the node has not more errors with them.

        Args:
            title: What it does.
            parents: The parents as the file has them then.
            edits: Makes the edits.
            preferred: Whether it is the obvious one.
        """
        record = self.record
        if record.entry is None:  # a tuple: its projections are judged, too
            raw = {**record.raw, "parents": list(parents)}
            yield from offer(self.view, record, title, edits(), raw, safe=False, preferred=preferred)
            return
        before = self.errors(record.parents) + _unread(record.raw.get("parents"))
        after = self.errors([one if is_id(one) else None for one in parents]) + _unread(list(parents))
        if after.total() <= before.total():
            title += errors_note((after - before).total())
            yield Fix(title, edits, safe=False, preferred=preferred)

    def earlier(self, limit: int) -> Iterator[Record]:
        """Earlier nodes that the node can name, the nearest first; those that are its parents already come last."""
        record, view = self.record, self.view
        known = set(record.parents or ())
        wants_tuple = record.entry is view.dialect.getitem
        last: list[Record] = []
        count = 0
        for index in range(record.index - 1, max(record.index - 1 - 4 * limit, -1), -1):
            one = view.records[index]
            if one is None or one.is_tuple is not wants_tuple or view.operand_of(record, one.ref) is not one:
                continue
            if record.entry is None and not self._suits(one):
                continue
            count += 1
            if one.ref in known:
                last.append(one)
            else:
                yield one
            if count == limit:
                break
        yield from last

    def _suits(self, one: Record) -> bool:
        """Whether a node can be an operand of a tuple: of an attention, whose results have its operands' shape."""
        shapes = self.record.tuple_shapes
        return not shapes or one.shape == shapes[0]

    def best(self, tried: Iterator[tuple[list[int], tuple[Record, ...]]]) -> list[_Found]:
        """The parents that fit, those first with which the node is right; not too many."""
        right: list[_Found] = []
        shaped: list[_Found] = []
        for parents, chosen in tried:
            wrong = self.wrong(parents)
            if wrong < 2:
                (shaped if wrong else right).append(_Found(wrong, parents, chosen))
            if len(right) == _MAX_CHOICES:
                break
        return (right or shaped)[:_MAX_CHOICES]


def _named(nodes: Sequence[Record]) -> str:
    """Nodes as titles name them: by id, and by kind and shape where it is one."""
    ids = " and ".join(show(one.ref) for one in nodes)
    if len(nodes) != 1:
        return ids
    (one,) = nodes
    kind = one.kind if one.kind is not None and len(one.kind) <= 40 else "…"
    return f"{ids}: `{kind}`{'' if one.shape is None else ' ' + show_shape(one.shape)}"


def _unread(parents: Any) -> Counter[tuple[str, Path]]:
    """The errors of reading parents."""
    if not isinstance(parents, list):
        return Counter([("TL010", ("parents",))])
    return Counter(("TL011", ("parents", at)) for at, one in enumerate(parents) if not is_id(one))


def _all_parents(view: View, index: int, parents: list[int]) -> Callable[[], tuple[Edit, ...]]:
    return partial(set_field, view, index, "parents", parents)


def _remark(number: int, found: _Found) -> str:
    return "" if number else ", the nearest that fits" if len(found.chosen) == 1 else ", the nearest that fit"


@quick_fix(
    "replace-parent",
    {"Replace parent … by …": "TL103 TL301 TL302 TL011"},
    family=Family.EDGES,
    requires=(readable_node,),
    why="Never safe: which node was meant is a guess.",
)
def _replace_parent(report: Report, finding: Finding) -> Iterator[Fix]:
    """Name the nearest earlier node that fits in place of a parent that is none."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.parents is None or len(finding.path) != 2 or finding.path[0] != "parents":
        return
    if len(record.parents) > _MOST_PARENTS:
        return
    position = finding.path[1]
    if not isinstance(position, int) or (
        finding.code == "TL302" and record.entry is not view.dialect.getitem
    ):
        return
    if finding.code == "TL302" and view.operand(record, position) is None:
        return  # it is no earlier node, which is another finding
    old = record.parents[position]
    shown = show(old) if old is not None else f"[{position}]"
    wrong = [at for at in range(len(record.parents)) if at == position or view.operand(record, at) is None]
    trier = _Trier(view, record)
    choices = trier.best(_replaced(trier, record.parents, position, wrong))
    seen: set[int] = set()
    for number, found in enumerate(choices):
        (chosen,) = found.chosen
        if chosen.ref in seen or chosen.ref == old:
            continue
        seen.add(chosen.ref)
        written = record.raw["parents"]
        parents = [*written[:position], chosen.ref, *written[position + 1 :]]
        edits = partial(_one_parent, view, record, position, chosen.ref)
        title = f"Replace parent {shown} by {_named(found.chosen)}{_remark(number, found)}"
        yield from trier.fix(title, parents, edits, preferred=number == 0)


def _replaced(
    trier: _Trier, parents: Sequence[int | None], position: int, wrong: Sequence[int]
) -> Iterator[tuple[list[int], tuple[Record, ...]]]:
    """Parents with another node at a position, and what goes with it at the others that are no earlier nodes."""
    places = set(wrong)
    for one in trier.earlier(_NEAR):
        yield [one.ref if at in places or ref is None else ref for at, ref in enumerate(parents)], (one,)
    if len(wrong) != 2:
        return
    (other,) = set(wrong) - {position}
    near = list(trier.earlier(_NEAR_PAIR))
    for one in near:
        for further in near:
            tried = [ref or 0 for ref in parents]
            tried[position], tried[other] = one.ref, further.ref
            if further is not one and trier.wrong(tried) < 2:
                yield tried, (one,)
                break


def _one_parent(view: View, record: Record, position: int, ref: int) -> tuple[Edit, ...]:
    return (Edit(*place(view.document, record.index, ("parents", position)), str(ref)),)


@quick_fix(
    "drop-parents",
    {"Remove the parents: `…` takes none": "TL102", "Remove parent …": "TL102", "Remove parents …": "TL102"},
    family=Family.EDGES,
    requires=(readable_node,),
    why="Never safe: which of them are meant is a guess, and another kind may be.",
)
def _drop_parents(report: Report, finding: Finding) -> Iterator[Fix]:
    """Take surplus parents out, those first without which the node is right, and which others use too."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.entry is None or record.parents is None or None in record.parents:
        return
    if len(record.parents) > _MOST_PARENTS:
        return
    high, parents = record.entry.arity[1], [parent for parent in record.parents if parent is not None]
    if high is None or len(parents) <= high:
        return
    trier = _Trier(view, record)
    if high == 0:
        title = f"Remove the parents: `{record.entry.name}` takes none"
        yield from trier.fix(title, [], _all_parents(view, record.index, []), preferred=True)
        return
    count = len(parents)
    kept = combinations(range(count), high) if count <= _MAX_SURPLUS else iter([tuple(range(high))])
    tried = list(dict.fromkeys(tuple(parents[at] for at in places) for places in kept))
    tried.sort(key=lambda one: _left_alone(view, record, set(parents).difference(one)))
    ways = trier.best((list(one), ()) for one in tried)
    for number, found in enumerate(ways):
        gone = list(parents)
        for ref in found.parents:
            gone.remove(ref)
        names = (
            " and ".join(map(show, gone)) if len(gone) < 4 else f"{show(gone[0])} and {len(gone) - 1} more"
        )
        title = f"Remove parent{'' if len(gone) == 1 else 's'} {names}"
        edits = _all_parents(view, record.index, found.parents)
        yield from trier.fix(title, found.parents, edits, preferred=number == 0)


def _left_alone(view: View, record: Record, gone: set[int]) -> int:
    """How many of some parents nobody needs without this user: the output would not depend on them any more."""
    nodes = [one for ref in gone if ref not in view.ends.values() and (one := view.operand_of(record, ref))]
    return sum(set(view.users.get(one.index, ())) <= {record.index} for one in nodes)


@quick_fix(
    "add-parents",
    {"Add parent …": "TL102", "Add parents …": "TL102", 'Add "parents": …': "TL010"},
    family=Family.EDGES,
    requires=(readable_node,),
    why="Never safe: which node was meant is a guess.",
)
def _add_parents(report: Report, finding: Finding) -> Iterator[Fix]:
    """Add the nearest earlier node that fits where a parent is missing, or two."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.entry is None:
        return
    is_field = finding.code == "TL010"
    if is_field and (finding.data.get("field") != "parents" or "parents" in record.raw):
        return
    known = [] if is_field else record.parents
    missing = 0 if known is None else record.entry.arity[0] - len(known)
    if known is None or None in known or not 1 <= missing <= 2:
        return
    parents = [parent for parent in known if parent is not None]
    trier = _Trier(view, record)
    for number, found in enumerate(trier.best(_added(trier, parents, missing))):
        named, remark = _named(found.chosen), _remark(number, found)
        title = f"Add parent{'' if missing == 1 else 's'} {named}{remark}"
        if is_field:
            title = f'Add "parents": {show_shape(found.parents)}{remark}'
        edits = _all_parents(view, record.index, found.parents)
        yield from trier.fix(title, found.parents, edits, preferred=number == 0)


def _added(trier: _Trier, parents: list[int], missing: int) -> Iterator[tuple[list[int], tuple[Record, ...]]]:
    """Parents with what is missing: behind those that there are, or before them."""
    if missing == 1:
        fits = False
        for one in trier.earlier(_NEAR):
            fits = fits or trier.wrong([*parents, one.ref]) < 2
            yield [*parents, one.ref], (one,)
        for one in trier.earlier(_NEAR) if parents and not fits else ():
            yield [one.ref, *parents], (one,)
        return
    near = list(trier.earlier(_NEAR_PAIR))
    # Two neighbours before a node twice: (second nearest, nearest) first.
    for first, second in product(near, near):
        if first.index < second.index:
            yield [*parents, first.ref, second.ref], (first, second)
    for first, second in product(near, near):
        if first.index > second.index:
            yield [*parents, first.ref, second.ref], (first, second)
    for one in near:
        yield [*parents, one.ref, one.ref], (one, one)
