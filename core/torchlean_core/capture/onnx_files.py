"""Which files are ONNX files (nothing of the package `onnx` here)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

SUFFIX = ".onnx"
"""The ending of ONNX files; behind it may stand `.gz`."""

PACKED = ".gz"


def artifact_name(file: Path) -> str:
    """How the artifact of an ONNX file is called where nothing says otherwise: `net.ir.json` of `net.onnx.gz`."""
    name = file.name
    for ending in (PACKED, SUFFIX):
        if name.lower().endswith(ending) and name.lower() != ending:
            name = name[: -len(ending)]
    return f"{name}.ir.json"


def is_onnx(file: Path) -> bool:
    """Whether a file is to be captured as an ONNX file: by its ending, for the format has no mark of its own."""
    name = file.name.lower()
    return name.endswith((SUFFIX, SUFFIX + PACKED))


def within(folder: Path, name: str) -> Path | None:
    """The file of a name that an ONNX file has for one with further numbers; None where it is none in its folder.

    Nothing is looked at; a link may still lead out of the folder.
    """
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    outside = windows.is_absolute() or windows.drive or posix.is_absolute() or ".." in windows.parts
    if not name or "\0" in name or outside or ":" in name:
        return None
    return folder / Path(*windows.parts)


def onnx_files(folder: Path) -> list[Path]:
    """The ONNX files in a folder itself, sorted; none where it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if is_onnx(path) and path.is_file())
    except OSError:
        return []
