"""A captured model as files: the artifact and its parameters, both or none."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.artifact.companions import params_path
from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.capture.pipeline import Captured
from torchlean_core.capture.values import content
from torchlean_core.errors import UsageError
from torchlean_core.files import replacing
from torchlean_core.params.content import Content, write_content


def write_captured(captured: Captured, output: Path, source: str, *, params: bool = True) -> Path | None:
    """Write the artifact and, beside it, its parameters; each takes its place only when both are whole.

    Args:
        captured: What was captured.
        output: The artifact's file.
        source: Where the parameters come from: `model.py:Name`.
        params: Whether to write the parameters.

    Returns:
        The parameters' file, where they were written.

    Raises:
        UsageError: A file cannot be written.
    """
    store = params_path(output) if params else None
    try:
        with replacing(output) as artifact:
            artifact.write_text(captured.text, encoding="utf-8", newline="\n")
            if store is not None:
                tensors = {
                    name: Content("F32", tuple(tensor.shape), content(tensor))
                    for name, tensor in captured.tensors.items()
                }
                write_content(store, tensors, artifact_hash(captured.graph), source)
    except OSError as error:
        raise UsageError(f"{error.filename or output}: {error.strerror or error}") from error
    return store
