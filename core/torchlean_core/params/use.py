"""Trained parameters become those of the artifact; what it had is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import params_path, trained_params_path
from torchlean_core.artifact.load import load_graph
from torchlean_core.errors import UsageError
from torchlean_core.files import keep_aside, replacing
from torchlean_core.graph import lower
from torchlean_core.params.resolve import is_inline
from torchlean_core.params.store import ParameterStore


def use_parameters(artifact: Path, params: Path | None = None) -> dict[str, Any]:
    """Make a parameter file that of an artifact: beside it, or inside where its parameters stand there.

    The trained parameters beside the artifact (the default) take their new name; any other file stays as well. What is
    replaced is kept as `.orig`.

    Returns:
        `output` (path), `kept` (path, or null), `message`.

    Raises:
        UserError: The parameters are not those of the artifact, or the artifact has errors.
        UsageError: A file is missing, or cannot be read or written.
    """
    trained = trained_params_path(artifact)
    source = params or trained
    if not source.is_file():
        raise UsageError(f"{source}: there is no such file; a training writes it")
    store = ParameterStore.load(source)
    program = lower(load_graph(artifact), store.names)
    store.require(program)
    if is_inline(program):
        from torchlean_core.params.inline_file import inline_parameters  # imports numpy

        output = artifact
        kept: Path | None = keep_aside(artifact)
        inline_parameters(artifact, source)
    else:
        output = params_path(artifact)
        if output.exists() and output.samefile(source):
            raise UsageError(f"{source}: is what the artifact uses already")
        kept = keep_aside(output) if output.exists() else None
        try:
            with replacing(output) as temporary:
                shutil.copyfile(source, temporary)
            if source.absolute() == trained.absolute():
                source.unlink()
        except OSError as error:
            raise UsageError(f"{output}: {error.strerror or error}") from error
    message = f"{artifact.name} uses the parameters of {source.name} now"
    if kept is not None:
        message += f"; what it had is kept as {kept.name}"
    return {"output": str(output), "kept": None if kept is None else str(kept), "message": message}


def run(request: Mapping[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The same as a job: of `request["artifact"]`, and `request["params"]` where a file is named."""
    params = request.get("params")
    return use_parameters(Path(request["artifact"]), None if params is None else Path(params))
