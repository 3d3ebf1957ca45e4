"""What errors say in an editor: without paths of the machine and what one would type in a terminal."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.check.findings import PLAIN
from torchlean_core.errors import UserError


def in_editor(error: UserError, file: Path | None = None) -> str:
    """The message of an error for a person in an editor, where places are in the files.

    Args:
        error: The error.
        file: The file that the command was about, where places can be in it.
    """
    from torchlean_core.jobs import JobTimeout

    if isinstance(error, JobTimeout):
        return f"{error}. The setting `torchlean.timeLimit` changes the limit"
    found = [CaptureFinding.of_json(one) for one in error.data.get("findings") or ()]
    if not found:
        return str(error.data.get(PLAIN) or error)
    first = found[0]
    where = file if first.file is None else Path(first.file)
    line = first.line if first.file is None or first.span is None else first.span.line
    place = "" if where is None else f"{where.name}: " if line is None else f"{where.name}:{line}: "
    operator = f"{first.operator}: " if first.operator is not None else ""
    more = f" (and {len(found) - 1} more, in the list of problems)" if len(found) > 1 else ""
    return f"{place}{operator}{first.message}{more}"
