"""What is known of a Python file without running anything: for `torchlean check model.py`.

A generated module is held against its artifact; of a model file its directives are read, and the artifacts of its
models are held against it. What a model computes is known only where it runs, which is what capturing it does.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torchlean_core.artifact.detect import looks_like_artifact
from torchlean_core.basics.paths import real, working_folder
from torchlean_core.basics.reading import MOST_SOURCE, read_lines
from torchlean_core.capture.configured import configured, named_in_settings
from torchlean_core.capture.directives import directive_problems
from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.models import Model, find_models
from torchlean_core.capture.target import Target, decode_source, parsed
from torchlean_core.check.findings import Finding
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES
from torchlean_core.companions.module import is_generated, module_findings
from torchlean_core.kinds.dialects import DEFAULT
from torchlean_core.live.stored import Stored, artifact_path, snake, stored
from torchlean_core.text import BAD, Document, LineIndex

_MAX_ARTIFACT = 1 << 26


class Checked(NamedTuple):
    """What is known of a Python file.

    Attributes:
        report: Its findings, by their places in its text.
        notes: How its models stand, a sentence for each, and how to capture those that have no artifact.
    """

    report: Report
    notes: list[str]


def check_python(file: Path, shown: str, content: bytes) -> Checked:
    """Check a Python file.

    Args:
        file: Where it is.
        shown: The file as the user wrote it.
        content: Its bytes.

    Raises:
        UsageError: A settings file is wrong.
    """
    raw = content.decode("utf-8", "replace")
    if is_generated(raw):
        return Checked(_report(raw, module_findings(file, raw)), [f"{shown}: generated from an artifact"])
    try:
        source = decode_source(file, content)
        tree = parsed(source, file)
    except CaptureError as error:
        lines = LineIndex(raw)
        return Checked(_report(raw, [_finding(one, lines) for one in error.findings]), [])
    lines = LineIndex(source)
    findings = [_finding(one, lines) for one in directive_problems(source, tree)]
    models = find_models(source, file, named=named_in_settings(file))
    notes = [f"{shown}: no model is known in it (a class at its top whose bases lead to torch.nn.Module)"]
    if models:
        notes = []
        artifacts = list(_artifacts(file))
        for model in models:
            found, stand = _of_model(model, Target(file, model.name), shown, artifacts, lines)
            findings += found
            notes += stand
    return Checked(_report(source, findings), notes)


def _report(text: str, findings: list[Finding]) -> Report:
    return Report(Document(text, BAD, [], None), findings, [], DEFAULT)


def _finding(one: CaptureFinding, lines: LineIndex) -> Finding:
    """A finding about a model file by its place in the text."""
    if one.span is not None:
        first, last = lines.line_span(one.span.line - 1), lines.line_span(one.span.end_line - 1)
        where = first[0] + one.span.column, last[0] + one.span.end_column
    else:
        where = lines.line_span((one.line or 1) - 1)
    return Finding(one.code, RULES[one.code].severity, one.message, span=where)


def _of_model(
    model: Model, target: Target, shown: str, artifacts: list[Path], lines: LineIndex
) -> tuple[list[Finding], list[str]]:
    """Findings about the artifacts of a model, and what there is to say of it."""
    name = f"{shown}: `{model.name}`"
    if model.needs or model.abstract:
        why = f"needs arguments ({', '.join(model.needs)})" if model.needs else "has abstract methods"
        return [], [f"{name} {why}: a function without arguments that builds one can be captured"]
    paths = {real(path): path for path in [*artifacts, artifact_path(target)]}.values()
    known = [found for path in paths if (found := stored(path, target)) is not None]
    if not known:
        command = f"`{_capture(model, target, shown)}`"
        return [], [f"{name} has no artifact here; nothing was run: capture it with {command}"]
    start = lines.line_span(model.name_span.line)[0]
    span = start + model.name_span.start, start + model.name_span.end
    findings, notes = [], []
    for one in known:
        at = os.path.relpath(one.path)
        if one.stale is not None:
            message = f"{at}: {one.stale}; capture again: `{_capture(model, target, shown, at)}`"
            findings.append(Finding("TL521", RULES["TL521"].severity, message, span=span))
        else:
            notes.append(f"{name}: {at} {'is up to date' if one.edited is None else one.edited}")
        notes += _of_module(one)
    return findings, notes


def _of_module(artifact: Stored) -> Iterator[str]:
    if artifact.module is not None:
        text = read_lines(artifact.module, MOST_SOURCE)
        for finding in module_findings(artifact.module, text):
            yield f"{os.path.relpath(artifact.module)}: {finding.code} {finding.message}"


def _capture(model: Model, target: Target, shown: str, output: str | None = None) -> str:
    """The command that captures a model."""
    said = configured(target)
    parts = ["torchlean", "capture", f"{shown}:{model.name}"]
    if output is not None or "output" not in said:
        beside = os.path.join(os.path.dirname(shown), f"{snake(model.name)}.ir.json")  # noqa: PTH118, PTH120
        parts += ["-o", output or beside]
    command = " ".join(map(shlex.quote, parts))
    if model.example_shape is None and "example_shape" not in said:
        command += " --example-shape 1,4"
    return command


def _artifacts(file: Path) -> Iterator[Path]:
    """The artifacts beside a file, and in the working directory."""
    for folder in dict.fromkeys([real(file.parent), working_folder()]):
        if folder is None:
            continue
        try:
            found = sorted(folder.glob("*.json"))
        except OSError:  # a folder that cannot be listed shows nothing
            continue
        yield from (path for path in found if _is_artifact(path))


def _is_artifact(path: Path) -> bool:
    try:
        return looks_like_artifact(read_lines(path, _MAX_ARTIFACT))
    except OSError:
        return False
