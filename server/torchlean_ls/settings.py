"""Settings that the client gives, checked; what is not understood keeps its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings under `torchlean.*`.

    Attributes:
        enable: Whether anything is checked.
        python: Interpreter that workers run in; None for the server's own.
        device: Device of commands that compute.
        time_limit: Seconds after which a capture is stopped.
        memory_limit: Bytes of memory that a capture may use; None for no limit.
    """

    enable: bool = True
    python: str | None = None
    device: str = "auto"
    time_limit: float = 120.0
    memory_limit: int | None = None

    @classmethod
    def read(cls, values: Any) -> Settings:
        """Settings from the client's `torchlean` section."""
        if not isinstance(values, dict):
            return cls()
        python = values.get("python")
        interpreter = python.get("interpreter") if isinstance(python, dict) else None
        limit, memory = values.get("timeLimit"), values.get("memoryLimit")
        return cls(
            enable=values.get("enable", True) is not False,
            python=interpreter if isinstance(interpreter, str) and interpreter else None,
            device=values["device"] if isinstance(values.get("device"), str) else "auto",
            memory_limit=memory * 1024 * 1024 if isinstance(memory, int) and memory > 0 else None,
            time_limit=float(limit) if isinstance(limit, int | float) and limit > 0 else 120.0,
        )
