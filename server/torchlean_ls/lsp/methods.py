"""The methods that this server has to do with, and what their params are read into."""

from __future__ import annotations

from typing import Any

from torchlean_ls.lsp import types

CANCEL_REQUEST = "$/cancelRequest"
PROGRESS = "$/progress"
SET_TRACE = "$/setTrace"
INITIALIZE = "initialize"
INITIALIZED = "initialized"
SHUTDOWN = "shutdown"
EXIT = "exit"

TEXT_DOCUMENT_DID_OPEN = "textDocument/didOpen"
TEXT_DOCUMENT_DID_CHANGE = "textDocument/didChange"
TEXT_DOCUMENT_DID_SAVE = "textDocument/didSave"
TEXT_DOCUMENT_DID_CLOSE = "textDocument/didClose"
TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS = "textDocument/publishDiagnostics"

TEXT_DOCUMENT_CODE_ACTION = "textDocument/codeAction"
TEXT_DOCUMENT_CODE_LENS = "textDocument/codeLens"
TEXT_DOCUMENT_COMPLETION = "textDocument/completion"
TEXT_DOCUMENT_DEFINITION = "textDocument/definition"
TEXT_DOCUMENT_DIAGNOSTIC = "textDocument/diagnostic"
TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT = "textDocument/documentHighlight"
TEXT_DOCUMENT_DOCUMENT_LINK = "textDocument/documentLink"
TEXT_DOCUMENT_DOCUMENT_SYMBOL = "textDocument/documentSymbol"
TEXT_DOCUMENT_FOLDING_RANGE = "textDocument/foldingRange"
TEXT_DOCUMENT_FORMATTING = "textDocument/formatting"
TEXT_DOCUMENT_HOVER = "textDocument/hover"
TEXT_DOCUMENT_INLAY_HINT = "textDocument/inlayHint"
TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY = "textDocument/prepareCallHierarchy"
TEXT_DOCUMENT_PREPARE_RENAME = "textDocument/prepareRename"
TEXT_DOCUMENT_RANGE_FORMATTING = "textDocument/rangeFormatting"
TEXT_DOCUMENT_REFERENCES = "textDocument/references"
TEXT_DOCUMENT_RENAME = "textDocument/rename"
TEXT_DOCUMENT_SELECTION_RANGE = "textDocument/selectionRange"
TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL = "textDocument/semanticTokens/full"
TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL_DELTA = "textDocument/semanticTokens/full/delta"
TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE = "textDocument/semanticTokens/range"
CALL_HIERARCHY_INCOMING_CALLS = "callHierarchy/incomingCalls"
CALL_HIERARCHY_OUTGOING_CALLS = "callHierarchy/outgoingCalls"
CODE_ACTION_RESOLVE = "codeAction/resolve"
CODE_LENS_RESOLVE = "codeLens/resolve"
COMPLETION_ITEM_RESOLVE = "completionItem/resolve"

WORKSPACE_DIAGNOSTIC = "workspace/diagnostic"
WORKSPACE_DID_CHANGE_CONFIGURATION = "workspace/didChangeConfiguration"
WORKSPACE_DID_CHANGE_WATCHED_FILES = "workspace/didChangeWatchedFiles"
WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS = "workspace/didChangeWorkspaceFolders"
WORKSPACE_DID_DELETE_FILES = "workspace/didDeleteFiles"
WORKSPACE_DID_RENAME_FILES = "workspace/didRenameFiles"
WORKSPACE_EXECUTE_COMMAND = "workspace/executeCommand"
WORKSPACE_SYMBOL = "workspace/symbol"

