"""TensorBoard's event files, through the package `tensorboard`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torchlean_core.errors import UsageError
from torchlean_core.train.metrics import Entry

_TAGS = {"loss": "loss/train", "val_loss": "loss/validation", "lr": "lr"}


class Board:
    """Writes the metrics of a run into a folder that TensorBoard shows."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin event files; what an earlier run wrote for `first_step` and later ones is not shown any more.

        Raises:
            UsageError: The package is missing, or the folder cannot be written.
        """
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        try:
            self._writer = SummaryWriter(str(folder), purge_step=first_step if first_step > 1 else None)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror or error}") from error

    def add(self, entry: Entry) -> None:
        """Write an entry of the metrics: there for TensorBoard at once."""
        for key, tag in _TAGS.items():
            if key in entry:
                self._writer.add_scalar(tag, entry[key], entry["step"])
        self._writer.flush()

    def close(self) -> None:
        """End the files."""
        self._writer.close()


def require_tensorboard() -> None:
    """Check that the package is there, without importing it.

    Raises:
        UsageError: It is not.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "--logdir needs the package tensorboard: pip install 'torchlean-ls[tensorboard]' "
            "(the metrics are written as JSON lines without it too)"
        )
