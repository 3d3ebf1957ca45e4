"""Edits of a document as the protocol has them."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol import types

from torchlean_core.check.fixes.edit import Edit
from torchlean_ls.documents import Snapshot


def text_edits(document: Snapshot, edits: Iterable[Edit]) -> list[types.TextEdit]:
    """Edits of one version of a document."""
    return [types.TextEdit(document.range(edit.start, edit.end), edit.text) for edit in edits]


def workspace_edit(document: Snapshot, edits: Iterable[Edit], *, versioned: bool) -> types.WorkspaceEdit:
    """Edits of one document, for just this version of it where the client can say so."""
    return file_edit(document.uri, document.version, text_edits(document, edits), versioned=versioned)


def file_edit(
    uri: str, version: int | None, edits: list[types.TextEdit], *, versioned: bool
) -> types.WorkspaceEdit:
    """Edits of one file; None as its version where no editor has it open."""
    if not versioned:
        return types.WorkspaceEdit(changes={uri: edits})
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri, version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, list(edits))])
