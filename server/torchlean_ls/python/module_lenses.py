"""Code lenses over a generated module: which artifact it is from, whether it is fresh, open and refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlean_core.companions.module import artifact_of, is_generated
from torchlean_core.emit.provenance import header_span
from torchlean_ls.documents import Snapshot
from torchlean_ls.python.lenses import OPEN, command
from torchlean_ls.uris import file_path, plain_uri

if TYPE_CHECKING:
    from torchlean_ls.host import Host

_STATES = {"TL511": "stale", "TL512": "edited by hand"}


def module_lenses(server: Host, document: Snapshot) -> list[dict[str, Any]] | None:
    """The lenses of a generated module as plain JSON; None for other Python files."""
    path = file_path(document.uri)
    if path is None or not is_generated(document.text):
        return None
    artifact = artifact_of(path, document.text)
    assert artifact is not None, "a generated module names it"
    where = document.plain_range(*header_span(document.text))
    if not artifact.is_file():
        return [_lens(where, f"Generated from {artifact.name}, which is not there any more", "")]
    uri = plain_uri(artifact)
    codes = {finding.code for finding in server.companion_findings(document.uri)}
    state = next((words for code, words in _STATES.items() if code in codes), "fresh")
    refresh = {"uri": uri, "out": path.name}
    # What was edited is asked about before it is replaced.
    again = {"stale": "Refresh", "edited by hand": "Generate again…"}.get(state)
    return [
        _lens(where, f"Generated from {artifact.name} · {state}", OPEN, {"uri": uri}),
        _lens(where, f"Open {artifact.name}", OPEN, {"uri": uri}),
        *([_lens(where, again, "torchlean.refresh", refresh)] if again is not None else []),
    ]


def _lens(where: Any, title: str, name: str, *arguments: Any) -> dict[str, Any]:
    return {"range": where, "command": command(title, name, *arguments)}
