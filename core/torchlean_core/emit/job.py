"""Emission as a job of the language server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchlean_core.emit.writer import emit_file


def run(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Emit the module of `request["artifact"]`; see `emit_file` for the other keys."""
    result = emit_file(
        Path(request["artifact"]),
        _path(request.get("out")),
        _path(request.get("params")),
        request.get("options"),
        force=bool(request.get("force")),
        ruff=request.get("ruff"),
        ask=True,
    )
    name = result.output.name
    message = f"{name} written" if result.written else f"{name} is up to date"
    if result.weights is not None:
        message += f", its weights to {result.weights.name}"
    if result.kept is not None:
        message += f"; the replaced text is kept as {result.kept.name}"
    return {
        "output": str(result.output),
        "written": result.written,
        "state": result.before.value,
        "message": message,
    }


def _path(value: Any) -> Path | None:
    return None if value is None else Path(value)
