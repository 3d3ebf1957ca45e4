"""Models that the tests of the live features write, and what they ask of the server about them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from tests.server.conftest import Editor


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


def stored(source: str) -> str:
    """An artifact of `NET` with the places of its nodes."""
    sha = hashlib.sha256(source.encode()).hexdigest()
    line = NET.line("self.hidden(x)")
    return json.dumps(
        {
            "format": "torchlean.ir.v1",
            "captured_from": {"file": "net.py", "class": "Net", "sha256": sha, "example_shape": [1, 4]},
            "input_id": 0,
            "output_id": 2,
            "nodes": [
                {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
                {
                    "id": 1,
                    "kind": "linear",
                    "parents": [0],
                    "shape": [1, 8],
                    "source": {"line": line, "module": "hidden", "span": [line, 23, line, 37]},
                },
                {
                    "id": 2,
                    "kind": "relu",
                    "parents": [1],
                    "shape": [1, 8],
                    "source": {"line": line, "span": [line, 12, line, 38]},
                },
            ],
        }
    )


async def open_net(editor: Editor, *, artifact: bool = True) -> str:
    """Open `NET`, with its artifact beside it."""
    uri = write(editor, "net.py", NET.text)
    if artifact:
        (editor.folder / "net.ir.json").write_text(stored(NET.text))
    await editor.open("net.py", NET.text, "python")
    return uri


async def lenses(editor: Editor, uri: str) -> list[dict[str, Any]]:
    """The commands of the lenses."""
    found = await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    return [lens["command"] for lens in found]


async def hover(editor: Editor, uri: str, place: types.Position) -> str | None:
    """The text of the hover at a place."""
    found = await editor.ask("textDocument/hover", uri, place)
    return None if found is None else found["contents"]["value"]


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
