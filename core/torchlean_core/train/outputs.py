"""The files of a training run, and whether they can be written."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.artifact import params_path
from torchlean_core.artifact.companions import RunPaths, run_paths, trained_params_path
from torchlean_core.basics.paths import real
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting
from torchlean_core.options.datasource import is_function
from torchlean_core.params.files import require_store_name
from torchlean_core.train.curve_file import require_drawable
from torchlean_core.train.options import TrainRequest


def outputs_of(artifact: Path, out: str | None, curve: str | None) -> RunPaths:
    """The files of a run, of which parameters and drawing may be named.

    Raises:
        UsageError: `out` has no name of a file.
    """
    params = trained_params_path(artifact) if out is None else Path(out)
    if not params.name:
        raise UsageError(f"{params}: is a folder, not a parameter file")
    usual = run_paths(params)
    return usual if curve is None else usual._replace(curve=Path(curve))


def check_outputs(files: RunPaths, options: TrainRequest) -> None:
    """Refuse what cannot be written, or must not be, before anything is computed.

    Raises:
        UsageError: A file would replace one of the inputs, or no regular file, or its folder is missing.
    """
    artifact = Path(options.artifact)
    params = params_path(artifact) if options.params is None else Path(options.params)
    data = None if options.data is None or is_function(options.data) else Path(options.data)
    source = Path(options.resume) if isinstance(options.resume, str) else None
    for path in (files.params, files.metrics, files.curve):
        refuse_overwriting(path, artifact, params, data, source)
    refuse_overwriting(files.checkpoint, artifact, params, data)  # a run goes on in its own checkpoint
    require_store_name(files.params)
    for path in (files.params, files.curve):
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}")
    if real(files.params) == real(files.curve):
        raise UsageError(f"{files.curve}: would be the trained parameters and the curve")
    require_drawable(files.curve)
