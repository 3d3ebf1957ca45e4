"""Files of a loss curve, in the format that their name says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torchlean_core.environment.extras import PNG
from torchlean_core.errors import UsageError
from torchlean_core.files import replacing
from torchlean_core.train.curve import curve_svg
from torchlean_core.train.metrics import Entry


def require_drawable(path: Path) -> None:
    """Check, without drawing, that a curve can be drawn in the format that a file's name says.

    Raises:
        UsageError: The name ends in neither `.svg` nor `.png`, or what draws PNG is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise UsageError(f"{path}: the curve is drawn as .svg or .png, which the name must end in")
    if suffix == ".png" and PNG.missing():
        raise UsageError(
            f"{path}: a curve as PNG needs the package pillow: {PNG.install} (as .svg it needs nothing)"
        )


def write_curve(path: Path, entries: Sequence[Entry], title: str) -> None:
    """Draw the curve into a file, in the format that its name says, whole or not at all.

    Raises:
        UsageError: As `require_drawable`, or the file cannot be written.
    """
    require_drawable(path)
    if path.suffix.lower() == ".png":
        from torchlean_core.train.raster import curve_png  # imports pillow

        content = curve_png(entries, title)
    else:
        content = curve_svg(entries, title).encode()
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
