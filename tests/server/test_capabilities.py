"""What the server announces: for each client just what suits it, with a handler behind it, and as documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lsprotocol import types
from lsprotocol.converters import get_converter

from tests.server.conftest import GOOD
from tests.server.raw import Raw
from torchlean_core.dialect_around import AUTO, CHOICES
from torchlean_core.kinds.pages import NAME as KINDS_NAME
from torchlean_core.kinds.pages import page as kinds_page
from torchlean_ls import features, pages, settings
from torchlean_ls.client import Client
from torchlean_ls.features import FEATURES
from torchlean_ls.lsp import types as own
from torchlean_ls.pages import NAME, full_client, page
from torchlean_ls.server import create_server

DOCS = Path(__file__).parents[2] / "docs"
EXTENSION = DOCS.parent / "editors" / "vscode"
METHODS = {
    "hoverProvider": ["textDocument/hover"],
    "completionProvider": ["textDocument/completion", "completionItem/resolve"],
    "definitionProvider": ["textDocument/definition"],
    "referencesProvider": ["textDocument/references"],
    "documentHighlightProvider": ["textDocument/documentHighlight"],
    "renameProvider": ["textDocument/rename", "textDocument/prepareRename"],
    "documentSymbolProvider": ["textDocument/documentSymbol"],
    "workspaceSymbolProvider": ["workspace/symbol"],
    "codeActionProvider": ["textDocument/codeAction", "codeAction/resolve"],
    "codeLensProvider": ["textDocument/codeLens", "codeLens/resolve"],
    "documentLinkProvider": ["textDocument/documentLink"],
    "documentFormattingProvider": ["textDocument/formatting"],
    "documentRangeFormattingProvider": ["textDocument/rangeFormatting"],
    "foldingRangeProvider": ["textDocument/foldingRange"],
    "selectionRangeProvider": ["textDocument/selectionRange"],
    "callHierarchyProvider": [
        "textDocument/prepareCallHierarchy", "callHierarchy/incomingCalls", "callHierarchy/outgoingCalls",
    ],
    "inlayHintProvider": ["textDocument/inlayHint"],
    "semanticTokensProvider": [
        "textDocument/semanticTokens/full", "textDocument/semanticTokens/full/delta",
        "textDocument/semanticTokens/range",
    ],
    "diagnosticProvider": ["textDocument/diagnostic", "workspace/diagnostic"],
    "executeCommandProvider": [],
}  # fmt: skip


def answered(client: Client) -> dict:
    raw = Raw()
    try:
        return raw.initialize(capabilities=client.capabilities)["result"]["capabilities"]
    finally:
        raw.close()


def test_the_page_says_what_the_running_server_answers():
    found = page(answered(full_client()), answered(Client({})))
    assert (DOCS / NAME).read_text() == found, "run `make docs`"


def test_the_page_of_the_kinds_is_up_to_date_and_has_every_section_that_hovers_link_to():
    assert (DOCS / KINDS_NAME).read_text() == kinds_page(), "run `make docs`"


@pytest.mark.parametrize("client", [full_client(), Client({})], ids=["full", "bare"])
def test_every_capability_has_its_handlers_and_no_handler_is_hidden(client):
    capabilities = answered(client)
    server = create_server()
    server.protocol.client = client
    server.initialize(own.InitializeParams({}), client)
    known = set(server.protocol.handlers)
    announced = {method for name in capabilities for method in METHODS.get(name, [])}
    if capabilities["semanticTokensProvider"]["full"] is True:
        announced.discard("textDocument/semanticTokens/full/delta")
    assert announced <= known
    assert {
        method for method in known if method in {one for all_ in METHODS.values() for one in all_}
    } == announced
    assert set(capabilities) - set(METHODS) == {"positionEncoding", "textDocumentSync", "workspace"}


def test_what_is_announced_follows_the_client():
    full, bare = answered(full_client()), answered(Client({}))
    assert full["renameProvider"] == {"prepareProvider": True} and bare["renameProvider"] is True
    assert full["codeActionProvider"]["resolveProvider"] and not bare["codeActionProvider"]["resolveProvider"]
    assert "diagnosticProvider" in full and "diagnosticProvider" not in bare
    assert set(full["workspace"]["fileOperations"]) == {"didRename", "didDelete"}
    assert bare["workspace"]["fileOperations"] == {}
    # The answer has the form of the protocol's type: reading it as that does not fail.
    assert get_converter().structure(full, types.ServerCapabilities).hover_provider is True


def test_a_client_without_code_action_literals_gets_commands_only():
    raw = Raw()
    try:
        raw.initialize()
        raw.open("file:///m.ir.json", GOOD)
        where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        params = {
            "textDocument": {"uri": "file:///m.ir.json"},
            "range": where,
            "context": {"diagnostics": []},
        }
        found = raw.ask("textDocument/codeAction", params, 2)
        assert found and all(isinstance(one["command"], str) for one in found)
    finally:
        raw.close()


def test_every_feature_is_made_once_and_no_module_of_one_is_forgotten():
    made = [type(feature).__name__ for feature in create_server().features]
    assert made == list(FEATURES)
    modules = {path.stem for path in Path(features.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert modules <= {module.rpartition(".")[2] for module in FEATURES.values()}


def test_the_extension_offers_the_dialects_and_commands_that_there_are():
    package = json.loads((EXTENSION / "package.json").read_text("utf-8"))["contributes"]
    setting = package["configuration"]["properties"]["torchlean.dialect"]
    assert setting["enum"] == list(CHOICES) and setting["default"] == AUTO
    titles = {one["command"]: one["title"] for one in package["commands"]}
    assert titles["torchlean-ls.convert"] == "Convert to the Other Dialect"
    assert "'torchlean.convert'" in (EXTENSION / "src" / "commands.ts").read_text("utf-8")


def test_the_page_has_every_setting_with_its_default():
    told = {name.removeprefix("torchlean."): json.loads(default) for name, default, _ in pages._SETTINGS}
    known = {one.name for one in settings._TABLE}
    parts = {name for name in known if name.partition(".")[0] in told}  # of settings that are objects
    assert told.keys() <= known and known - parts <= told.keys()
    nested: dict = {}
    for name, default in told.items():
        *folders, last = name.split(".")
        inner = nested
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = default
    assert settings.complaints(nested) == []
    assert settings.Settings.read(nested) == settings.Settings()
