"""From an ONNX file to a model that can be run and traced. Nothing in the file is run but its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from torchlean_core.capture.errors import refused
from torchlean_core.capture.load import Evaluation, Loaded
from torchlean_core.capture.places import Stacks
from torchlean_core.capture.returned import flatten_results
from torchlean_core.capture.target import Shape
from torchlean_core.onnx.errors import quoted
from torchlean_core.onnx.evaluate import Evaluated, Evaluator, NotEvaluatedError
from torchlean_core.onnx.external import take_in
from torchlean_core.onnx.file import Document, read_document
from torchlean_core.onnx.graph import Graph
from torchlean_core.onnx.module import OnnxModule
from torchlean_core.onnx.plan import planned
from torchlean_core.onnx.read import read_graph
from torchlean_core.options.capture import Options


@dataclass(frozen=True, slots=True)
class Source:
    """An ONNX file that was read.

    Attributes:
        document: The file.
        graph: Its graph.
        shape: The shape of its input.
        data: Hashes of the files that hold further numbers, by their names.
    """

    document: Document
    graph: Graph
    shape: Shape
    data: Mapping[str, str]


def read_onnx(file: Path, shape: Sequence[int] | None = None, options: Options | None = None) -> Source:
    """Read an ONNX file.

    Args:
        file: The file.
        shape: The shape that the input is to have; None for that of the file, 1 for a first axis that is open.
        options: How it is to be captured.

    Raises:
        CaptureError: It cannot be captured, or its input has another shape.
    """
    document = read_document(file)
    if options is not None and not options.prefer_torch_export:
        raise refused(document.shown, "is traced by torch.export; --no-prefer-torch-export is for modules")
    data = take_in(document)
    graph = read_graph(document)
    return Source(document, graph, input_shape(graph, shape, document.shown), data)


def input_shape(graph: Graph, given: Sequence[int] | None, shown: str) -> Shape:
    """The shape of the input: the file's, open sizes as given; the first one is 1 where nothing is given.

    Raises:
        CaptureError: It is not known, or another one is given than the file has.
    """
    sizes = graph.sizes
    if sizes is None:
        if given is None:
            raise refused(
                shown, f"does not say the shape of its input {quoted(graph.input)}: give an example shape"
            )
        return tuple(given)
    said = f"[{', '.join('?' if size is None else str(size) for size in sizes)}]"
    if given is None:
        filled = [1 if place == 0 and not isinstance(size, int) else size for place, size in enumerate(sizes)]
        if not all(isinstance(size, int) for size in filled):
            raise refused(
                shown, f"its input {quoted(graph.input)} has the shape {said}: give an example shape"
            )
        return tuple(size for size in filled if isinstance(size, int))
    fits = len(given) == len(sizes) and all(
        not isinstance(size, int) or size == wanted for size, wanted in zip(sizes, given, strict=True)
    )
    names: dict[str, int] = {}
    if fits:
        for size, wanted in zip(sizes, given, strict=True):
            if isinstance(size, str) and names.setdefault(size, wanted) != wanted:
                fits = False
    if not fits:
        raise refused(
            shown,
            f"expected an input of the example shape {list(given)}, found {said} for {quoted(graph.input)} in the file",
        )
    return tuple(given)


def load_onnx(source: Source) -> Loaded:
    """The graph of a file as a model.

    Raises:
        CaptureError: Operators have no form, or something in it does not fit.
    """
    document, graph = source.document, source.graph
    plan = planned(graph, source.shape, document.shown)
    module = OnnxModule(plan, frozenset(graph.tensors)).eval()

    def export(
        module: torch.nn.Module, example: torch.Tensor, stacks: Stacks
    ) -> torch.export.ExportedProgram:
        assert isinstance(module, OnnxModule)
        if len(plan.outputs) > 1:
            flatten_results(module)
        with stacks.recording(), module.recorded(stacks):
            return torch.export.export(module, (example,), strict=False)

    def evaluation() -> Evaluation:
        try:
            evaluator = Evaluator(graph, source.shape)
        except NotEvaluatedError as error:
            message = f"nothing here computes it, so that it cannot be verified ({error})"
            raise refused(document.shown, message, "TL603") from error
        _require_shapes(module, evaluator, document.shown)
        return Evaluation(evaluator.words, Evaluated(evaluator))

    about: dict[str, object] = {"opset": graph.opset}
    if graph.producer:
        about["producer"] = graph.producer
    if source.data:
        about["data"] = dict(sorted(source.data.items()))
    return Loaded(
        module,
        document.file,
        document.shown,
        "",
        None,
        document.sha256,
        source="",
        format="onnx",
        export=export,
        about=about,
        evaluation=evaluation,
    )


def _require_shapes(module: OnnxModule, evaluator: Evaluator, shown: str) -> None:
    """Refuse what comes out in another shape where somebody else computes it: the standard leaves some of them open."""
    zeros = torch.zeros(evaluator.shape)
    with torch.no_grad():
        own = module(zeros)
    results = list(own.values()) if isinstance(own, dict) else [own]
    for name, one, other in zip(evaluator.outputs, results, evaluator.run(zeros), strict=True):
        if one.shape != other.shape:
            by = evaluator.words[torch.float32]
            message = (
                f"output {quoted(name)} has the shape {list(one.shape)}, and {list(other.shape)} in {by}"
            )
            raise refused(shown, message, "TL603")
