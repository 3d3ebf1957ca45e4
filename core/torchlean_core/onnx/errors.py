"""Words for errors of ONNX files."""

from __future__ import annotations

from torchlean_core.basics.visible import visible


def quoted(name: str) -> str:
    """A name from a file in a message."""
    name = visible(name)
    return f"`{name if len(name) <= 100 else name[:99] + '…'}`"
