"""What the server can do, as `initialize` answers it: it follows from what the client can do, and nothing else.

Plain JSON, so that the answer needs no import of the protocol's types.
"""

from __future__ import annotations

from typing import Any

from torchlean_core import __version__
from torchlean_ls.client import Client

COMMANDS = (
    "torchlean.check",
    "torchlean.emit",
    "torchlean.refresh",
    "torchlean.capture",
    "torchlean.captureAndEmit",
    "torchlean.models",
    "torchlean.writeShape",
    "torchlean.init",
    "torchlean.train",
    "torchlean.training",
    "torchlean.trainOptions",
    "torchlean.useParams",
    "torchlean.convert",
    "torchlean.dialects",
    "torchlean.stop",
    "torchlean.showGraph",
    "torchlean.openFile",
)
"""The commands; each takes one object, most with a `uri`."""

QUICK_FIX = "quickfix"
FIX_ALL = "source.fixAll.torchlean"
SOURCE = "source.torchlean"
SOURCE_ACTIONS = ("emit", "refresh", "emitSequential", "init", "train", "capture", "captureAndEmit", "graph")
"""Last parts of the kinds of source actions."""

CAPTURE = "refactor.torchlean"
"""Kind of what is offered on the head of a model: a plain menu of actions has it, other than source actions."""

TOKEN_TYPES = ("function", "variable", "property", "keyword", "namespace")
TOKEN_MODIFIERS = ("declaration", "deprecated")
"""The legend of semantic tokens: kinds are functions, ids variables."""

TRIGGERS = ('"', ":", "[", ",", "{", "=")
"""Characters after which completions are asked for."""

_FILES = {"filters": [{"scheme": "file", "pattern": {"glob": "**/*"}}]}


def server_capabilities(client: Client) -> dict[str, Any]:
    """The server's capabilities for a client."""
    found: dict[str, Any] = {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": False}},
        "hoverProvider": True,
        "completionProvider": {"triggerCharacters": list(TRIGGERS), "resolveProvider": True},
        "definitionProvider": True,
        "referencesProvider": True,
        "documentHighlightProvider": True,
        "renameProvider": {"prepareProvider": True}
        if client.has("textDocument.rename.prepareSupport")
        else True,
        "documentSymbolProvider": True,
        "workspaceSymbolProvider": True,
        "codeActionProvider": {
            "codeActionKinds": [
                QUICK_FIX,
                CAPTURE,
                *(f"{SOURCE}.{name}" for name in SOURCE_ACTIONS),
                FIX_ALL,
            ],
            "resolveProvider": client.resolves_actions,
        },
        "codeLensProvider": {"resolveProvider": True},
        "documentLinkProvider": {"resolveProvider": False},
        "documentFormattingProvider": True,
        "documentRangeFormattingProvider": True,
        "foldingRangeProvider": True,
        "selectionRangeProvider": True,
        "callHierarchyProvider": True,
        "inlayHintProvider": {"resolveProvider": False},
        "semanticTokensProvider": {
            "legend": {"tokenTypes": list(TOKEN_TYPES), "tokenModifiers": list(TOKEN_MODIFIERS)},
            "full": {"delta": True} if client.token_deltas else True,
            "range": True,
        },
        "executeCommandProvider": {"commands": list(COMMANDS), "workDoneProgress": True},
        "workspace": {
            "workspaceFolders": {"supported": True, "changeNotifications": True},
            "fileOperations": {
                name: _FILES
                for name in ("didRename", "didDelete")
                if client.has(f"workspace.fileOperations.{name}")
            },
        },
    }
    if client.pulls:
        found["diagnosticProvider"] = {
            "identifier": "torchlean",
            "interFileDependencies": True,
            "workspaceDiagnostics": True,
        }
    return found


def initialize_result(client: Client) -> dict[str, Any]:
    """The answer to `initialize`."""
    return {
        "capabilities": server_capabilities(client),
        "serverInfo": {"name": "torchlean-ls", "version": __version__},
    }
