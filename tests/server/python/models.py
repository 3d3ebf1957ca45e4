"""Models that the tests of the live features write, and what they ask of the server about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from lsprotocol import types

from tests.server.conftest import Editor

Failing = pytest.raises(Exception)


@dataclass(frozen=True)
class Source:
    """The text of a model file."""

    text: str

    def line(self, part: str) -> int:
        """Number of the first line with a text, from 1."""
        return next(i for i, line in enumerate(self.text.split("\n"), 1) if part in line)

    def place(self, part: str, inside: int = 0) -> types.Position:
        """Where a text stands first."""
        line = self.line(part)
        return types.Position(line - 1, self.text.split("\n")[line - 1].index(part) + inside)


NET = Source(
    '''\
import torch
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    """One layer."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return x
'''
)
GELU = Source(
    """\
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        h = self.hidden(x)
        return F.gelu(h)
"""
)


def write(editor: Editor, name: str, text: str) -> str:
    """Write a file into the folder of the test; its URI."""
    (editor.folder / name).write_text(text)
    return (editor.folder / name).as_uri()


async def capture(editor: Editor, uri: str, name: str, **more: Any) -> Any:
    """Capture a model by command."""
    return await editor.run("torchlean.capture", {"uri": uri, "name": name, **more})


async def hints(editor: Editor, uri: str) -> dict[int, str]:
    """The inlay hints by line, from 1."""
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 10_000, "character": 0}}
    found = await editor.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": where})
    return {hint["position"]["line"] + 1: hint["label"] for hint in found}


def replace_text(start: types.Position, end: types.Position, text: str) -> Any:
    """A change of a document."""
    return types.TextDocumentContentChangePartial(range=types.Range(start, end), text=text)
