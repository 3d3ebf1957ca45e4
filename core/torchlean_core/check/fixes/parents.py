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

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import errors_note, offer, set_field
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.judge import Judge
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
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
        parents: The ids; None for one that cannot be read, and stays.
        chosen: The nodes that are new among them.
    """

    wrong: int
    parents: list[int | None]
    chosen: tuple[Record, ...]


class _Trier:
    """Tries parents for one node, which is judged as the checker does.

    Args:
        view: The graph.
        record: The node.
        other: Whether an error, by rule and field, is another fault of the node, which other parents do not mend and
            which must not keep them from being offered.
    """

    def __init__(
        self, view: View, record: Record, other: Callable[[tuple[str, Path]], bool] = lambda error: False
    ) -> None:
        self.view = view
        self.record = record
        self._other = other
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

    def wrong(self, parents: Sequence[int | None]) -> int:
        """How wrong the node is with some parents: 0 not at all, 1 only its declared shape, 2 something else."""
        codes = {error[0] for error in self.errors(parents) if not self._other(error)} - {"TL501", "TL502"}
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

    def best(self, tried: Iterator[tuple[list[int | None], tuple[Record, ...]]]) -> list[_Found]:
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


def _all_parents(view: View, index: int, parents: Sequence[int | None]) -> Callable[[], tuple[Edit, ...]]:
    return partial(set_field, view, index, "parents", list(parents))


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
    shown = _told(record.parents, position)
    wrong = [at for at in range(len(record.parents)) if at == position or view.operand(record, at) is None]
    # As many parents as before: their number is another finding.
    trier = _Trier(view, record, lambda error: error == ("TL102", ("parents",)))
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
) -> Iterator[tuple[list[int | None], tuple[Record, ...]]]:
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
            tried = list(parents)
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
    if record is None or record.entry is None or record.parents is None:
        return
    if len(record.parents) > _MOST_PARENTS:
        return
    high, parents = record.entry.arity[1], record.parents
    if high is None or len(parents) <= high:
        return
    if high == 0:
        title = f"Remove the parents: `{record.entry.name}` takes none"
        yield from _Trier(view, record).fix(title, [], _all_parents(view, record.index, []), preferred=True)
        return
    readable = [at for at, parent in enumerate(parents) if parent is not None]
    if len(readable) < high:
        return  # one that cannot be read would stay, and the others are not known to be the surplus ones
    sound = sum(view.operand(record, at) is not None for at in readable)
    # Where too few of them are earlier nodes, that is another finding of those that stay.
    trier = _Trier(view, record, lambda error: error[0] == "TL103" and sound < high)
    kept = combinations(readable, high) if len(readable) <= _MAX_SURPLUS else iter([tuple(readable[:high])])
    tried = list({tuple(parents[at] for at in places): places for places in kept}.values())
    tried.sort(key=partial(_loss, view, record))
    ways = trier.best(([parents[at] for at in places], ()) for places in tried)
    for number, found in enumerate(ways):
        gone = [_told(parents, at) for at in range(len(parents))]
        for at in range(len(found.parents)):
            gone.remove(_told(found.parents, at))
        names = " and ".join(gone) if len(gone) < 4 else f"{gone[0]} and {len(gone) - 1} more"
        title = f"Remove parent{'' if len(gone) == 1 else 's'} {names}"
        edits = _all_parents(view, record.index, found.parents)
        yield from trier.fix(title, found.parents, edits, preferred=number == 0)


def _told(parents: Sequence[int | None], at: int) -> str:
    """A parent as titles name it: by its id, and by its place where it is none."""
    ref = parents[at]
    return f"[{at}]" if ref is None else show(ref)


def _loss(view: View, record: Record, kept: Sequence[int]) -> tuple[int, int]:
    """What is wrong about a node with some of its parents only: those that are no earlier nodes, and who is left alone.

    A node is left alone where nobody else needs it: the output would not depend on it any more.
    """
    parents = record.parents or []
    wrong = sum(view.operand(record, at) is None for at in kept)
    gone = set(parents).difference(parents[at] for at in kept) - set(view.ends.values())
    nodes = [one for ref in gone if (one := view.operand_of(record, ref))]
    return wrong, sum(set(view.users.get(one.index, ())) <= {record.index} for one in nodes)


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
    if known is None or not 1 <= missing <= 2:
        return
    # What is wrong about those that there are is another finding each.
    faulty = {("parents", at) for at in range(len(known)) if view.operand(record, at) is None}
    trier = _Trier(view, record, lambda error: error[1] in faulty)
    for number, found in enumerate(trier.best(_added(trier, known, missing, behind=bool(faulty)))):
        named, remark = _named(found.chosen), _remark(number, found)
        title = f"Add parent{'' if missing == 1 else 's'} {named}{remark}"
        refs = [one.ref for one in found.chosen]
        written = [*record.raw["parents"], *refs] if faulty else found.parents
        if is_field:
            title = f'Add "parents": {show_shape(refs)}{remark}'
        edits = (
            partial(_further, view, record, refs)
            if faulty
            else _all_parents(view, record.index, found.parents)
        )
        yield from trier.fix(title, written, edits, preferred=number == 0)


def _further(view: View, record: Record, refs: Sequence[int]) -> tuple[Edit, ...]:
    """Further parents behind those that there are, which stay as they are written."""
    last = len(record.raw["parents"]) - 1
    end = place(view.document, record.index, ("parents", last))[1]
    return (Edit(end, end, "".join(f", {ref}" for ref in refs)),)


def _added(
    trier: _Trier, parents: Sequence[int | None], missing: int, *, behind: bool
) -> Iterator[tuple[list[int | None], tuple[Record, ...]]]:
    """Parents with what is missing: behind those that there are, or before them unless only `behind`."""
    if missing == 1:
        fits = False
        for one in trier.earlier(_NEAR):
            fits = fits or trier.wrong([*parents, one.ref]) < 2
            yield [*parents, one.ref], (one,)
        for one in trier.earlier(_NEAR) if parents and not fits and not behind else ():
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
