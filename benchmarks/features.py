"""What the features cost inside the server, on a big artifact, one edit before each request."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.artifacts import make_artifact
from benchmarks.table import Table
from torchlean_ls.client import Client
from torchlean_ls.lsp import types
from torchlean_ls.lsp.endpoint import read_params
from torchlean_ls.server import Server, create_server

URI = "untitled:bench/m.ir.json"  # no file, so nothing beside it to look at
_VISIBLE = 60
_TARGET_MS = 5.0


class Session:
    """An artifact that is open in a server of this process; requests go to the handlers, and answers nowhere."""

    def __init__(self, text: str) -> None:
        self.server: Server = create_server()
        self._loop = asyncio.new_event_loop()
        self.sent: list[Any] = []
        self.server.protocol.set_writer(_Nowhere())
        capabilities = {
            "textDocument": {
                "diagnostic": {},
                "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
                "completion": {"completionItem": {"snippetSupport": True}},
            }
        }
        self.server.protocol.client = Client(capabilities)
        params = types.InitializeParams(capabilities)
        self.server.initialize(params, self.server.protocol.client)
        item = types.TextDocumentItem(URI, "json", 1, text)
        self.server.did_open(types.DidOpenTextDocumentParams(item))
        _ = self.server.documents.get(URI).report  # type: ignore[union-attr]

    @property
    def text(self) -> str:
        """The present text."""
        document = self.server.documents.get(URI)
        assert document is not None
        return document.text

    def edit(self, start: int, end: int, new: str) -> None:
        """Replace a stretch of the text."""
        document = self.server.documents.get(URI)
        assert document is not None
        first, last = document.lines.range(start, end)
        where = types.Range(types.Position(*first), types.Position(*last))
        change = types.TextDocumentContentChangeEvent(new, where)
        identifier = types.VersionedTextDocumentIdentifier(URI, document.version + 1)
        self.server.did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request, as it would be written."""
        protocol = self.server.protocol
        answer: Any = protocol.handlers[method](read_params(method, {"textDocument": {"uri": URI}, **params}))
        result = None
        try:
            while True:
                result = self._loop.run_until_complete(answer.send(result))
        except StopIteration as done:
            protocol.answer(1, done.value)
            return done.value

    def position(self, offset: int) -> dict[str, int]:
        """A place of the text in the protocol."""
        document = self.server.documents.get(URI)
        assert document is not None
        where = document.plain_range(offset, offset)
        start: dict[str, int] = where["start"]
        return start


class _Nowhere:
    def write(self, data: bytes, /) -> None:
        """Forget it."""


def run(sizes: tuple[int, ...], rounds: int = 30) -> list[Table]:
    """Measure every feature at every size."""
    table = Table(
        "One request inside the server",
        ["request", *(f"{size:,} nodes, median ms" for size in sizes)],
        f"After an edit of one shape, answer included; target {_TARGET_MS:g} ms at 10,000 nodes.",
    )
    columns = [measure(size, rounds) for size in sizes]
    for name in columns[0]:
        table.add(name, *(f"{column[name]:.2f}" for column in columns))
    return [table]


def measure(size: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of every feature on an artifact of a size, the document edited before each request."""
    session = Session(make_artifact(size))
    draw = random.Random(0)
    found: dict[str, float] = {}
    for name, ask in _requests(session, draw).items():
        times = []
        for _ in range(rounds):
            _touch(session, draw)
            start = time.perf_counter()
            ask()
            times.append((time.perf_counter() - start) * 1000)
        found[name] = statistics.median(times)
    return found


def _touch(session: Session, draw: random.Random) -> None:
    """Change a `debug_target` somewhere, and check it as the editor's next request for diagnostics would."""
    at = session.text.index('"debug_target": "', draw.randrange(len(session.text) * 9 // 10)) + 17
    session.edit(at, at + 1, draw.choice("abcdefgh"))
    _ = session.server.documents.get(URI).report  # type: ignore[union-attr]


def _requests(session: Session, draw: random.Random) -> dict[str, Callable[[], Any]]:
    def place(part: str, inside: int) -> dict[str, int]:
        at = session.text.index(part, draw.randrange(len(session.text) * 9 // 10))
        return session.position(at + inside)

    def visible() -> dict[str, Any]:
        line = place('"parents"', 0)["line"]
        return {"start": {"line": line, "character": 0}, "end": {"line": line + _VISIBLE, "character": 0}}

    number = '"parents": [\n        '
    return {
        "hover": lambda: session.ask("textDocument/hover", position=place('"kind": "', 9)),
        "completion (kind)": lambda: session.ask("textDocument/completion", position=place('"kind": "', 9)),
        "completion (parent)": lambda: session.ask(
            "textDocument/completion", position=place(number, len(number))
        ),
        "definition": lambda: session.ask("textDocument/definition", position=place(number, len(number))),
        "references": lambda: session.ask(
            "textDocument/references",
            position=place(number, len(number)),
            context={"includeDeclaration": True},
        ),
        "highlight": lambda: session.ask(
            "textDocument/documentHighlight", position=place(number, len(number))
        ),
        "symbols": lambda: session.ask("textDocument/documentSymbol"),
        "inlay hints (visible range)": lambda: session.ask("textDocument/inlayHint", range=visible()),
        "semantic tokens (visible range)": lambda: session.ask(
            "textDocument/semanticTokens/range", range=visible()
        ),
        "folding": lambda: session.ask("textDocument/foldingRange"),
        "code lens": lambda: session.ask("textDocument/codeLens"),
    }
