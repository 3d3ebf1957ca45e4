"""The capture job: what a worker does for `torchlean capture` and for the language server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchlean_core.artifact import ArtifactError, parse_graph
from torchlean_core.capture.options import Options
from torchlean_core.capture.pipeline import Captured
from torchlean_core.capture.target import Target
from torchlean_core.capture.write import capture_file


def run(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Capture a model and write the artifact and its parameters, both or none.

    Args:
        request: `file`, `name`, `out` (paths as text), `example_shape`; optional, what `Options` has.
        report: Takes `{"event": "stage", "name": …}`.

    Returns:
        What `capture_file` gives.

    Raises:
        CaptureError: The model cannot be captured; `data["findings"]` has the places.
        UserError: It cannot be verified, or the files cannot be written.
    """
    return capture_file(
        Target(Path(request["file"]), request["name"]),
        tuple(request["example_shape"]),
        Path(request["out"]),
        Options.of(request),
        stage=lambda name: report({"event": "stage", "name": name}),
        judge=_require_no_errors,
    )


def _require_no_errors(captured: Captured) -> None:
    """The checker's judgement of the new artifact: what it refuses is a bug here."""
    try:
        parse_graph(captured.text)
    except ArtifactError as error:
        raise RuntimeError(f"the captured artifact has errors: {error}") from error
