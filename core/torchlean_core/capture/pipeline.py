"""The whole way from a module to the text and the parameters of an artifact."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact.hashing import sealed
from torchlean_core.artifact.write import serialize_graph
from torchlean_core.capture.assemble import finish
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Refused
from torchlean_core.capture.instances import Instances, run_example
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.lower import Lowerer
from torchlean_core.capture.options import DEFAULTS, Options
from torchlean_core.capture.target import Shape
from torchlean_core.capture.trace import trace
from torchlean_core.capture.verify import Verification, verify
from torchlean_core.graph import Graph


@dataclass(frozen=True, slots=True)
class Captured:
    """A new artifact, not written yet.

    Attributes:
        graph: Its graph.
        text: Its text.
        tensors: Its parameters by name, float32.
        operators: Number of source operators, which the nodes stand for.
        path: How the module was traced.
        reason: Why that way was taken, where it is not the first choice.
        notes: What the user should know (TL405, TL606).
        verification: How artifact and module agree; None where that was not asked for.
    """

    graph: Graph
    text: str
    tensors: dict[str, torch.Tensor]
    operators: int
    path: str
    reason: str
    notes: list[CaptureFinding] = field(default_factory=list)
    verification: Verification | None = None


def capture(
    loaded: Loaded,
    shape: Shape,
    output: Path,
    options: Options = DEFAULTS,
    stage: Callable[[str], None] = lambda name: None,
) -> Captured:
    """Capture a module.

    Args:
        loaded: The module and where it comes from.
        shape: Shape of its input.
        output: Where the artifact will be written: recorded paths are relative to its folder.
        options: How.
        stage: Told what is being done now.

    Raises:
        CaptureError: The model cannot be run, traced or lowered exactly.
        UserError: Artifact and module differ.
    """
    stage("running")
    instances = Instances(loaded, shape)
    example = run_example(instances)
    stage("tracing")
    traced = trace(
        instances.new,
        example,
        prefer_torch_export=options.prefer_torch_export,
        file=loaded.file,
        shown=loaded.shown,
    )
    stage("lowering")
    builder = GraphBuilder(options.max_parameters, options.debug_targets, approximate=options.approximate)
    source, result = Lowerer(builder, traced, loaded.file, loaded.shown, loaded.line).run(shape)
    try:
        finished = finish(builder, source, result, {"captured_from": _provenance(loaded, shape, output)})
    except Refused as error:
        raise CaptureError.at(loaded.shown, "TL603", str(error), loaded.line) from error
    graph = finished.graph
    verification = None
    if options.verify:
        stage("verifying")
        verification = verify(instances, finished, measure=bool(builder.approximated))
    notes = builder.notes
    if builder.approximated:
        marks = _marks(builder.approximated, verification)
        graph = replace(graph, extra={**graph.extra, "approximations": marks})
        notes = [*notes, *(_approximation(mark, loaded.line) for mark in marks)]
    graph = sealed(graph)
    text = serialize_graph(graph)
    return Captured(
        graph, text, finished.tensors, traced.operators, traced.path, traced.reason, notes, verification
    )


def _marks(approximated: Mapping[str, str], verification: Verification | None) -> list[dict[str, Any]]:
    """The root field `approximations`: what stands for what, and the error of the whole artifact, measured."""
    error = None if verification is None else float(f"{verification.max_relative_error:.1e}")
    measured = {} if error is None else {"max_relative_error": error}
    return [{"operator": name, "form": form, **measured} for name, form in sorted(approximated.items())]


def _approximation(mark: Mapping[str, Any], line: int | None) -> CaptureFinding:
    error = mark.get("max_relative_error")
    measured = "not measured" if error is None else f"largest relative error of the artifact {error:.1e}"
    return CaptureFinding(
        "TL405", f"the {mark['form']} form stands in for the exact {mark['operator']}; {measured}", line
    )


def _provenance(loaded: Loaded, shape: Shape, output: Path) -> dict[str, object]:
    try:
        file = Path(os.path.relpath(loaded.file, output.resolve().parent)).as_posix()
    except ValueError:  # another drive
        file = loaded.file.as_posix()
    found = {"file": file, "class": loaded.name, "example_shape": list(shape), "sha256": loaded.sha256}
    return {name: value for name, value in found.items() if loaded.sha256 or name not in ("file", "sha256")}
