"""What can be done about a finding on a companion file: a command, and what to give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.check.findings import Finding


class Remedy(NamedTuple):
    """One thing that helps.

    Attributes:
        title: What a code action says.
        command: The command, without a prefix: `refresh`, `init` or `capture`.
        arguments: What it takes beside the file that it is about: the artifact, for `capture` the model.
        preferred: Whether nothing of the user's is at risk.
    """

    title: str
    command: str
    arguments: Mapping[str, Any]
    preferred: bool


OFFERS: Mapping[str, tuple[str, ...]] = {
    "Refresh …": ("TL511",),
    "Generate … again…": ("TL512",),
    "Initialize … anew": ("TL501", "TL502"),
    "Capture … again": ("TL521",),
}
"""The titles of all remedies, the first "…" for what depends on the file, with the rules whose findings get them."""


def remedies(finding: Finding) -> list[Remedy]:
    """What helps against a finding of `artifact_findings` or `module_findings`; nothing for other findings."""
    if finding.code in ("TL511", "TL512"):
        path = Path(finding.data["module"])
        arguments: dict[str, Any] = {"out": path.name}
        if finding.code == "TL511":
            return [Remedy(f"Refresh {path.name}", "refresh", arguments, True)]
        # The command asks, names what would be lost, and keeps it.
        return [Remedy(f"Generate {path.name} again…", "refresh", arguments, False)]
    if finding.code in ("TL501", "TL502") and not finding.data.get("conflict"):
        name = Path(finding.data["params"]).name
        return [Remedy(f"Initialize {name} anew", "init", {}, False)]
    if finding.code == "TL521" and finding.data["arguments"] is not None:
        arguments = finding.data["arguments"]
        name = arguments.get("name") or Path(finding.data["model"]).name
        return [Remedy(f"Capture {name} again", "capture", arguments, False)]
    return []
