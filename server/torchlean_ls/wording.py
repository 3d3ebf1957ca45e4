"""What messages say in an editor: without paths of the machine and what one would type in a terminal.

Messages are written for the command line, where most are read. Here their last mile is for people who see buttons and
files: an option is named as what it is, a file by its name, a command as the editor's.
"""

from __future__ import annotations

import re
from pathlib import Path

from torchlean_core.basics.paths import real
from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.check.findings import PLAIN
from torchlean_core.errors import UserError

_OPTION = re.compile(r"(?<![\w-])--(?P<name>[a-z][a-z0-9-]*)")
_NAMES = {
    "lr": "learning rate",
    "val-split": "validation split",
    "x": "x",
    "y": "y",
    "from": "another parameter file",
    "force": "replacing",
}
"""Options that are called otherwise where nobody types them; of the others the dashes go."""

COMMAND_TITLES = {
    "capture": "Capture Model",
    "check": "Check Artifact",
    "convert": "Convert to the Other Dialect",
    "emit": "Emit PyTorch Module",
    "init": "Initialize Parameters",
    "train": "Train",
}
"""Commands of the terminal that editors have, too, by their titles there."""

_COMMAND = re.compile(r"`torchlean (?P<command>[a-z]+)(?P<more>[^`]*)`")
_PATH = re.compile(
    r"(?<![\w.:/\\~-])(?:[A-Za-z]:[\\/]|/(?=[^\s/]))(?:[^\s:;,'\"`()<>|]*[\\/])*(?P<name>[^\s:;,'\"`()<>|\\/]*)"
)


def in_words_of_editors(message: str, file: Path | None = None) -> str:
    """A message without options, terminal commands, absolute paths and line ends.

    Args:
        message: The message.
        file: The file that the command was about: what is beside it is named by its way from there.
    """
    for folder in _folders(file):
        message = message.replace(folder, "")
    message = _PATH.sub(lambda found: found["name"] or found[0], message)
    message = _COMMAND.sub(_command, message)
    message = re.sub(r"; name another file with -o\b|,? (?:with|or) -o\b", "", message)
    message = _OPTION.sub(lambda found: _NAMES.get(found["name"], found["name"].replace("-", " ")), message)
    return "; ".join(
        line.strip().removesuffix(";").removesuffix(".") for line in message.splitlines() if line.strip()
    )


def _folders(file: Path | None) -> list[str]:
    """The beginnings of paths beside a file, longest first."""
    if file is None or not file.is_absolute():
        return []
    found = {f"{file.parent}/", f"{file.parent}\\", f"{real(file).parent}/"}
    return sorted((one for one in found if len(one) > 1), key=len, reverse=True)


def _command(found: re.Match[str]) -> str:
    title = COMMAND_TITLES.get(found["command"])
    return found[0] if title is None else f'"TorchLean: {title}"'


def in_editor(error: UserError, file: Path | None = None) -> str:
    """The message of an error for a person in an editor, where places are in the files.

    Args:
        error: The error.
        file: The file that the command was about, where places can be in it.
    """
    from torchlean_core.jobs import JobTimeout

    if isinstance(error, JobTimeout):
        return in_words_of_editors(f"{error}. The setting `torchlean.timeLimit` changes the limit", file)
    found = [CaptureFinding.of_json(one) for one in error.data.get("findings") or ()]
    if not found:
        return in_words_of_editors(str(error.data.get(PLAIN) or error), file)
    first = found[0]
    where = file if first.file is None else Path(first.file)
    line = first.line if first.file is None or first.span is None else first.span.line
    place = "" if where is None else f"{where.name}: " if line is None else f"{where.name}:{line}: "
    operator = f"{first.operator}: " if first.operator is not None else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return in_words_of_editors(f"{place}{operator}{first.message}{more}", file)
