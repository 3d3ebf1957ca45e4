"""From a model's file to the files of its artifact: the artifact and its parameters, both or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact.companions import params_path
from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import Loaded, load_model
from torchlean_core.capture.pipeline import Captured, Observer, capture
from torchlean_core.capture.places import lack_of_memory
from torchlean_core.capture.state import type_name
from torchlean_core.capture.target import Shape, Target, source_words
from torchlean_core.capture.values import content
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import replacing
from torchlean_core.graph import lower
from torchlean_core.options.capture import Options
from torchlean_core.params.content import CARRIED, Content, Origin, write_content


def capture_file(
    target: Target,
    shape: Shape,
    output: Path,
    options: Options,
    *,
    stage: Callable[[str], None] = lambda name: None,
    judge: Callable[[Captured], None] = lambda captured: None,
    write: bool = True,
    text: str | None = None,
    observer: Observer | None = None,
    load: Callable[[Target, str | None], Loaded] = load_model,
) -> dict[str, Any]:
    """Capture a model of a file and write it.

    Args:
        target: The model.
        shape: Shape of its input.
        output: Where to write the artifact; the parameters go beside it.
        options: How.
        stage: Told what is being done now.
        judge: Given the capture before it is written; it may raise.
        write: Whether to write anything at all; without, what is learned is all that there is.
        text: What to run in place of what is in the model's file.
        observer: Shown what comes up on the way.
        load: Gives the model of a target, or of the text.

    Returns:
        `output` (path; null where nothing was written), `params` (path or null), `dialect` (its name), `outputs`
        (how many), `inline` (whether the parameters are in the artifact), `beside` (why not, or null),
        `nodes`, `operators` (of the source), `parameters` (scalars), `constants` (scalars), `path`,
        `reason`, `max_relative_error` (or null), `dtype` (or null), `verified_by` (or null), `notes`,
        `message` (one line).

    Raises:
        CaptureError: The model cannot be captured; `data["findings"]` has the places.
        UserError: It cannot be verified, or the files cannot be written.
    """
    stage("importing")
    output = output.absolute()  # before the model's code, which may change the folder
    loaded = load(target, text)
    try:
        captured = capture(loaded, shape, output, options, stage, observer)
    except CaptureError:
        raise
    except (MemoryError, RuntimeError, UserError) as error:  # the last of what computes an artifact
        lack = lack_of_memory(error) or (error.__cause__ and lack_of_memory(error.__cause__))
        if not lack:
            raise
        raise CaptureError.at(loaded.shown, "TL603", lack, loaded.line) from error
    judge(captured)
    if not write:
        return _result(captured, None, None)
    stage("writing")
    source = source_words(loaded.file, loaded.name)
    params = write_captured(captured, output, source, params=options.params)
    return _result(captured, output, params)


def write_captured(captured: Captured, output: Path, source: str, *, params: bool = True) -> Path | None:
    """Write the artifact and, beside it, its parameters; they take their places only when both are whole.

    Where the parameters are in the artifact itself, the file beside it holds what no node has a place for (batch
    normalization's counters); without any such, one that was beside what it replaces goes.

    Args:
        captured: What was captured.
        output: The artifact's file.
        source: Where the parameters come from: `model.py:Name`.
        params: Whether to write the parameters.

    Returns:
        The file beside the artifact, where one was written.

    Raises:
        UsageError: A file cannot be written.
    """
    store = params_path(output) if params and (captured.carried or not captured.inline) else None
    try:
        with replacing(output) as artifact:
            artifact.write_text(captured.text, encoding="utf-8", newline="\n")
            if store is not None:
                program = lower(captured.graph)
                tensors: dict[str, torch.Tensor] = {}
                if not captured.inline:
                    tensors.update(captured.tensors)
                    for name, absent in program.without.items():
                        tensors[name] = torch.full(absent.parameter.shape, absent.neutral)
                contents = {
                    name: Content("F32", tuple(tensor.shape), content(tensor))
                    for name, tensor in tensors.items()
                }
                for name, tensor in captured.carried.items():
                    plain = tensor.detach().cpu().contiguous()
                    contents[CARRIED + name] = Content(type_name(plain), tuple(plain.shape), content(plain))
                uses = {} if captured.inline else program.further_uses()
                write_content(store, contents, artifact_hash(captured.graph), source, Origin.CAPTURE, uses)
        if captured.inline and store is None:
            params_path(output).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename or output}: {error.strerror or error}") from error
    return store


def _result(captured: Captured, output: Path | None, params: Path | None) -> dict[str, Any]:
    nodes = len(captured.graph.nodes)
    parameters = captured.parameters
    constants = sum(tensor.numel() for tensor in captured.tensors.values()) - parameters
    checked = captured.verification
    message = f"{nodes} nodes, {parameters:,} parameters"
    if checked is not None:
        message += f", relative error {checked.max_relative_error:.1e}"
    return {
        "output": None if output is None else str(output),
        "dialect": captured.graph.dialect.name,
        "outputs": len(captured.graph.output_ids),
        "inline": captured.inline,
        "beside": captured.beside,
        "params": None if params is None else str(params),
        "nodes": nodes,
        "operators": captured.operators,
        "parameters": parameters,
        "constants": constants,
        "path": captured.path,
        "reason": captured.reason,
        "max_relative_error": None if checked is None else checked.max_relative_error,
        "verified_by": None if checked is None else checked.by,
        "dtype": None if checked is None else str(checked.dtype).removeprefix("torch."),
        "notes": [asdict(note) for note in captured.notes],
        "message": message,
    }
