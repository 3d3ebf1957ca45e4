"""Saving a Python model in an editor: from the save to the new diagnostics and the new shapes, warm."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.client import Client
from benchmarks.table import Table

_PAUSE = 0.5
"""Seconds between saves: the next process is made ready meanwhile."""

_MODEL = """import torch
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, {width})
        self.out = nn.Linear({width}, 2)

    def forward(self, x):
        h = torch.relu(self.fc(x))
        y = torch.erf(self.out(h)) if {refused} else self.out(h)
        return y
"""


def run(runs: int) -> list[Table]:
    """Measure saves of a model that is captured, and of one that is refused."""
    note = (
        "A real server over stdio with `captureOnSave` and its warm worker: from `didSave` until the diagnostics and "
        "the shapes of the text that was saved have been answered; the capture is verified and written on the way."
    )
    table = Table("Saving a Python model", ["save", "median ms", "least ms", "most ms"], note)
    with tempfile.TemporaryDirectory() as folder:
        editor = _Editor(Path(folder, "model.py"))
        for label, refused in (("captured", False), ("refused (TL601)", True)):
            times = [editor.save(8 + number % 2, refused) for number in range(runs + 3)][3:]
            table.add(label, *(f"{of(times):.0f}" for of in (statistics.median, min, max)))
        editor.close()
    return [table]


class _Editor:
    """An editor with one model file open."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._uri = file.as_uri()
        self._version = 1
        file.write_text(_MODEL.format(width=1, refused=False), encoding="utf-8")
        self._client = Client([sys.executable, "-m", "torchlean_core", "server", "--stdio"], pull=False)
        capabilities = {
            "workspace": {"inlayHint": {"refreshSupport": True}},
            "textDocument": {"publishDiagnostics": {"versionSupport": True}, "inlayHint": {}},
        }
        options = {"settings": {"captureOnSave": True}}
        self._client.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": file.parent.as_uri(),
                "capabilities": capabilities,
                "initializationOptions": options,
            },
        )
        self._client.notify("initialized", {})
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": file.read_text("utf-8")}
        self._client.notify("textDocument/didOpen", {"textDocument": document})

    def save(self, width: int, refused: bool) -> float:
        """Change the model, save, and wait for what the editor shows then; gives milliseconds."""
        text = _MODEL.format(width=width, refused=refused)
        self._version += 1
        document = {"uri": self._uri, "version": self._version}
        change = {"textDocument": document, "contentChanges": [{"text": text}]}
        self._client.notify("textDocument/didChange", change)
        self._shapes()  # the server has the text
        time.sleep(_PAUSE)
        self._file.write_text(text, encoding="utf-8")
        start = time.perf_counter()
        self._client.notify("textDocument/didSave", {"textDocument": {"uri": self._uri}})
        shapes, problems = False, None
        while not shapes or problems is not refused:
            message = self._client.next_message()
            if message.get("method") == "textDocument/publishDiagnostics":
                problems = any(one["code"] == "TL601" for one in message["params"]["diagnostics"])
            elif message.get("method") == "workspace/inlayHint/refresh":
                shapes = f"[1, {width}]" in self._shapes()
                problems = False if problems is None and not refused else problems
        return (time.perf_counter() - start) * 1000

    def _shapes(self) -> list[str]:
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
        asked = {"textDocument": {"uri": self._uri}, "range": whole}
        hints: list[dict[str, Any]] = self._client.request("textDocument/inlayHint", asked) or []
        return [str(hint["label"]) for hint in hints]

    def close(self) -> None:
        self._client.close()
