"""How a job can end other than with a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_core.errors import UserError


class JobError(UserError):
    """The job failed; the message is the worker's own, or says how the worker died.

    Attributes:
        data: What the worker's error carried besides its message (capture: `findings`).
        output: The end of what the worker printed.
    """

    def __init__(
        self, message: str, *, exit_code: int = 1, data: Mapping[str, Any] | None = None, output: str = ""
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.data = dict(data or {})
        self.output = output


class JobTimeout(JobError):
    """The job ran past its time limit and was ended."""


class JobDied(JobError):
    """The worker ended without an answer: the code being run ended it, or the system did.

    Attributes:
        stage: What the job said last that it was doing; empty where it said nothing.
    """

    stage = ""


class JobCancelled(JobError):
    """The job was cancelled and ended."""
