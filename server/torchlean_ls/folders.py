"""The workspace's folders, and what the settings files in them say."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.artifact.companions import ARTIFACT_SUFFIXES
from torchlean_core.capture.onnx_files import PACKED, SUFFIX
from torchlean_core.check import Finding
from torchlean_core.config import NAMES, SettingsFinder
from torchlean_core.config import Settings as FileSettings
from torchlean_core.errors import UsageError
from torchlean_ls.lsp import types
from torchlean_ls.settings import Settings
from torchlean_ls.uris import file_name, file_path, file_uri

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_log = logging.getLogger(__name__)

_MAX_SAID = 10_000
"""Documents of which it is kept what the settings files say."""


class Folders:
    """The workspace's folders.

    Attributes:
        roots: The folders by their URIs.
        problem: What is wrong with a settings file, as last seen; None where nothing is.
        warn: Tells the user that; it can be called in any thread.
    """

    def __init__(self) -> None:
        self.roots: dict[str, Path] = {}
        self.problem: str | None = None
        self.warn: Callable[[str], None] = _log.warning
        self._finder = SettingsFinder()
        self._said: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...]]] = {}

    def begin(self, params: types.InitializeParams) -> None:
        """Take the folders that the client opens."""
        uris = [folder.uri for folder in params.workspace_folders or ()]
        if not uris and params.root_uri:
            uris = [params.root_uri]
        elif not uris and params.root_path:
            uris = [file_uri(Path(params.root_path))]
        for uri in uris:
            self._add(uri)

    def change(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        """Folders come and go."""
        self._said = {}
        for folder in params.event.removed:
            self.roots.pop(folder.uri, None)
        for folder in params.event.added:
            self._add(folder.uri)

    def _add(self, uri: str) -> None:
        path = file_path(uri)
        if path is not None:
            self.roots[uri] = path

    def watched(self, settings: Settings) -> list[str]:
        """Patterns of the files whose changes matter: artifacts, parameters, models, settings."""
        patterns = [f"**/*{suffix}" for suffix in (*ARTIFACT_SUFFIXES, SUFFIX, SUFFIX + PACKED)]
        patterns += ["**/*.safetensors", "**/*.py", *(f"**/{name}" for name in NAMES)]
        return [*patterns, *settings.artifacts]

    def declares(self, uri: str, settings: Settings) -> bool:
        """Whether a pattern of the setting `artifacts` names a document, from the folder that it is in."""
        path = file_path(uri)
        if not settings.artifacts or path is None:
            return False
        spec = _spec(settings.artifacts)
        return spec is not None and any(
            path.is_relative_to(root) and spec.match_file(path.relative_to(root).as_posix())
            for root in self.roots.values()
        )

    def path_for(self, uri: str) -> Path | None:
        """The file of a document; for one that is not saved, a file in the first folder."""
        path = file_path(uri)
        if path is not None:
            return path
        root = next(iter(self.roots.values()), None)
        return root / file_name(uri) if root is not None else None

    # -- settings files -----------------------------------------------------------------------------------

    def settings_of(self, uri: str) -> FileSettings:
        """What the settings files say for a document; the defaults where they cannot be read."""
        path = self.path_for(uri)
        if path is None:
            return FileSettings()
        try:
            return self._finder.of_file(path)
        except UsageError as error:
            if str(error) != self.problem:
                self.problem = str(error)
                self.warn(f"{error} (until this is mended, none of its settings apply)")
            return FileSettings()

    def wanted(self, uri: str, findings: list[Finding]) -> list[Finding]:
        """The findings that the settings files let through."""
        # A thread asks, too: what it reads while the settings are forgotten must not be known afterwards.
        said = self._said
        known = said.get(uri)
        if known is None:
            if len(said) >= _MAX_SAID:
                said.clear()
            settings = self.settings_of(uri)
            path = file_path(uri)
            ignored_there = settings.ignored_in(path) if path is not None else ()
            known = said[uri] = settings.select, settings.ignore + ignored_there
        select, ignored = known
        if select is None and not ignored:
            return findings
        return [
            finding
            for finding in findings
            if (select is None or finding.code.startswith(select)) and not finding.code.startswith(ignored)
        ]

    def program(self, text: str, folder: str | None = None) -> str:
        """A program that a setting names: `~` and `${workspaceFolder}` filled in, relative paths from that folder.

        Args:
            text: The setting.
            folder: URI of the folder that it is the setting of; None for the window's, which means the first one.
        """
        root = self.roots.get(folder or "") or next(iter(self.roots.values()), None)
        name = os.path.expanduser(text.strip())  # noqa: PTH111 -- it may be no path
        if root is None:
            return name
        name = name.replace("${workspaceFolder}", str(root))
        return os.path.join(root, name) if os.path.dirname(name) else name  # noqa: PTH118, PTH120

    def holds_settings(self, uris: Iterable[str]) -> bool:
        """Whether one of the files is a settings file."""
        return any(file_name(uri) in NAMES for uri in uris)

    def forget_settings(self) -> None:
        """Read the settings files anew when they are asked for."""
        self._finder = SettingsFinder()
        self._said = {}
        self.problem = None


@lru_cache(1)
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec | None:
    """Patterns as in .gitignore; None, and a word in the log, where they are none."""
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        _log.warning("artifacts: expected patterns as in .gitignore: %s", error)
        return None
