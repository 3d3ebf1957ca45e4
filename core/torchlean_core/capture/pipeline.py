"""The whole way from a module to the text and the parameters of an artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.approximations import Approximation, approximation
from torchlean_core.artifact.hashing import sealed
from torchlean_core.artifact.write import serialize_graph
from torchlean_core.basics.paths import real
from torchlean_core.capture.assemble import Finished, finish
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Refused
from torchlean_core.capture.gradients import differences
from torchlean_core.capture.inline import inlined
from torchlean_core.capture.instances import Instances, run_example
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.lower import Lowerer
from torchlean_core.capture.places import Stack, Stacks, located
from torchlean_core.capture.sizes import require_size
from torchlean_core.capture.state import state_of
from torchlean_core.capture.target import Shape
from torchlean_core.capture.trace import Traced, trace
from torchlean_core.capture.verify import Verification, verify
from torchlean_core.files import relative_path
from torchlean_core.graph import Graph, lower
from torchlean_core.options.capture import DEFAULTS, Options


@dataclass(frozen=True, slots=True)
class Captured:
    """A new artifact, not written yet.

    Attributes:
        graph: Its graph.
        text: Its text.
        tensors: Its parameters by name, float32.
        carried: Entries of the model's `state_dict` that have no place among them.
        parameters: Number of scalars of the model's own parameters; the others are constants.
        operators: Number of source operators, which the nodes stand for.
        path: How the module was traced.
        reason: Why that way was taken, where it is not the first choice.
        notes: What the user should know (TL405, TL407, TL606, TL607, TL608).
        verification: How artifact and module agree; None where that was not asked for.
        inline: Whether the parameters are in the artifact itself.
        beside: Why they are not, where they could be.
    """

    graph: Graph
    text: str
    tensors: dict[str, torch.Tensor]
    carried: dict[str, torch.Tensor]
    parameters: int
    operators: int
    path: str
    reason: str
    notes: list[CaptureFinding] = field(default_factory=list)
    verification: Verification | None = None
    inline: bool = False
    beside: str | None = None


class Observer:
    """Is shown what a capture comes across; does nothing with it here.

    What a capture makes does not depend on it.
    """

    def loaded(self, loaded: Loaded) -> None:
        """The model was constructed."""

    def running(self, module: torch.nn.Module) -> AbstractContextManager[None]:
        """Around the one run of the model that nothing is compared with."""
        return nullcontext()

    def traced(self, traced: Traced) -> None:
        """The model was traced."""

    def finished(self, finished: Finished) -> None:
        """Its nodes were made."""


def capture(
    loaded: Loaded,
    shape: Shape,
    output: Path,
    options: Options = DEFAULTS,
    stage: Callable[[str], None] = lambda name: None,
    observer: Observer | None = None,
) -> Captured:
    """Capture a module.

    Args:
        loaded: The module and where it comes from.
        shape: Shape of its input.
        output: Where the artifact will be written: recorded paths are relative to its folder.
        options: How.
        stage: Told what is being done now.
        observer: Shown what comes up on the way.

    Raises:
        CaptureError: The model cannot be run, traced or lowered exactly.
        UserError: Artifact and module differ.
    """
    observer = observer or Observer()
    stage("running")
    observer.loaded(loaded)
    loaded = require_size(loaded, shape, options.max_parameters)
    instances = Instances(loaded, shape)
    dialect = options.dialect_in(output)
    example = run_example(instances, dialect, observer.running)
    stage("tracing")
    traced = trace(
        instances.new,
        example,
        prefer_torch_export=options.prefer_torch_export,
        file=loaded.file,
        shown=loaded.shown,
        stacks=Stacks(loaded.user),
        flat=instances.outputs is not None,
        export=loaded.export,
    )
    observer.traced(traced)
    stage("lowering")
    builder = GraphBuilder(
        options.max_parameters,
        options.debug_targets,
        approximate=options.approximate,
        file=loaded.file,
        dialect=dialect,
    )
    lowerer = Lowerer(builder, traced, loaded.file, loaded.shown, loaded.line, fold=options.fold)
    source, results = lowerer.run(shape)
    told = {name for names, _ in traced.asked.numbers for name in names}
    state = state_of(instances.pristine(), lowerer.folded | told)
    captured_from = {**_provenance(loaded, shape, output), "state": state.recorded()}
    if instances.outputs is not None:
        captured_from["outputs"] = instances.outputs
    try:
        finished = finish(builder, source, results, {"captured_from": captured_from})
    except Refused as error:
        raise CaptureError.at(loaded.shown, "TL603", str(error), loaded.line) from error
    observer.finished(finished)
    graph = finished.graph
    verification = None
    if options.verify:
        stage("verifying")
        approximated = [approximation(name, options.approximate[name]) for name in builder.approximated]
        verification = verify(instances, finished, approximated=approximated)
        if loaded.evaluation is not None:
            # The module was made here: that it is what the file says another program tells.
            evaluation = loaded.evaluation()
            others = instances.in_place_of_module(evaluation.module)
            verification = verify(others, finished, approximated=approximated, by=evaluation.words)
    # Where another function stands for an operator, TL405 says that the gradients are its own.
    taken = [approximation(name, options.approximate[name]) for name in sorted(builder.approximated)]
    compare = options.verify and all(one.below_rounding for one in taken)
    differ = differences(instances, finished, traced.unseen, traced.asked, verify=compare)
    instances.check_weights()
    checks = (_left_out(loaded, stack) for stack in dict.fromkeys(traced.asked.checks))
    notes = [*instances.notes, *checks, *builder.notes, *(one.finding for one in differ)]
    if differ:
        entries = [one.json() for one in differ]
        graph = replace(graph, extra={**graph.extra, "training_differs": entries})
    if builder.approximated:
        marks = _marks(taken, verification)
        graph = replace(graph, extra={**graph.extra, "approximations": marks})
        for one in taken:
            note = _approximation(one, verification, loaded.line)
            places = builder.approximated[one.operator]
            notes = [*notes, *dict.fromkeys(located(note, stack, loaded.file) for stack in places)]
    place = inlined(graph, finished) if dialect.inline and options.inline and options.params else None
    if place is not None:
        graph = place.graph
    graph = sealed(graph)
    text = serialize_graph(graph)
    stored = lower(graph).parameters()
    carried = state.carried(one.model for one in stored if one.model is not None)
    own = dict(instances.pristine().named_parameters())
    parameters = sum(
        finished.tensors[one.name].numel()
        for one in stored
        if (one.model in own if one.model is not None else one.trainable)
    )
    return Captured(
        graph,
        text,
        finished.tensors,
        carried,
        parameters,
        traced.operators,
        traced.path,
        traced.reason,
        notes,
        verification,
        place is not None and place.reason is None,
        None if place is None else place.reason,
    )


def _marks(taken: Iterable[Approximation], verification: Verification | None) -> list[dict[str, Any]]:
    """The root field `approximations`: what stands for what, its bound, and the artifact's error, measured."""
    error = None if verification is None else float(f"{verification.max_relative_error:.1e}")
    measured = {} if error is None else {"max_relative_error": error}
    return [{"operator": one.operator, "form": one.form, "bound": one.bound, **measured} for one in taken]


def _approximation(
    taken: Approximation, verification: Verification | None, line: int | None
) -> CaptureFinding:
    error = None if verification is None else verification.max_relative_error
    measured = "not measured" if error is None else f"largest relative error of the artifact {error:.1e}"
    return CaptureFinding("TL405", f"{taken.meaning}; {measured} (bound {taken.bound:g})", line)


def _left_out(loaded: Loaded, stack: Stack) -> CaptureFinding:
    message = "a check of values that can only raise an error is no part of the artifact"
    return located(CaptureFinding("TL608", message, loaded.line), stack, loaded.file)


def _provenance(loaded: Loaded, shape: Shape, output: Path) -> dict[str, object]:
    folder = real(output).parent
    found: dict[str, object] = {
        "file": relative_path(loaded.file, folder),
        "class": loaded.name if loaded.format is None else None,
        "format": loaded.format,
        "example_shape": list(shape),
        "sha256": loaded.sha256,
        **loaded.about,
    }
    if loaded.meaning is not None:
        found["meaning"] = loaded.meaning.recorded(folder)
    found = {name: value for name, value in found.items() if value is not None or name == "sha256"}
    return {name: value for name, value in found.items() if loaded.sha256 or name not in ("file", "sha256")}
