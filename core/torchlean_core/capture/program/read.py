"""The program that a file holds, looked through (no torch here)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torchlean_core.capture.errors import refused
from torchlean_core.capture.program.archive import Archive, read_archive
from torchlean_core.capture.program.description import Description, described
from torchlean_core.options.capture import Options


def read_program(
    file: Path, shape: Sequence[int] | None = None, options: Options | None = None
) -> tuple[Archive, Description]:
    """Read a `.pt2` file.

    Args:
        file: The file.
        shape: The shape that the input is to have; None for whatever it has.
        options: How it is to be captured.

    Raises:
        CaptureError: It cannot be captured, or its input has another shape.
    """
    archive = read_archive(file)
    description = described(archive.program, archive.shown)
    if shape is not None and tuple(shape) != description.shape:
        raise refused(
            archive.shown,
            f"expected an input of the example shape {list(shape)}, found {list(description.shape)}, for which the "
            "program was exported: leave the example shape out, or export the model for the other one",
        )
    if options is not None and not options.prefer_torch_export:
        raise refused(archive.shown, "was traced by torch.export; --no-prefer-torch-export is for modules")
    return archive, description
