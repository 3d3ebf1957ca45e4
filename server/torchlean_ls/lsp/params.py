"""What the client is asked and told, and what it asks and tells."""

from __future__ import annotations

from typing import Any

from torchlean_ls.lsp.objects import (
    CallHierarchyItem,
    CodeActionTriggerKind,
    FileChangeType,
    MessageType,
    Object,
    Position,
    Range,
    WorkspaceEdit,
)

ProgressToken = int | str


# -- what the client is asked and told --------------------------------------------------------------------


class MessageActionItem(Object):
    """A button below a message."""

    title: str


class ShowMessageParams(Object):
    """A message to be shown."""

    type: MessageType
    message: str


class LogMessageParams(ShowMessageParams):
    """A message for the log."""


class ShowMessageRequestParams(ShowMessageParams):
    """A question."""

    actions: list[MessageActionItem] | None = None


class ShowDocumentParams(Object):
    """A file to be shown."""

    uri: str
    external: bool | None = None
    take_focus: bool | None = None


class ShowDocumentResult(Object):
    """Whether it was."""

    success: bool


class ApplyWorkspaceEditParams(Object):
    """An edit to be made, and what it is called."""

    edit: WorkspaceEdit
    label: str | None = None


class ApplyWorkspaceEditResult(Object):
    """Whether it was."""

    applied: bool
    failure_reason: str | None = None


class ConfigurationItem(Object):
    """A section of the settings, of a folder."""

    scope_uri: str | None = None
    section: str | None = None


class ConfigurationParams(Object):
    """Settings that are asked for."""

    items: list[ConfigurationItem]


class Registration(Object):
    """A method that the client is to call from now on."""

    id: str
    method: str
    register_options: Any = None


class RegistrationParams(Object):
    """Several of them."""

    registrations: list[Registration]


class Unregistration(Object):
    """A method that it need not call any more."""

    id: str
    method: str


class UnregistrationParams(Object):
    """Several of them; their name is spelled as the protocol spells it."""

    unregisterations: list[Unregistration]


class DidChangeConfigurationRegistrationOptions(Object):
    """Of which settings it is told when they change."""

    section: str | None = None


class FileSystemWatcher(Object):
    """Files by a pattern."""

    glob_pattern: str


class DidChangeWatchedFilesRegistrationOptions(Object):
    """Of which files it is told when they change."""

    watchers: list[FileSystemWatcher]


class ResponseError(Object):
    """Why a request was not done."""

    code: int
    message: str
    data: Any = None


class WorkDoneProgressBegin(Object, tag_field="kind", tag="begin"):
    """Long work begins."""

    title: str
    cancellable: bool | None = None
    message: str | None = None
    percentage: int | None = None


class WorkDoneProgressReport(Object, tag_field="kind", tag="report"):
    """How far it is."""

    cancellable: bool | None = None
    message: str | None = None
    percentage: int | None = None


class WorkDoneProgressEnd(Object, tag_field="kind", tag="end"):
    """How it ended."""

    message: str | None = None


# -- params -----------------------------------------------------------------------------------------------


class CancelParams(Object):
    """The request that is not wanted any more."""

    id: int | str


class WorkDoneProgressCancelParams(Object):
    """The work that is not wanted any more."""

    token: ProgressToken


class WorkspaceFolder(Object):
    """A folder that is open."""

    uri: str
    name: str = ""


class InitializeParams(Object):
    """What the client is, and what it opens."""

    capabilities: dict[str, Any]
    process_id: int | None = None
    root_path: str | None = None
    root_uri: str | None = None
    initialization_options: Any = None
    workspace_folders: list[WorkspaceFolder] | None = None


class TextDocumentItem(Object):
    """A document as it is opened."""

    uri: str
    language_id: str
    version: int
    text: str


class TextDocumentIdentifier(Object):
    """A document."""

    uri: str


class VersionedTextDocumentIdentifier(TextDocumentIdentifier):
    """A document, and the number of the version that changes lead to; old clients may send none."""

    version: int | None = None


class DidOpenTextDocumentParams(Object):
    """A document that was opened."""

    text_document: TextDocumentItem


class TextDocumentContentChangeEvent(Object):
    """What stands in place of a range now; without a range, the whole text."""

    text: str
    range: Range | None = None


