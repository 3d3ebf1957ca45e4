"""The command `torchlean.showGraph`: pictures of an artifact's graph, and the graph itself for clients that draw it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.check import Finding, Report, check_text
from torchlean_core.errors import UserError
from torchlean_ls.lsp.errors import JsonRpcInvalidParams
from torchlean_ls.uris import file_path, plain_uri

if TYPE_CHECKING:
    from torchlean_core.picture import Drawing
    from torchlean_ls.host import Host

ReportOf = Callable[[dict[str, Any]], Awaitable[tuple[str, Report, list[Finding]]]]
"""Gives name, report and findings of the artifact that an argument's `uri` names."""


async def show_graph(server: Host, report_of: ReportOf, argument: dict[str, Any]) -> dict[str, Any]:
    """Draw an artifact's graph, or tell it.

    Args:
        server: The server.
        report_of: Reads artifacts.
        argument: `uri`; `format`; `depth`, as of the command line; `against`: an older version, as `uri` or as `text`
            with a `name`; with the format `node`, `index`: place of the node.

    Raises:
        JsonRpcInvalidParams: The argument is not as it has to be.
        UserError: There is nothing to draw, or what is to be compared has errors.
    """
    from torchlean_core.picture import FORMATS

    form = argument.get("format", "svg")
    known = (*FORMATS, "model", "node")
    if form not in known:
        raise JsonRpcInvalidParams(f"`format` is one of {', '.join(known)}, found {form!r}")
    depth = argument.get("depth")
    if depth is not None and depth != "all" and (type(depth) is not int or depth < 0):
        raise JsonRpcInvalidParams(f"`depth` is a number of levels or 'all', found {depth!r}")
    document = server.documents.get(argument["uri"]) if isinstance(argument.get("uri"), str) else None
    name, report, findings = await report_of(argument)
    answer = {
        "uri": argument["uri"],
        "format": form,
        "version": None if document is None else document.version,
    }
    if form == "node":
        return {**answer, "content": _details(report, findings, argument.get("index"))}
    old = await _other(report_of, argument.get("against"))
    path = file_path(argument["uri"])

    def work() -> Any:
        from torchlean_core.picture import draw
        from torchlean_core.picture.model import model

        drawing = _drawing(name, report, old)
        if form != "model":
            return draw(drawing, form, name, depth)
        content = model(drawing, report, findings, server.documents.encoding, path)
        return {**content, "files": [plain_uri(Path(file)) for file in content["files"]]}

    return {**answer, "content": await server.in_thread(work)}


def _details(report: Report, findings: Sequence[Finding], index: Any) -> dict[str, Any]:
    from torchlean_core.navigate.links import Links
    from torchlean_core.picture.details import details

    record = report.records[index] if type(index) is int and 0 <= index < len(report.records) else None
    if record is None:
        raise UserError(f"there is no node at place {index!r} that can be read")
    return details(Links(report), record, findings)


async def _other(report_of: ReportOf, against: Any) -> tuple[str, Report] | None:
    """Name and report of the older version."""
    if against is None:
        return None
    if isinstance(against, dict) and isinstance(against.get("text"), str):
        return str(against.get("name", "before")), check_text(against["text"])
    if isinstance(against, dict) and isinstance(against.get("uri"), str):
        name, report, _ = await report_of(against)
        return str(against.get("name", name)), report
    raise JsonRpcInvalidParams(f"`against` is an object with a `uri` or a `text`, found {against!r}")


def _drawing(name: str, report: Report, old: tuple[str, Report] | None) -> Drawing:
    from torchlean_core.picture import drawing_of

    if old is None:
        return drawing_of(report, name)
    from torchlean_core.artifact.diff import diff_graphs
    from torchlean_core.artifact.load import graph_of
    from torchlean_core.picture.compared import compared

    before, old_report = old
    changes = diff_graphs(graph_of(old_report, before), graph_of(report, name))
    return compared(old_report, report, changes, f"{before} → {name}")
