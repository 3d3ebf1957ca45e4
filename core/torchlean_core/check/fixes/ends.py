"""What the root names: the input, and the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.layout import remove_elements, set_member
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.kinds import INPUT
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.spec import Path


def _about_end(report: Report, finding: Finding) -> bool:
    """The finding is about what a field of the root names."""
    field = finding.path[0] if finding.path else finding.data.get("field")
    return finding.index is None and field in report.dialect.end_fields


@quick_fix(
    "set-end",
    {
        "Set … to …": "TL104 TL011",
        "Add input_id: …": "TL010",
        "Add output_id: …": "TL010",
        "Add output_ids: …": "TL010",
        "Remove output_ids[…]": "TL104 TL011",
    },
    family=Family.FIELDS,
    requires=(_about_end,),
    why="Safe for the input where there is only one `input` node, and none that may be a misspelt one; every other end "
    "is a guess.",
)
def _set_end(report: Report, finding: Finding) -> Iterator[Fix]:
    """Name the input node, or the nodes that nobody uses as outputs."""
    view = view_of(report)
    name = str(finding.path[0] if finding.path else finding.data["field"])
    tree = view.document.root
    if tree is None or (finding.code == "TL104" and view.sound and names_by_id(view, finding.path)):
        return
    if len(finding.path) > 1:
        yield from _mend_entry(view, finding)
        return
    is_input = name == INPUT_FIELD
    candidates = _inputs(view) if is_input else _outputs(view)
    many = view.dialect.many_outputs and not is_input
    verb = "Add" if finding.code == "TL010" else "Set"
    choices = [[record] for record in candidates[:3]]
    if many:
        said = view.root.get(name)
        if (
            type(said) is int
            and said in view.places
            and (record := view.records[view.places[said]]) is not None
        ):
            choices = [[record]]  # an id without its array
        elif 1 < len(candidates) <= _MAX_OUTPUTS:
            choices.append(candidates[::-1])
    for number, records in enumerate(choices):
        ids = [record.ref for record in records]
        value = ids[0] if is_input else view.dialect.outputs_json(ids)
        title = f"Add {name}: {value}" if verb == "Add" else f"Set {name} to {value}"
        edit = set_member(view.document.text, tree, name, value, first=True)
        safe = is_input and len(candidates) == 1 and not _may_be_input(view, finding.path)
        yield Fix(title + _kind_note(records), (edit,), safe=safe, preferred=number == 0)


_MAX_OUTPUTS = 8
"""Nodes that may all be meant as outputs; of more, one is."""


def _may_be_input(view: View, path: Path) -> bool:
    """Whether an end names a node of no known kind, which may be a misspelt input."""
    record = view.record(view.place(view.ends.get(path), None))
    return record is not None and record.entry is None and record.kind != INPUT


def _kind_note(records: Sequence[Record]) -> str:
    kind = records[0].kind if len(records) == 1 else None
    return f" (`{kind}`)" if kind is not None and len(kind) <= 40 else ""


def _mend_entry(view: View, finding: Finding) -> Iterator[Fix]:
    """Let one entry of an array of outputs name another node, or take it out."""
    name, position = finding.path[0], finding.path[1]
    pair = view.document.root.member(str(name)) if view.document.root is not None else None
    if pair is None or not isinstance(position, int) or position >= len(pair[1].items):
        return
    named = set(view.ends.values())
    candidates = [record for record in _outputs(view) if record.ref not in named]
    item = pair[1].items[position]
    for number, record in enumerate(candidates[:3]):
        edit = Edit(item.start, item.end, str(record.ref))
        title = f"Set {name}[{position}] to {record.ref}"
        yield Fix(title + _kind_note([record]), (edit,), safe=False, preferred=number == 0)
    spans = [(one.start, one.end) for one in pair[1].items]
    if len(spans) > 1:
        edits = tuple(remove_elements(spans, frozenset((position,))))
        yield Fix(f"Remove {name}[{position}]", edits, safe=False, preferred=not candidates)
    elif not candidates:
        for record in _outputs(view)[:1]:
            edit = Edit(item.start, item.end, str(record.ref))
            title = f"Set {name}[{position}] to {record.ref}"
            yield Fix(title + _kind_note([record]), (edit,), safe=False, preferred=True)


def names_by_id(view: View, path: Path) -> bool:
    """Whether an end is right about the node, and only the node's id is not its place."""
    record = view.record(view.place(view.ends.get(path), None))
    if record is None or record.is_tuple:
        return False
    return path[0] != INPUT_FIELD or record.kind == INPUT


def _usable(view: View, record: Record | None) -> bool:
    return (
        record is not None
        and record.is_tuple is False
        and record.id is not None
        and record.id < len(view.records)
        and record.id in view.places
    )


def input_nodes(view: View) -> list[Record]:
    """The nodes of kind `input`."""
    nodes = view.root.get("nodes")
    places = [
        index
        for index, raw in enumerate(nodes if isinstance(nodes, list) else ())
        if isinstance(raw, dict) and raw.get("kind") == INPUT
    ]
    return [one for index in places if (one := view.records[index]) is not None]


def _inputs(view: View) -> list[Record]:
    return [one for one in input_nodes(view) if _usable(view, one)]


def _outputs(view: View) -> list[Record]:
    """Nodes that nobody uses, the last first; else the last node, where everything is used."""
    sinks = [
        one
        for index in range(len(view.records) - 1, -1, -1)
        if not view.users.get(index) and (one := view.records[index]) is not None and one.kind != INPUT
    ]
    if sinks:  # whose ids have to be put right first, or of what is a tuple nothing: those are not named
        return [one for one in sinks if _usable(view, one)]
    return next(([one] for one in reversed(view.records) if one is not None and _usable(view, one)), [])
