"""What is in the zoo, and what a capture of each of its models gives."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from torchlean_core.capture.configured import example_shape
from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.load import Loaded, load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Shape, Target
from torchlean_core.options.capture import Options

HERE = Path(__file__).parent
CAPTURED = (
    "multilayer",
    "plain",
    "residual",
    "branched",
    "mobile",
    "verification",
    "generative",
    "transformers",
    "recurrent",
    "known",
)
"""Files whose models have an exact form, as those of `full_size` have; those of `refused` have none."""
TRAINED = ("identities", "differing")
"""Files whose models show what a parameter is."""


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        family: Its file, without `.py`.
        name: Name of its class, or of the function that builds it.
    """

    family: str
    name: str

    @property
    def file(self) -> Path:
        """The model's file."""
        return HERE / f"{self.family}.py"

    @cached_property
    def shape(self) -> Shape:
        """Shape of its input."""
        return example_shape(Target(self.file, self.name))

    def __str__(self) -> str:
        return f"{self.family}.py:{self.name}"


def entries(*families: str) -> list[Entry]:
    """The models of some families: everything with an example shape above it, in the order of the file."""
    found = []
    for family in families:
        source = (HERE / f"{family}.py").read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and "# torchlean:" in lines[node.lineno - 2]:
                found.append(Entry(family, node.name))
    return found


def constructor(entry: Entry) -> Callable[[], torch.nn.Module]:
    """What builds a model, in eval mode, with the parameters that it is captured with."""
    loaded = load_model(Target(entry.file, entry.name))
    assert loaded.construct is not None
    return loaded.construct


@dataclass(frozen=True)
class Outcome:
    """A capture of an entry.

    Attributes:
        captured: The artifact; None where it was refused.
        findings: Why it was refused.
        seconds: Time of the capture, with verification.
        export_seconds: Time of a bare `torch.export.export` of another instance; 0 where it was not asked for.
    """

    captured: Captured | None
    findings: list[CaptureFinding]
    seconds: float
    export_seconds: float


def survey(entry: Entry, dialect: str = "classic", *, export: bool = True) -> Outcome:
    """Capture a model in a dialect, and export it without anything else, in this process."""
    loaded = load_model(Target(entry.file, entry.name))
    start = time.perf_counter()
    try:
        options = Options(dialect=dialect)
        result, findings = capture(loaded, entry.shape, HERE / "model.ir.json", options), []
    except CaptureError as error:
        result, findings = None, error.findings
    seconds = time.perf_counter() - start
    return Outcome(result, findings, seconds, _export_seconds(loaded, entry.shape) if export else 0.0)


def _export_seconds(loaded: Loaded, shape: Shape) -> float:
    assert loaded.construct is not None
    module = loaded.construct()
    start = time.perf_counter()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.export.export(module, (torch.zeros(shape),))
        except torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode:
            return 0.0  # a branch on its state, which a bare export does not know
    return time.perf_counter() - start
