"""What the client can do, as it announced it; read without the protocol's types, which take long to import."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any


class Client:
    """The client's capabilities.

    Attributes:
        capabilities: As the client sent them; whatever is not of the expected type counts as not announced.
    """

    def __init__(self, capabilities: Any) -> None:
        self.capabilities = capabilities

    def get(self, path: str) -> Any:
        """The value at a dotted path such as `textDocument.codeAction.resolveSupport`; None where there is none."""
        value = self.capabilities
        for key in path.split("."):
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    def has(self, path: str) -> bool:
        """Whether something is announced: true, or an object."""
        value = self.get(path)
        return value is True or isinstance(value, Mapping)

    def lists(self, path: str, name: str) -> bool:
        """Whether the list at a path has a name."""
        value = self.get(path)
        return isinstance(value, list) and name in value

    @cached_property
    def encoding(self) -> str:
        """The position encoding that both sides use: the first that the client names and that is known here."""
        wanted = self.get("general.positionEncodings")
        for name in wanted if isinstance(wanted, list) else ():
            if name in ("utf-8", "utf-16", "utf-32"):
                return str(name)
        return "utf-16"

    @property
    def pulls(self) -> bool:
        """Whether it asks for diagnostics; otherwise they are pushed."""
        return self.has("textDocument.diagnostic")

    @property
    def snippets(self) -> bool:
        """Whether completions can have places to fill in."""
        return self.has("textDocument.completion.completionItem.snippetSupport")

    @property
    def action_literals(self) -> bool:
        """Whether code actions can be more than commands."""
        return self.has("textDocument.codeAction.codeActionLiteralSupport")

    @property
    def resolves_actions(self) -> bool:
        """Whether the edit of a code action can be asked for later."""
        return self.has("textDocument.codeAction.dataSupport") and self.lists(
            "textDocument.codeAction.resolveSupport.properties", "edit"
        )

    @property
    def token_deltas(self) -> bool:
        """Whether it asks what changed in the semantic tokens."""
        return self.has("textDocument.semanticTokens.requests.full.delta")

    @property
    def versioned_edits(self) -> bool:
        """Whether edits can name the version they are for."""
        return self.has("workspace.workspaceEdit.documentChanges")

    @property
    def progress(self) -> bool:
        """Whether it shows progress that the server begins."""
        return self.has("window.workDoneProgress")

    @property
    def watches(self) -> bool:
        """Whether it can be asked to watch files."""
        return self.has("workspace.didChangeWatchedFiles.dynamicRegistration")

    def refreshes(self, what: str) -> bool:
        """Whether it can be asked to ask anew for `diagnostics`, `inlayHint`, `codeLens` or `semanticTokens`."""
        return self.has(f"workspace.{what}.refreshSupport")

    def markdown(self, path: str) -> bool:
        """Whether the texts at a path may be Markdown; those who say nothing can show it."""
        formats = self.get(path)
        return not isinstance(formats, list) or not formats or "markdown" in formats
