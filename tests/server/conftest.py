"""A real server process per test, once for each client profile."""

from __future__ import annotations

import ast
import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

PROFILES = ["visual_studio_code", "neovim@v0.11.0"]


@pytest_lsp.fixture(
    params=PROFILES,
    config=ClientServerConfig(server_command=[sys.executable, "-m", "torchlean_core", "server", "--stdio"]),
)
async def client(request, lsp_client: LanguageClient, tmp_path: Path):
    """A client whose session is initialized with the folder of the test as its workspace."""
    params = types.InitializeParams(
        capabilities=client_capabilities(request.param),
        workspace_folders=[types.WorkspaceFolder(tmp_path.as_uri(), "work")],
    )
    # A client that pulls and one that does not: both ways are tested, whatever the recorded profiles announce.
    text = params.capabilities.text_document
    assert text is not None
    text.diagnostic = types.DiagnosticClientCapabilities() if request.param.startswith("neovim") else None
    assert params.capabilities.workspace is not None
    params.capabilities.workspace.diagnostics = types.DiagnosticWorkspaceClientCapabilities(
        refresh_support=True
    )
    answer_requests(lsp_client)
    await lsp_client.initialize_session(params)
    yield
    await lsp_client.shutdown_session()


def answer_requests(client: LanguageClient) -> None:
    """Let a client answer what a server may ask it, and remember what was asked."""
    client.asked = []  # type: ignore[attr-defined]
    client.registered = {}  # type: ignore[attr-defined]

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        client.registered |= {one.method: one.register_options for one in params.registrations}

    for method in (
        types.WORKSPACE_INLAY_HINT_REFRESH,
        types.WORKSPACE_CODE_LENS_REFRESH,
        types.WORKSPACE_SEMANTIC_TOKENS_REFRESH,
    ):
        client.feature(method)(lambda params, method=method: client.asked.append(method))


class Editor:
    """What a test does as an editor would, over a client."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        structure = client.protocol.structure_message

        def read(message: dict[str, Any]) -> Any:
            if message.get("id") in self.waiting and "method" not in message:
                self.waiting.pop(message["id"]).set_result(message)
                return types.CancelParams  # never handled: see `handle`
            return structure(message)

        handle = client.protocol.handle_message
        client.protocol.structure_message = read  # type: ignore[method-assign]
        client.protocol.handle_message = lambda message: (  # type: ignore[method-assign]
            None if message is types.CancelParams else handle(message)
        )
        self.folder = folder
        self.pulls = client.capabilities.text_document.diagnostic is not None
        self.versions: dict[str, int] = {}

    async def open(self, name: str, text: str, language: str = "json") -> str:
        uri = (self.folder / name).as_uri()
        self.versions[uri] = 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, *changes: Any) -> None:
        self.versions[uri] += 1
        identifier = types.VersionedTextDocumentIdentifier(version=self.versions[uri], uri=uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, list(changes)))

    async def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """The diagnostics of the present version, pulled or pushed as this client does it."""
        if self.pulls:
            report = await self.client.text_document_diagnostic_async(
                types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
            )
            return list(report.items)
        while True:
            last = self.published.get(uri)
            if last is not None and last.version == self.versions[uri]:
                return list(last.diagnostics)
            await self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)

    @property
    def published(self) -> dict[str, types.PublishDiagnosticsParams]:
        return self.client.published  # type: ignore[attr-defined]

    async def fixes(self, uri: str, where: types.Range, *kinds: str) -> list[types.CodeAction]:
        context = types.CodeActionContext([], only=list(kinds) or None)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
        return [_action(found) for found in await self.client.text_document_code_action_async(params) or []]

    async def open_marked(self, name: str, text: str) -> tuple[str, types.Position]:
        """Open a text that has a mark; its URI and the position of the mark."""
        before = text.split("▮")[0]
        position = types.Position(before.count("\n"), len(before) - before.rfind("\n") - 1)
        return await self.open(name, text.replace("▮", "")), position

    async def ask(self, method: str, uri: str, position: types.Position, **more: Any) -> Any:
        """The result of a request about a place, as JSON."""
        where = {"line": position.line, "character": position.character}
        return await self.request(method, {"textDocument": {"uri": uri}, "position": where, **more})

    async def request(self, method: str, params: Any) -> Any:
        """The result of a request, as JSON; pygls would give it a type and lose what it does not know."""
        protocol = self.client.protocol
        number = f"raw-{next(_numbers)}"
        future = asyncio.get_running_loop().create_future()
        self.waiting[number] = future
        protocol._send_data({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(future, 30)
        if "error" in answer:
            raise Failed(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    async def run(self, command: str, *arguments: Any) -> Any:
        return await self.client.workspace_execute_command_async(
            types.ExecuteCommandParams(command, list(arguments))
        )


class Failed(Exception):
    """An error that the server answered."""


_numbers = itertools.count()


def _action(found: Any) -> types.CodeAction:
    """Undo lsprotocol's reading of a code action that has a command and no edit as a bare command."""
    if isinstance(found, types.Command):
        return types.CodeAction(found.title, command=types.Command(**ast.literal_eval(found.command)))
    return found


@pytest.fixture
def editor(client: LanguageClient, tmp_path: Path) -> Editor:
    """The client of a test, with an editor's moves."""
    client.published = {}  # type: ignore[attr-defined]

    def remember(ls: LanguageClient, params: types.PublishDiagnosticsParams) -> None:
        ls.published[params.uri] = params  # type: ignore[attr-defined]

    client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS] = lambda params: remember(
        client, params
    )
    return Editor(client, tmp_path)


def artifact(*nodes: dict[str, Any], **root: Any) -> str:
    """Text of an artifact whose last node is the output."""
    content = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": list(nodes)}
    return json.dumps({**content, **root}, indent=1)


INPUT = {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}
RELU = {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}
BROKEN = artifact(INPUT, {**RELU, "shape": [1, 3]})
GOOD = artifact(INPUT, RELU)
