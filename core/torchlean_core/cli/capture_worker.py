"""One capture in a worker, with a line on the terminal that says what it is doing."""

from __future__ import annotations

import argparse
import sys
from types import TracebackType
from typing import Any

from torchlean_core.cli.console import err
from torchlean_core.jobs import JobTimeout, WarmWorker, run_job


class Progress:
    """A line on the terminal that changes; nothing where stderr is none, or with `-q`."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._status = err(args).status("") if sys.stderr.isatty() and not args.quiet else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, text: str) -> None:
        """Change the line."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(f"{text}…"))  # not a str, in which brackets would be markup


def run_worker(
    request: dict[str, Any],
    timeout: float,
    progress: Progress,
    what: str,
    warm: WarmWorker | None = None,
) -> dict[str, Any]:
    """Run the capture job; what the model prints goes to stderr, for it is no result of the command.

    Args:
        request: What the job is asked.
        timeout: Time limit in seconds.
        progress: Shows what is being done.
        what: What is being done, in words.
        warm: Where it starts sooner, for one capture of several.

    Raises:
        JobError: The capture failed; JobTimeout where it took too long.
    """
    progress.show(what)

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "output":
            sys.stderr.write(event["text"])
        elif event["event"] == "stage":
            progress.show(f"{what}: {event['name']}")

    try:
        return run_job("capture", request, on_event=on_event, timeout=timeout, warm=warm)
    except JobTimeout as error:
        raise JobTimeout(
            f"TL605 {error} (--timeout S changes the limit)", data=error.data, output=error.output
        ) from error
