"""What is known of a model: what a capture told, and what is on disk of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.capture.configured import configured
from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.capture.record import File, Record
from torchlean_core.capture.target import Shape, Target
from torchlean_core.capture.workspace import Sources
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UserError
from torchlean_core.live import LiveModel
from torchlean_core.live.stored import Stored, artifact_path, other_texts, record_of, stored
from torchlean_core.live.texts import text_that_ran
from torchlean_ls.documents import Snapshot
from torchlean_ls.uris import file_path
from torchlean_ls.wording import in_editor

Key = tuple[str, str]
"""Real path of a model's file, and the model's name."""


class OnDisk(NamedTuple):
    """What is on disk of a model.

    Attributes:
        path: Where its artifact is, or would be.
        shape: Example shape that a settings file gives.
        stored: The artifact.
        model: What the artifact tells of the file's text; None where that is another one.
        record: What the artifact tells of the text that it was captured from.
    """

    path: Path
    shape: Shape | None
    stored: Stored | None
    model: LiveModel | None
    record: Record | None

    @property
    def state(self) -> tuple[Any, ...]:
        """What differs where something changed."""
        return self.path, self.shape, self.stored, self.model.texts if self.model is not None else None


def read_disk(
    path: Path, names: list[str], text: str, sources: Sources, before: Mapping[str, OnDisk]
) -> dict[str, OnDisk]:
    """What is on disk of the models of a file; `before` is what was there when it was read last."""
    found = {}
    finder = SettingsFinder()
    for name in names:
        target = Target(path, name)
        try:
            where = artifact_path(target, finder)
            given = configured(target, finder).get("example_shape")
        except UserError:
            continue  # the settings file is wrong, which is said where settings are read
        artifact = stored(where, target, sources)
        last = before.get(name)
        if artifact is None or last is None or last.stored is None or last.stored.root is not artifact.root:
            record = record_of(artifact, target) if artifact is not None else None
        else:
            record = last.record
        model = None
        if artifact is not None and record is not None:
            ran = text_that_ran(path, record.files[0].sha256, [text])
            texts = {str(path): ran} if ran is not None else {}
            texts |= other_texts(artifact, record, sources)
            model = LiveModel(record, texts) if texts else None
        found[name] = OnDisk(where, tuple(given) if given is not None else None, artifact, model, record)
    return found


def record_told(
    request: Mapping[str, Any], result: Mapping[str, Any] | None, error: UserError | None
) -> Record | None:
    """What a capture told; None where it told nothing of the model, such as where there is no torch."""
    from torchlean_core.jobs import JobDied, JobTimeout

    data: Mapping[str, Any] = result if result is not None else getattr(error, "data", {})
    if isinstance(data.get("record"), Mapping):
        record = Record.of_json(data["record"])
        late = (CaptureFinding("TL605", in_editor(error)),) if isinstance(error, JobTimeout) else ()
        return replace(record, findings=record.findings + late)
    told = data.get("findings") or data.get("notes") or ()
    found = tuple(CaptureFinding.of_json(one) for one in told if isinstance(one, Mapping))
    if isinstance(error, JobTimeout):
        found = (CaptureFinding("TL605", in_editor(error)),)
    elif isinstance(error, JobDied):
        found = (CaptureFinding("TL602" if error.stage in ("", "importing") else "TL603", in_editor(error)),)
    if result is None and not found:
        return None
    file = str(request["file"])
    shape = tuple(request["example_shape"])
    return Record(
        str(request["name"]), shape, (File(file, ""),), findings=found, complete=False, result=result
    )


def key_of(uri: str, name: str) -> Key:
    """How a model of a document is known: by the real path of its file, and its name."""
    return real_path(uri) or uri, name


@lru_cache(1024)
def real_path(uri: str) -> str | None:
    """The real path of a document's file; None where it has none. Links are followed anew when files change."""
    path = file_path(uri)
    return os.path.realpath(path) if path is not None else None


def offsets(document: Snapshot, line: int, column: int) -> tuple[int, int]:
    """Offset of a place (line from 1, column in characters), and of the end of its line; clamped to the text."""
    start, end = document.lines.line_span(min(line, len(document.lines)) - 1)
    return min(start + column, end), end
