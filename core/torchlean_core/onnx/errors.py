"""Errors of ONNX files, each in one line with the file."""

from __future__ import annotations

from torchlean_core.basics.visible import visible
from torchlean_core.capture.errors import CaptureError


def refused(shown: str, message: str, code: str = "TL602") -> CaptureError:
    """The error for a file that is not captured; names in it cannot lead a terminal astray.

    Args:
        shown: The file as the user wrote it.
        message: What is the matter.
        code: Rule code of the finding.
    """
    return CaptureError.at(shown, code, visible(message))


def quoted(name: str) -> str:
    """A name from a file in a message."""
    name = visible(name)
    return f"`{name if len(name) <= 100 else name[:99] + '…'}`"
