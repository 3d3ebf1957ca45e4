"""The capture job: what a worker does for `torchlean capture` and for the language server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchlean_core.artifact import ArtifactError, parse_graph
from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.capture.explain import Explainer
from torchlean_core.capture.options import Options
from torchlean_core.capture.pipeline import Captured
from torchlean_core.capture.target import Target
from torchlean_core.capture.write import capture_file
from torchlean_core.errors import UserError


def run(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Capture a model and write the artifact and its parameters, both or none.

    Args:
        request: `file`, `name`, `out` (paths as text), `example_shape`; optional, what `Options` has, and `source`,
            the text to run in place of what is in the file, and `write` (whether to write anything; default true.
            Without, the model is traced, lowered and verified all the same).
        report: Takes `{"event": "stage", "name": …}`.

    Returns:
        What `capture_file` gives, and `record`, what was learned about the user's code (`Record.as_json`).

    Raises:
        CaptureError: The model cannot be captured; `data["findings"]` has the places.
        UserError: It cannot be verified, or the files cannot be written. `data["record"]` has what was learned.
    """
    # Before the model's code, which may change the folder.
    target = Target(Path(request["file"]).absolute(), request["name"])
    shape, text = tuple(request["example_shape"]), request.get("source")
    explainer = Explainer(target, shape, text)
    try:
        result = capture_file(
            Target(Path(request["file"]), request["name"]),
            shape,
            Path(request["out"]),
            Options.of(request),
            stage=lambda name: report({"event": "stage", "name": name}),
            judge=_require_no_errors,
            source=text,
            observer=explainer,
            write=request.get("write", True) is not False,
        )
    except UserError as error:
        record = explainer.record(getattr(error, "findings", ()))
        error.data = {**error.data, "record": record.as_json()}
        raise
    notes = [CaptureFinding.of_json(note) for note in result["notes"]]
    return {**result, "record": explainer.record(notes, result).as_json()}


def _require_no_errors(captured: Captured) -> None:
    """The checker's judgement of the new artifact: what it refuses is a bug here."""
    try:
        parse_graph(captured.text)
    except ArtifactError as error:
        raise RuntimeError(f"the captured artifact has errors: {error}") from error
