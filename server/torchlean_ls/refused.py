"""The answer to a request that is understood and not done."""

from __future__ import annotations

from pygls.exceptions import JsonRpcException


class Refused(JsonRpcException):
    """A request that is not done, with the reason as the client shows it."""

    CODE = -32803  # LSP's RequestFailed
    MESSAGE = "Request failed"
