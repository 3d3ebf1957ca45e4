"""What has no exact counterpart in the other dialect."""

from __future__ import annotations

from typing import NoReturn

from torchlean_core.errors import UserError
from torchlean_core.graph.model import Node


class ConversionRefused(UserError):
    """A graph cannot be said exactly in the other dialect.

    Attributes:
        node: Id of the node that cannot, None for the whole artifact.
        reason: Why, in words.
        data: The same by name.
    """

    def __init__(self, reason: str, node: Node | None = None) -> None:
        self.node = None if node is None else node.id
        self.reason = reason
        where = "" if node is None else f"node {node.id} ({node.kind}): "
        super().__init__(f"{where}{reason}")
        self.data = {"node": self.node, "reason": reason}


def refuse(node: Node, reason: str) -> NoReturn:
    """Say that a node has no counterpart.

    Raises:
        ConversionRefused: Always.
    """
    raise ConversionRefused(reason, node)