class DidChangeTextDocumentParams(Object):
    """Changes of a document, in their order."""

    text_document: VersionedTextDocumentIdentifier
    content_changes: list[TextDocumentContentChangeEvent]


class TextDocumentParams(Object):
    """A request about a document."""

    text_document: TextDocumentIdentifier


class TextDocumentPositionParams(TextDocumentParams):
    """A request about a place of a document."""

    position: Position


class TextDocumentRangeParams(TextDocumentParams):
    """A request about a range of a document."""

    range: Range


DidSaveTextDocumentParams = TextDocumentParams
DidCloseTextDocumentParams = TextDocumentParams
CodeLensParams = TextDocumentParams
DocumentFormattingParams = TextDocumentParams
DocumentLinkParams = TextDocumentParams
DocumentSymbolParams = TextDocumentParams
FoldingRangeParams = TextDocumentParams
SemanticTokensParams = TextDocumentParams

CallHierarchyPrepareParams = TextDocumentPositionParams
CompletionParams = TextDocumentPositionParams
DefinitionParams = TextDocumentPositionParams
DocumentHighlightParams = TextDocumentPositionParams
HoverParams = TextDocumentPositionParams
PrepareRenameParams = TextDocumentPositionParams

DocumentRangeFormattingParams = TextDocumentRangeParams
InlayHintParams = TextDocumentRangeParams
SemanticTokensRangeParams = TextDocumentRangeParams


class ReferenceContext(Object):
    """Which references are wanted."""

    include_declaration: bool


class ReferenceParams(TextDocumentPositionParams):
    """Who asks for references."""

    context: ReferenceContext


class RenameParams(TextDocumentPositionParams):
    """Another name."""

    new_name: str


class SelectionRangeParams(TextDocumentParams):
    """Places to select around."""

    positions: list[Position]


class SemanticTokensDeltaParams(TextDocumentParams):
    """What was sent before."""

    previous_result_id: str


class DocumentDiagnosticParams(TextDocumentParams):
    """What was sent before."""

    previous_result_id: str | None = None


class CodeActionContext(Object):
    """Which actions are wanted, and why; the diagnostics that are shown there are known here."""

    diagnostics: list[Any]
    only: list[str] | None = None
    trigger_kind: CodeActionTriggerKind | None = None


class CodeActionParams(TextDocumentRangeParams):
    """Who asks for actions."""

    context: CodeActionContext


class CallHierarchyIncomingCallsParams(Object):
    """Whose callers are wanted."""

    item: CallHierarchyItem


class CallHierarchyOutgoingCallsParams(CallHierarchyIncomingCallsParams):
    """What it calls."""


class PreviousResultId(Object):
    """What was sent before of a document."""

    uri: str
    value: str


class WorkspaceDiagnosticParams(Object):
    """What was sent before, and under which name parts of the answer are taken."""

    previous_result_ids: list[PreviousResultId]
    partial_result_token: ProgressToken | None = None


class WorkspaceSymbolParams(Object):
    """What is searched."""

    query: str


class ExecuteCommandParams(Object):
    """A command, and under which name its progress is shown."""

    command: str
    arguments: list[Any] | None = None
    work_done_token: ProgressToken | None = None


class WorkspaceFoldersChangeEvent(Object):
    """Folders that come and go."""

    added: list[WorkspaceFolder]
    removed: list[WorkspaceFolder]


class DidChangeWorkspaceFoldersParams(Object):
    """Folders that come and go."""

    event: WorkspaceFoldersChangeEvent


class DidChangeConfigurationParams(Object):
    """The settings, or null where they are to be asked for."""

    settings: Any = None


class FileEvent(Object):
    """What became of a file."""

    uri: str
    type: FileChangeType


class DidChangeWatchedFilesParams(Object):
    """What became of files."""

    changes: list[FileEvent]


class FileRename(Object):
    """A file that has another name."""

    old_uri: str
    new_uri: str


class RenameFilesParams(Object):
    """Files that have other names."""

    files: list[FileRename]


class FileDelete(Object):
    """A file that is gone."""

    uri: str


class DeleteFilesParams(Object):
    """Files that are gone."""

    files: list[FileDelete]
