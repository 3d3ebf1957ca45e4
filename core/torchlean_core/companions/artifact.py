"""What an artifact's companions mean for the artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import generated_module_paths, params_path
from torchlean_core.artifact.load import graph_of
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.capture.workspace import Sources
from torchlean_core.check.findings import Finding
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES
from torchlean_core.companions.judge import judge_module
from torchlean_core.companions.model import model_findings
from torchlean_core.emit.provenance import read_header
from torchlean_core.errors import UserError
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params import ParameterStore, ParamIssue
from torchlean_core.params.held import HeldStore
from torchlean_core.params.resolve import resolve


def artifact_findings(
    artifact: Path, report: Report, *, values: bool = True, sources: Sources | None = None
) -> list[Finding]:
    """What is wrong with the files beside an artifact, as findings in the artifact.

    Files that are not there cost a look at the folder each. An artifact with errors has no parameters to speak of,
    and nothing can be emitted from it: nothing is said of these then. That its model changed is said all the same.

    Args:
        artifact: Where the artifact is (or would be saved); its text may be newer than the file.
        report: What the checker says of its text.
        values: Whether to read the values of parameters: for TL504, and for the hash of a parameter file whose
            metadata have none. Without, a header of any file is read in well under a millisecond.
        sources: Reads the Python files of the model; a server's also know the texts of open ones.
    """
    return [*_of_files(artifact, report, values), *model_findings(artifact, report.document.value, sources)]


def _of_files(artifact: Path, report: Report, values: bool) -> list[Finding]:
    params = params_path(artifact)
    inline = report.dialect.inline
    modules = [path for path in generated_module_paths(artifact) if path.is_file()]
    if not (params.is_file() or modules or (inline and values)) or not report.ok:
        return []
    try:
        graph = graph_of(report, artifact.name)
        program = lower(graph)
    except UserError:
        return []  # a dimension past 64 bits: nothing can be computed, stored or emitted
    found = _of_params(artifact, params, graph, values) if params.is_file() or inline else []
    return found + _of_modules(modules, artifact, program, values)


def _of_params(artifact: Path, path: Path, graph: Graph, values: bool) -> list[Finding]:
    try:
        if not values:  # those in the artifact are left alone, too: their shapes were checked
            store = ParameterStore.load(path)
            program = lower(graph, store.names)
            held = {use.parameter.name for use in program.uses() if use.inline is not None}
            issues = [issue for issue in store.validate(program, values=False) if issue.name not in held]
            return [_finding(issue, path) for issue in issues]
        program, found, conflicts = resolve(graph, artifact)
        if found is None:
            return []
        if not path.is_file() and not isinstance(found, HeldStore):
            return []
        issues = [*found.validate(program), *conflicts]
        if isinstance(found, HeldStore):  # the check of the text has said it
            issues = [issue for issue in issues if issue.code != "TL504" or issue.name not in found.held]
        if not path.is_file():  # what is neither here nor there is told where it is asked for
            issues = [issue for issue in issues if issue.code != "TL501"]
        place = path if path.is_file() else found.path
        clashing = {issue.name for issue in conflicts}
        return [_finding(issue, place, conflict=issue.name in clashing) for issue in issues]
    except UserError as error:
        message = str(error).replace(str(path), path.name, 1)
        return [_whole("TL502", message, {"params": str(path)})]


def _finding(issue: ParamIssue, path: Path, *, conflict: bool = False) -> Finding:
    data: dict[str, Any] = {"params": str(path), "name": issue.name}
    if conflict:  # to make the file again would not help: the artifact has other values
        data["conflict"] = True
    message = issue.message if issue.code == "TL503" else f"{path.name}: {issue.message}"
    if issue.node is None:
        return _whole(issue.code, message, data)
    severity = RULES[issue.code].severity
    return Finding(issue.code, severity, message, issue.node, issue.node, ("kind",), data=data)


def _of_modules(paths: list[Path], artifact: Path, program: Program, values: bool) -> list[Finding]:
    found = []
    for path in paths:
        text = read_module(path)
        header = None if text is None else read_header(text)
        if text is None or header is None or not _same(path.parent / header[0].artifact, artifact):
            continue  # somebody's own file, or generated from another artifact
        judged = judge_module(text, path, artifact, program, values=values)
        if judged is not None:
            found.append(_whole(*judged, {"module": str(path)}))
    return found


def read_module(path: Path) -> str | None:
    """The text of a Python file; None where it cannot be read, or is too big to be generated."""
    try:
        return read_regular(path, MOST_SOURCE).decode("utf-8", "replace")
    except OSError:
        return None


def _same(path: Path, artifact: Path) -> bool:
    return real(path) == real(artifact)


def _whole(code: str, message: str, data: dict[str, str | None]) -> Finding:
    """A finding about the artifact as a whole: it points at its format."""
    return Finding(code, RULES[code].severity, message, path=("format",), data=data)
