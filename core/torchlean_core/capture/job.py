"""The capture job: what a worker does for `torchlean capture` and for the language server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torchlean_core.artifact import ArtifactError, parse_graph
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import DEFAULT_MAX_PARAMETERS, Captured, Options, capture
from torchlean_core.capture.target import Target
from torchlean_core.capture.write import write_captured


def run(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Capture a model and write the artifact and its parameters, both or none.

    Args:
        request: `file`, `name`, `out` (paths as text), `example_shape`; optional, with these defaults:
            `params` true, `verify` true, `debug_targets` true, `prefer_torch_export` true, `max_parameters`,
            `approximate` {} (form by operator).
        report: Takes `{"event": "stage", "name": …}`.

    Returns:
        `output`, `params` (path or null), `nodes`, `parameters` (scalars), `path`, `reason`,
        `max_relative_error` (or null), `dtype` (or null), `notes`, `message` (one line).

    Raises:
        CaptureError: The model cannot be captured; `data["findings"]` has the places.
        UserError: It cannot be verified, or the files cannot be written.
    """

    def stage(name: str) -> None:
        report({"event": "stage", "name": name})

    stage("importing")
    output = Path(request["out"]).absolute()  # before the model's code, which may change the folder
    loaded = load_model(Target(Path(request["file"]), request["name"]))
    options = Options(
        prefer_torch_export=request.get("prefer_torch_export", True),
        debug_targets=request.get("debug_targets", True),
        verify=request.get("verify", True),
        max_parameters=request.get("max_parameters", DEFAULT_MAX_PARAMETERS),
        approximate=request.get("approximate", {}),
    )
    captured = capture(loaded, tuple(request["example_shape"]), output, options, stage)
    stage("writing")
    _require_no_errors(captured, output.name)
    source = f"{loaded.file.name}:{loaded.name}"
    params = write_captured(captured, output, source, params=request.get("params", True))
    return _result(captured, output, params)


def _require_no_errors(captured: Captured, name: str) -> None:
    """The checker's judgement of the new artifact: what it refuses is a bug here."""
    try:
        parse_graph(captured.text, name)
    except ArtifactError as error:
        raise RuntimeError(f"the captured artifact has errors: {error}") from error


def _result(captured: Captured, output: Path, params: Path | None) -> dict[str, Any]:
    nodes = len(captured.graph.nodes)
    parameters = sum(tensor.numel() for tensor in captured.tensors.values())
    checked = captured.verification
    message = f"{nodes} nodes, {parameters:,} parameters"
    if checked is not None:
        message += f", relative error {checked.max_relative_error:.1e}"
    return {
        "output": str(output),
        "params": None if params is None else str(params),
        "nodes": nodes,
        "parameters": parameters,
        "path": captured.path,
        "reason": captured.reason,
        "max_relative_error": None if checked is None else checked.max_relative_error,
        "dtype": None if checked is None else str(checked.dtype).removeprefix("torch."),
        "notes": [asdict(note) for note in captured.notes],
        "message": message,
    }
