"""The answer to a request that is understood and not done."""

from __future__ import annotations

from types import MappingProxyType

from torchlean_core.errors import UserError
from torchlean_ls.lsp.errors import JsonRpcException


class Refused(JsonRpcException):
    """A request that is not done, with the reason as the client shows it."""

    CODE = -32803  # LSP's RequestFailed
    MESSAGE = "Request failed"


class Untrusted(UserError):
    """Something that runs code of the workspace, whose user has not said that it is to be trusted."""

    data = MappingProxyType({"trust": True})
