"""The files of a training run, and whether they can be written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torchlean_core.artifact import params_path
from torchlean_core.artifact.companions import run_paths, trained_params_path
from torchlean_core.datasource import is_function
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting
from torchlean_core.params.files import require_store_name
from torchlean_core.train.curve import require_drawable
from torchlean_core.train.options import TrainRequest


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of a run.

    Attributes:
        params: Trained parameters.
        metrics: Metrics as JSON lines.
        curve: The loss over the steps, drawn.
        checkpoint: The last checkpoint.
    """

    params: Path
    metrics: Path
    curve: Path
    checkpoint: Path

    @classmethod
    def of(cls, artifact: Path, out: str | None, curve: str | None) -> Outputs:
        """The files of `run_paths`, of which the drawing may be named.

        Raises:
            UsageError: `out` has no name of a file.
        """
        params = trained_params_path(artifact) if out is None else Path(out)
        if not params.name:
            raise UsageError(f"{params}: is a folder, not a parameter file")
        usual = run_paths(params)
        return cls(params, usual.metrics, usual.curve if curve is None else Path(curve), usual.checkpoint)

    def check(self, options: TrainRequest) -> None:
        """Refuse what cannot be written, or must not be, before anything is computed.

        Raises:
            UsageError: A file would replace one of the inputs, or no regular file, or its folder is missing.
        """
        artifact = Path(options.artifact)
        params = params_path(artifact) if options.params is None else Path(options.params)
        data = None if options.data is None or is_function(options.data) else Path(options.data)
        source = Path(options.resume) if isinstance(options.resume, str) else None
        for path in (self.params, self.metrics, self.curve):
            refuse_overwriting(path, artifact, params, data, source)
        refuse_overwriting(self.checkpoint, artifact, params, data)  # a run goes on in its own checkpoint
        require_store_name(self.params)
        for path in (self.params, self.curve):
            if not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent}")
        if self.params.resolve() == self.curve.resolve():
            raise UsageError(f"{self.curve}: would be the trained parameters and the curve")
        require_drawable(self.curve)
