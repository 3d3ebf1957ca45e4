"""`torchlean diff`: what changed between two artifacts, by node."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.diff import FieldChange, GraphDiff, NodeChange, diff_graphs
from torchlean_core.artifact.load import ArtifactError, graph_of
from torchlean_core.artifact.write import node_object
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.basics.visible import visible
from torchlean_core.check import Report, check_bytes
from torchlean_core.cli.console import out, plain, read_stdin, say
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting, write_text
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.picture import FORMATS, Drawing, draw
from torchlean_core.picture.compared import compared
from torchlean_core.text.numbers import Numbers, json_text

if TYPE_CHECKING:
    from rich.text import Text

_WIDTH = 200
"""Characters of a value that the text output shows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean diff`."""
    parser.add_argument("old", metavar="A", help="the artifact before; - for standard input")
    parser.add_argument("new", metavar="B", help="the artifact after; - for standard input")
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="how changes are printed"
    )
    parser.add_argument(
        "--graph",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"draw the graph with what changed in colour: {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write the graph to (default: standard output)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the changes; returns 0 where there are none, 1 where there are."""
    if args.old == args.new == "-":
        raise UsageError("only one of the two artifacts can be standard input")
    if args.output is not None and args.graph is None:
        raise UsageError("--output is for --graph; changes are printed")
    if args.graph is not None and args.output_format != "text":
        raise UsageError("--graph draws the changes; it does not go with --output-format")
    (before, old), (after, new) = _load(args.old), _load(args.new)
    diff = diff_graphs(old, new)
    if args.graph is not None:
        _draw(args, compared(before, after, diff, f"{args.old} → {args.new}"))
        if not args.quiet:
            say(_summary(diff))
    elif args.output_format == "json":
        plain(sys.stdout).write(_json(diff_object(diff, args.old, args.new), 1) + "\n")
    else:
        if not diff.equal:
            console = out(args)
            for line in _text(diff, args.old, args.new):
                console.print(line)
        if not args.quiet:
            say(_summary(diff))
    return 0 if diff.equal else 1


def _draw(args: argparse.Namespace, drawing: Drawing) -> None:
    drawn = draw(drawing, args.graph, args.new)
    if args.output is None:
        plain(sys.stdout).write(visible(drawn, lines=True))
        return
    for name in (args.old, args.new):
        refuse_overwriting(args.output, None if name == "-" else Path(name))
    write_text(args.output, drawn)
    if not args.quiet:
        say(f"wrote {args.output}")


def _load(name: str) -> tuple[Report, Graph]:
    """An artifact and its graph; its `format`, where it says one, counts as a field of the root.

    Raises:
        UsageError: The file cannot be read, or has errors.
    """
    try:
        content = read_stdin() if name == "-" else read_regular(Path(name), MOST_ARTIFACT)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    report = check_bytes(content)
    try:
        graph = graph_of(report, name)
    except ArtifactError as error:
        raise UsageError(str(error)) from error
    root = report.document.value
    said = {"format": root["format"]} if "format" in root else {}
    return report, replace(graph, extra={**said, **graph.extra})


# -- JSON -----------------------------------------------------------------------------------------------------


def diff_object(diff: GraphDiff, old: str, new: str) -> dict[str, Any]:
    """The changes as `--output-format json` prints them; a field that a side lacks has no key there."""
    return {
        "old": old,
        "new": new,
        "equal": diff.equal,
        "same_meaning": diff.same_meaning,
        "root": [_change_object(change) for change in diff.root],
        "removed": [node_object(node) for node in diff.removed],
        "added": [node_object(node) for node in diff.added],
        "changed": [
            {
                "old_id": change.old.id,
                "new_id": change.new.id,
                "kind": change.new.kind,
                "moved": change.moved,
                "fields": [_change_object(field) for field in change.fields],
            }
            for change in diff.changed
        ],
        "unchanged": diff.unchanged,
        "renumbered": [[a, b] for a, b in diff.ids.items() if a != b],
    }


def _json(value: Any, indent: int | None = None) -> str:
    """A value as JSON; a number that was too long to be read is a text."""
    return json_text(value, default=str, indent=indent)


def _change_object(change: FieldChange) -> dict[str, Any]:
    value = {"field": change.name}
    if change.in_old:
        value["old"] = change.old
    if change.in_new:
        value["new"] = change.new
    return value


# -- text -----------------------------------------------------------------------------------------------------


def _text(diff: GraphDiff, old: str, new: str) -> Iterator[Text]:
    from rich.text import Text

    yield Text(f"--- {old}", "bold")
    yield Text(f"+++ {new}", "bold")
    for change in diff.root:
        yield Text(f"~ {_in_words(change)}", "yellow")
    for entry in _in_order(diff):
        if isinstance(entry, NodeChange):
            yield Text(_changed_line(entry), "yellow" if entry.fields else "cyan")
            for change in entry.fields:
                yield Text(f"    {_in_words(change)}")
        else:
            mark, node = entry
            yield Text(f"{mark} {_node_line(node)}", "red" if mark == "-" else "green")


def _in_order(diff: GraphDiff) -> list[NodeChange | tuple[str, Node]]:
    """All changes in the order of the new graph; a removed node stands where it was."""
    placed: list[tuple[tuple[float, int], NodeChange | tuple[str, Node]]] = []
    placed += [((change.new.id, 0), change) for change in diff.changed]
    placed += [((node.id, 0), ("+", node)) for node in diff.added]
    before = -1
    removed = {node.id: node for node in diff.removed}
    for old_id in range(max([*diff.ids, *removed], default=-1) + 1):
        if old_id in removed:
            placed.append(((before + 0.5, old_id), ("-", removed[old_id])))
        elif old_id in diff.ids:
            before = diff.ids[old_id]
    return [entry for _, entry in sorted(placed, key=lambda pair: pair[0])]


def _node_line(node: Node) -> str:
    value = node_object(node)
    del value["id"], value["kind"]
    rest = ", ".join(f"{name} {_show(content)}" for name, content in value.items())
    return f"{node.id} {node.kind}: {rest}"


def _changed_line(change: NodeChange) -> str:
    ids = str(change.old.id) if change.old.id == change.new.id else f"{change.old.id} -> {change.new.id}"
    mark = "~" if change.fields else ">"
    return f"{mark} {ids} {change.new.kind}{' (moved)' if change.moved else ''}"


def _in_words(change: FieldChange) -> str:
    return change.in_words(change.name, _show, "->")


def _show(value: Any) -> str:
    if isinstance(value, Numbers):
        shape = value.shape()
        return "an array of numbers" if shape is None else f"numbers of shape {show_shape(shape)}"
    text = _json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _summary(diff: GraphDiff) -> str:
    if diff.equal:
        return f"no changes: {diff.unchanged} nodes are the same"
    moved = sum(not change.fields for change in diff.changed)
    numbers = (
        (len(diff.added), "added"),
        (len(diff.removed), "removed"),
        (len(diff.changed) - moved, "changed"),
        (moved, "moved"),
        (diff.unchanged, "unchanged"),
    )
    nodes = "nodes: " + ", ".join(f"{number} {word}" for number, word in numbers if number)
    return nodes + ("; only comments differ" if diff.same_meaning else "")
