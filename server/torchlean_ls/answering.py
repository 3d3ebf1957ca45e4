"""Who answers a request: handlers are registered by method, and by what kind of document the request is about."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

from torchlean_ls.checking import Checking
from torchlean_ls.documents import Snapshot
from torchlean_ls.protocol import Protocol
from torchlean_ls.settings import Settings


class Answering(Checking):
    """Registers each LSP method once."""

    protocol: Protocol
    settings: Settings

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[str, dict[str, Callable[[Any], Generator[Any, Any, Any]]]] = {}

    def on(self, method: str, handler: Callable[[Any], Any]) -> None:
        """Register the handler of an LSP method; `torchlean_ls.lsp.endpoint` says what it can be."""
        self.protocol.on(method, handler)

    def on_artifact(self, method: str, handler: Callable[[Snapshot, Any], Any]) -> None:
        """Register the handler of a method about one artifact that is open; for others the answer is null.

        The handler gets the present version with its report at hand, also where that takes long; it may be a
        generator, as in `on`.
        """

        def call(params: Any) -> Generator[Any, Any, Any]:
            document = self.documents.get(params.text_document.uri)
            if document is None or not self.settings.enable or not document.is_artifact:
                return None
            if not document.is_ready:
                document = yield self.ready(document)
            answer = handler(document, params) if document is not None else None
            return (yield from answer) if inspect.isgenerator(answer) else answer

        self._on_kind(method, "artifact", call)

    def on_python(self, method: str, handler: Callable[[Snapshot, Any], Any]) -> None:
        """Register the handler of a method about one Python file that is open; it may be a generator, as in `on`."""

        def call(params: Any) -> Generator[Any, Any, Any]:
            document = self.documents.get(params.text_document.uri)
            if document is None or not self.settings.enable or not document.is_python:
                return None
            answer = handler(document, params)
            return (yield from answer) if inspect.isgenerator(answer) else answer

        self._on_kind(method, "python", call)

    def _on_kind(self, method: str, kind: str, call: Callable[[Any], Generator[Any, Any, Any]]) -> None:
        """Register a method once for all kinds of documents; for those that nobody answers for, it is null."""
        handlers = self._handlers.setdefault(method, {})
        handlers[kind] = call
        if len(handlers) > 1:
            return

        def fan_out(params: Any) -> Generator[Any, Any, Any]:
            document = self.documents.get(params.text_document.uri)
            python = document is not None and document.is_python and not document.is_artifact
            handler = handlers.get("python" if python else "artifact")
            return (yield from handler(params)) if handler is not None else None

        self.on(method, fan_out)
