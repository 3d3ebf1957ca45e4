"""The artifacts of the workspace that are not open: found in the thread for long work, the list kept for a while."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.basics.visible import visible
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UsageError
from torchlean_ls.uris import file_path, file_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from torchlean_ls.host import Host

_log = logging.getLogger(__name__)

LIST_SECONDS = 5.0
"""How long the list of files is kept where nobody says that it changed."""

MAX_FILES = 10_000
"""Files that are listed; the log says how many were left out."""


class Unopened:
    """The artifacts below the workspace's folders, as `torchlean check` finds them: ignored files are skipped."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._listed: tuple[float, dict[str, Path]] | None = None

    def forget(self) -> None:
        """Files, folders or settings are others: list anew when that is asked for."""
        self._listed = None

    async def all(self) -> dict[str, Path]:
        """The artifacts by URI, also those that are open."""
        now = time.monotonic()
        if self._listed is None or now - self._listed[0] > LIST_SECONDS:
            roots = list(self._server.folders.roots.values())
            settings = self._server.settings

            def declared(path: Path) -> bool:
                try:
                    return self._server.folders.declares(file_uri(path), settings)
                except ValueError:  # no URI names it: see below
                    return False

            files = await self._server.in_thread(_list_files, roots, declared)
            if len(files) > MAX_FILES:
                self._server.note(f"{len(files) - MAX_FILES:,} more artifacts are left out")
                files = dict(list(files.items())[:MAX_FILES])
            self._listed = time.monotonic(), files
        return self._listed[1]

    def open_paths(self) -> set[Path]:
        """The files that are open now; by path, for editors do not all write a URI as it is written here."""
        paths = (file_path(document.uri) for document in self._server.documents)
        return {path for path in paths if path is not None}


def _list_files(roots: list[Path], declared: Callable[[Path], bool]) -> dict[str, Path]:
    # Imports the patterns of ignored files, which nobody needs to open a file.
    from torchlean_core.artifact.discovery import find_artifacts

    def unreadable(path: Path, error: OSError) -> None:
        _log.warning("%s: %s", visible(str(path)), error.strerror)

    def wrong(path: Path, error: UsageError) -> None:
        """What is in it is said where settings are read: without it nothing is left out."""

    found: dict[str, Path] = {}
    for root in roots:
        for path in find_artifacts(root, None, SettingsFinder(wrong), unreadable, declared):
            try:
                found[file_uri(path)] = path
            except ValueError:  # editors name files by URIs, and this one has none
                _log.warning("%s: its name is no UTF-8, so no editor can open it", ascii(str(path)))
    return found
