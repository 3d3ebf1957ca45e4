"""Errors that are answers to requests."""

from __future__ import annotations

from typing import Any

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603
NOT_INITIALIZED, REQUEST_CANCELLED = -32002, -32800


class JsonRpcException(Exception):
    """An error that one side answers, and the other gets.

    Attributes:
        message: What is wrong, in a sentence.
        code: Its number.
        data: What else there is to say, as JSON.
    """

    CODE = INTERNAL_ERROR
    MESSAGE = "Internal error"

    def __init__(self, message: str | None = None, code: int | None = None, data: Any = None) -> None:
        self.message = message or self.MESSAGE
        self.code = self.CODE if code is None else code
        self.data = data
        super().__init__(self.message)

    def plain(self) -> dict[str, Any]:
        """The error as JSON."""
        found = {"code": self.code, "message": self.message}
        return found if self.data is None else {**found, "data": self.data}


class JsonRpcInvalidParams(JsonRpcException):
    """The params of a request are not as they have to be."""

    CODE = INVALID_PARAMS
    MESSAGE = "Invalid params"


class JsonRpcRequestCancelled(JsonRpcException):
    """The work was stopped before its end."""

    CODE = REQUEST_CANCELLED
    MESSAGE = "Request cancelled"
