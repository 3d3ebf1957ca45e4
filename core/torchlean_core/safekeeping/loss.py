"""What would be lost, as a value, as an error, and as the question that a client asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.errors import UserError
from torchlean_core.files import kept_name


class Loss(NamedTuple):
    """A file that holds somebody's work and would be replaced.

    Attributes:
        path: The file.
        what: What is in it, in words that go on after "replaces": `weights captured from TinyMLP`.
    """

    path: Path
    what: str


class WouldReplace(UserError):
    """A command would replace somebody's work, or go on where that is doubtful, and was not told that it may.

    Attributes:
        losses: What would be lost.
        data: `{"confirm": …}`, see `confirmation`.
    """

    def __init__(self, losses: Sequence[Loss], message: str | None = None, doubt: str | None = None) -> None:
        super().__init__(message or doubt or _refusal(losses))
        self.losses = list(losses)
        self.data: dict[str, Any] = {"confirm": confirmation(losses, doubt)}


def _refusal(losses: Sequence[Loss]) -> str:
    """The message on a command line."""
    told = "; ".join(f"{loss.path}: holds {loss.what}" for loss in losses)
    them, files = ("it", "file") if len(losses) == 1 else ("them", "files")
    return f"{told}; --force replaces {them} and keeps the old {files} as {_kept(losses)}"


def confirmation(losses: Sequence[Loss], doubt: str | None = None) -> dict[str, Any]:
    """What a client asks before somebody's work is replaced.

    Args:
        losses: What would be lost.
        doubt: What speaks against going on besides, in words.

    Returns:
        `question` (a sentence), `what` (a list: each loss in words), `accept` (title of the button), `argument`
        (what the command takes besides when the answer is yes).
    """
    told = " and ".join(f"{loss.what} ({loss.path.name})" for loss in losses)
    sentences = [f"This would replace {told}."] if losses else []
    doubts = [] if doubt is None else [doubt]
    return {
        "question": " ".join([*sentences, *(f"{one[0].upper()}{one[1:]}." for one in doubts)]),
        "what": [*(f"{loss.path.name}: {loss.what}" for loss in losses), *doubts],
        "accept": f"Replace (keeps {_kept(losses)})" if losses else "Go On",
        "argument": {"force": True},
    }


def _kept(losses: Sequence[Loss]) -> str:
    return ", ".join(kept_name(loss.path).name for loss in losses)
