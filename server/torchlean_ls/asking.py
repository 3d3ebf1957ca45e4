"""What the client is asked and told, as methods of the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from torchlean_ls.lsp import methods, types
from torchlean_ls.lsp.endpoint import Endpoint

_log = logging.getLogger(__name__)


class Asking:
    """Asks and tells the client.

    Those that ask raise a `JsonRpcException` where the client answers with an error.
    """

    protocol: Endpoint

    def window_show_message(self, params: types.ShowMessageParams) -> None:
        """Show a message."""
        self.protocol.notify(methods.WINDOW_SHOW_MESSAGE, params)

    def window_log_message(self, params: types.LogMessageParams) -> None:
        """Write a message to the client's log."""
        self.protocol.notify(methods.WINDOW_LOG_MESSAGE, params)

    async def window_show_message_request_async(
        self, params: types.ShowMessageRequestParams
    ) -> types.MessageActionItem | None:
        """Ask the user; None where the question was closed."""
        into = types.MessageActionItem | None
        chosen: types.MessageActionItem | None = await self.protocol.ask(
            methods.WINDOW_SHOW_MESSAGE_REQUEST, params, into
        )
        return chosen

    async def window_show_document_async(self, params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        """Show a file."""
        shown: types.ShowDocumentResult = await self.protocol.ask(
            methods.WINDOW_SHOW_DOCUMENT, params, types.ShowDocumentResult
        )
        return shown

    async def workspace_apply_edit_async(
        self, params: types.ApplyWorkspaceEditParams
    ) -> types.ApplyWorkspaceEditResult:
        """Edit documents."""
        done: types.ApplyWorkspaceEditResult = await self.protocol.ask(
            methods.WORKSPACE_APPLY_EDIT, params, types.ApplyWorkspaceEditResult
        )
        return done

    async def workspace_configuration_async(self, params: types.ConfigurationParams) -> list[Any] | None:
        """Ask for settings."""
        found: list[Any] | None = await self.protocol.ask(
            methods.WORKSPACE_CONFIGURATION, params, list[Any] | None
        )
        return found

    async def client_register_capability_async(self, params: types.RegistrationParams) -> None:
        """Have methods called."""
        await self.protocol.ask(methods.CLIENT_REGISTER_CAPABILITY, params)

    async def client_unregister_capability_async(self, params: types.UnregistrationParams) -> None:
        """Have methods called no more."""
        await self.protocol.ask(methods.CLIENT_UNREGISTER_CAPABILITY, params)

    def refresh(self, method: str) -> None:
        """Ask the client to ask anew; nothing here waits for that."""
        self.protocol.ask(method, None).add_done_callback(_refreshed)


def _refreshed(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled() and (error := answer.exception()) is not None:
        _log.info("not refreshed: %s", error)
