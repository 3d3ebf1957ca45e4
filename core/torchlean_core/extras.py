"""What the optional extras of the package bring, and the message where they are missing."""

from __future__ import annotations

import importlib.util

from torchlean_core.errors import UsageError

_TORCH = ("torch", "numpy", "safetensors")


def require_torch() -> None:
    """Check that the extra `torch` is installed, without importing any of it.

    Raises:
        UsageError: Something of it is missing; the message names it and says how to get it.
    """
    missing = [name for name in _TORCH if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"this needs the extra `torch`: pip install 'torchlean-ls[torch]' (missing: {', '.join(missing)})"
        )


def require_numpy() -> None:
    """Check that numpy is installed, without importing it.

    Raises:
        UsageError: It is missing; the message says how to get it.
    """
    if importlib.util.find_spec("numpy") is None:
        raise UsageError("this needs the extra `torch`: pip install 'torchlean-ls[torch]' (missing: numpy)")


def require_websockets() -> None:
    """Check that the extra `ws` is installed, without importing any of it.

    Raises:
        UsageError: It is missing; the message says how to get it.
    """
    if importlib.util.find_spec("websockets") is None:
        raise UsageError("--ws needs the extra `ws`: pip install 'torchlean-ls[ws]' (missing: websockets)")
