"""What an editor offers against the findings of a rule: fixes of the text, commands, edits of a model file."""

from __future__ import annotations

from typing import NamedTuple

from torchlean_core.check.fixes.model import passes
from torchlean_core.companions.remedies import OFFERS as COMMANDS
from torchlean_core.live.fixes import OFFERS as EDITS


class Offer(NamedTuple):
    """One way to mend a finding.

    Attributes:
        titles: What the menu says, "…" for what depends on the file.
        what: What it does.
        why: Why it is safe, or when it is not.
    """

    titles: tuple[str, ...]
    what: str
    why: str


def offers(code: str) -> list[Offer]:
    """Everything that is offered against the findings of a rule."""
    import torchlean_core.check.fixes  # noqa: F401 - it fills the table of passes

    found = []
    for one in passes(code):
        what = (one.make.__doc__ or "").strip()
        found.append(Offer(tuple(one.titles(code)), what, one.why))
    for table, what in (
        (COMMANDS, "Runs a command of TorchLean LS."),
        (EDITS, "Edits the model file or its settings."),
    ):
        if titles := tuple(title for title, codes in table.items() if code in codes):
            found.append(Offer(titles, what, "Never done unasked."))
    return found


def offers_text(code: str) -> list[str]:
    """The offers as lines of text."""
    lines = []
    for offer in offers(code):
        lines.append(", or ".join(f"“{title}”" for title in offer.titles))
        lines.append(f"    {offer.what} {offer.why}")
    return lines
