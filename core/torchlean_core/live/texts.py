"""The texts that ran: found again by their hash."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.capture.target import decode_source
from torchlean_core.companions.model import text_hashes
from torchlean_core.errors import UserError


def text_that_ran(path: Path, sha256: str | None, others: Iterable[str] = ()) -> str | None:
    """The text of a file with a hash, whatever its line ends.

    Args:
        path: The file.
        sha256: Hash of the bytes that ran, in hex; None for whatever the file holds now.
        others: Texts that it may have been, such as that of an editor; asked first.

    Returns:
        The text; None where it is another one by now, or cannot be read.
    """
    for text in others:
        if sha256 in text_hashes(text.encode("utf-8", "surrogatepass")):
            return text
    try:
        content = read_regular(path, MOST_SOURCE)
        if sha256 is not None and sha256 not in text_hashes(content):
            return None
        return decode_source(path, content)
    except (OSError, ValueError, UserError):
        return None  # gone, no name for a file, or in an encoding that it does not declare
