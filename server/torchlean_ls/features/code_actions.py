"""Code actions: quick fixes of findings, and what can be done with a whole artifact or model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from torchlean_core.capture.models import find_models
from torchlean_core.check import Finding
from torchlean_core.check.fixes import Edit, Fix, fixes
from torchlean_core.check.fixing import fix_text
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.features.diagnostics import diagnostic
from torchlean_ls.uris import file_name

_SOURCE = "source.torchlean"
_FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.torchlean"
_ARTIFACT_ACTIONS = (
    ("emit", "Emit nn.Module"),
    ("init", "Initialize parameters"),
    ("train", "Train"),
)


class CodeActions(Feature):
    """Answers `textDocument/codeAction`."""

    def register(self, params: types.InitializeParams) -> None:
        """Announce the kinds of actions."""
        text = params.capabilities.text_document
        edits = params.capabilities.workspace.workspace_edit if params.capabilities.workspace else None
        self._versioned = bool(edits and edits.document_changes)
        self._literals = bool(text and text.code_action and text.code_action.code_action_literal_support)
        kinds = [types.CodeActionKind.QuickFix, *(f"{_SOURCE}.{name}" for name, _ in _ARTIFACT_ACTIONS)]
        kinds += [f"{_SOURCE}.capture", _FIX_ALL]
        options = types.CodeActionOptions(code_action_kinds=kinds)
        self.server.on(types.TEXT_DOCUMENT_CODE_ACTION, self._actions, options)

    async def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction | types.Command] | None:
        document = self.server.documents.get(params.text_document.uri)
        if document is not None and document.is_slow:
            document = await self.server.checked(document)
        if document is None:
            return None
        actions: list[types.CodeAction | types.Command] = []
        if document.is_artifact:
            if self._literals and _wanted(params.context.only, types.CodeActionKind.QuickFix):
                actions += self._quick_fixes(document, params.range)
            if self._literals and _fix_all_wanted(params.context):
                actions += self._fix_all(document)
            actions += self._artifact_actions(document, params.context.only)
        elif document.is_python:
            actions += self._model_actions(document, params)
        return actions

    def _quick_fixes(self, document: Snapshot, where: types.Range) -> list[types.CodeAction]:
        start, end = document.offset(where.start), document.offset(where.end)
        found = []
        for finding in document.report.findings:
            if (
                finding.index is not None
            ):  # the node's place is known; that of the finding has to be looked up
                node = document.report.document.node_span(finding.index)
                if node is None or node[0] > end or node[1] < start:
                    continue
            first, last = document.report.span(finding)
            if first <= end and start <= last:
                found += [self._quick_fix(document, finding, fix) for fix in fixes(document.report, finding)]
        return found

    def _quick_fix(self, document: Snapshot, finding: Finding, fix: Fix) -> types.CodeAction:
        return types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[diagnostic(document, finding)],
            is_preferred=fix.preferred,
            edit=self._workspace_edit(document, fix.edits),
        )

    def _fix_all(self, document: Snapshot) -> list[types.CodeAction]:
        """All safe fixes of the whole document, as one edit."""
        if not document.report.findings:
            return []
        result = fix_text(document.text)
        if not result.changed:
            return []
        count = len(result.applied)
        title = "Apply the safe fix" if count == 1 else f"Apply all {count} safe fixes"
        edit = self._workspace_edit(document, result.edits)
        return [types.CodeAction(title=title, kind=_FIX_ALL, edit=edit)]

    def _workspace_edit(self, document: Snapshot, changes: Sequence[Edit]) -> types.WorkspaceEdit:
        edits = [types.TextEdit(document.range(edit.start, edit.end), edit.text) for edit in changes]
        if not self._versioned:
            return types.WorkspaceEdit(changes={document.uri: edits})
        identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, edits)])

    def _artifact_actions(self, document: Snapshot, only: Any) -> list[types.CodeAction | types.Command]:
        if not document.uri.startswith("file:") or not document.report.ok:
            return []
        return [
            self._command(f"{_SOURCE}.{name}", title, f"torchlean.{name}", {"uri": document.uri})
            for name, title in _ARTIFACT_ACTIONS
            if _wanted(only, f"{_SOURCE}.{name}")
        ]

    def _model_actions(
        self, document: Snapshot, params: types.CodeActionParams
    ) -> list[types.CodeAction | types.Command]:
        kind = f"{_SOURCE}.capture"
        if not document.uri.startswith("file:") or not _wanted(params.context.only, kind):
            return []
        actions: list[types.CodeAction | types.Command] = []
        for model in find_models(document.text, Path(file_name(document.uri))):
            if model.first_line <= params.range.end.line and params.range.start.line <= model.last_line:
                arguments: dict[str, Any] = {"uri": document.uri, "name": model.name}
                title = f"Capture {model.name}"
                if model.example_shape is not None:
                    arguments["exampleShape"] = ",".join(map(str, model.example_shape))
                    title += f" ({arguments['exampleShape']})"
                actions.append(self._command(kind, title, "torchlean.capture", arguments))
        return actions

    def _command(
        self, kind: str, title: str, command: str, argument: dict[str, Any]
    ) -> types.CodeAction | types.Command:
        call = types.Command(title=title, command=command, arguments=[argument])
        return types.CodeAction(title=title, kind=kind, command=call) if self._literals else call


def _fix_all_wanted(context: types.CodeActionContext) -> bool:
    """Whether to mend the whole document: asked for by kind, or by a person, but not at every move of the cursor."""
    if not context.only:
        return context.trigger_kind is not types.CodeActionTriggerKind.Automatic
    return _wanted(context.only, _FIX_ALL)


def _wanted(only: Any, kind: str) -> bool:
    """Whether a client that asks for some kinds only wants this one; a kind covers those below it."""
    return not only or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)