CLIENT_REGISTER_CAPABILITY = "client/registerCapability"
CLIENT_UNREGISTER_CAPABILITY = "client/unregisterCapability"
WINDOW_LOG_MESSAGE = "window/logMessage"
WINDOW_SHOW_DOCUMENT = "window/showDocument"
WINDOW_SHOW_MESSAGE = "window/showMessage"
WINDOW_SHOW_MESSAGE_REQUEST = "window/showMessageRequest"
WINDOW_WORK_DONE_PROGRESS_CANCEL = "window/workDoneProgress/cancel"
WINDOW_WORK_DONE_PROGRESS_CREATE = "window/workDoneProgress/create"
WORKSPACE_APPLY_EDIT = "workspace/applyEdit"
WORKSPACE_CONFIGURATION = "workspace/configuration"
WORKSPACE_CODE_LENS_REFRESH = "workspace/codeLens/refresh"
WORKSPACE_DIAGNOSTIC_REFRESH = "workspace/diagnostic/refresh"
WORKSPACE_INLAY_HINT_REFRESH = "workspace/inlayHint/refresh"
WORKSPACE_SEMANTIC_TOKENS_REFRESH = "workspace/semanticTokens/refresh"

PARAMS: dict[str, Any] = {
    CANCEL_REQUEST: types.CancelParams,
    INITIALIZE: types.InitializeParams,
    TEXT_DOCUMENT_DID_OPEN: types.DidOpenTextDocumentParams,
    TEXT_DOCUMENT_DID_CHANGE: types.DidChangeTextDocumentParams,
    TEXT_DOCUMENT_DID_SAVE: types.DidSaveTextDocumentParams,
    TEXT_DOCUMENT_DID_CLOSE: types.DidCloseTextDocumentParams,
    TEXT_DOCUMENT_CODE_ACTION: types.CodeActionParams,
    TEXT_DOCUMENT_CODE_LENS: types.CodeLensParams,
    TEXT_DOCUMENT_COMPLETION: types.CompletionParams,
    TEXT_DOCUMENT_DEFINITION: types.DefinitionParams,
    TEXT_DOCUMENT_DIAGNOSTIC: types.DocumentDiagnosticParams,
    TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: types.DocumentHighlightParams,
    TEXT_DOCUMENT_DOCUMENT_LINK: types.DocumentLinkParams,
    TEXT_DOCUMENT_DOCUMENT_SYMBOL: types.DocumentSymbolParams,
    TEXT_DOCUMENT_FOLDING_RANGE: types.FoldingRangeParams,
    TEXT_DOCUMENT_FORMATTING: types.DocumentFormattingParams,
    TEXT_DOCUMENT_HOVER: types.HoverParams,
    TEXT_DOCUMENT_INLAY_HINT: types.InlayHintParams,
    TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY: types.CallHierarchyPrepareParams,
    TEXT_DOCUMENT_PREPARE_RENAME: types.PrepareRenameParams,
    TEXT_DOCUMENT_RANGE_FORMATTING: types.DocumentRangeFormattingParams,
    TEXT_DOCUMENT_REFERENCES: types.ReferenceParams,
    TEXT_DOCUMENT_RENAME: types.RenameParams,
    TEXT_DOCUMENT_SELECTION_RANGE: types.SelectionRangeParams,
    TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: types.SemanticTokensParams,
    TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL_DELTA: types.SemanticTokensDeltaParams,
    TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE: types.SemanticTokensRangeParams,
    CALL_HIERARCHY_INCOMING_CALLS: types.CallHierarchyIncomingCallsParams,
    CALL_HIERARCHY_OUTGOING_CALLS: types.CallHierarchyOutgoingCallsParams,
    CODE_ACTION_RESOLVE: types.CodeAction,
    CODE_LENS_RESOLVE: types.CodeLens,
    COMPLETION_ITEM_RESOLVE: types.CompletionItem,
    WINDOW_WORK_DONE_PROGRESS_CANCEL: types.WorkDoneProgressCancelParams,
    WORKSPACE_DIAGNOSTIC: types.WorkspaceDiagnosticParams,
    WORKSPACE_DID_CHANGE_CONFIGURATION: types.DidChangeConfigurationParams,
    WORKSPACE_DID_CHANGE_WATCHED_FILES: types.DidChangeWatchedFilesParams,
    WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: types.DidChangeWorkspaceFoldersParams,
    WORKSPACE_DID_DELETE_FILES: types.DeleteFilesParams,
    WORKSPACE_DID_RENAME_FILES: types.RenameFilesParams,
    WORKSPACE_EXECUTE_COMMAND: types.ExecuteCommandParams,
    WORKSPACE_SYMBOL: types.WorkspaceSymbolParams,
}
