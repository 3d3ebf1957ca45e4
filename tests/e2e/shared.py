"""What the tests of several editors open, and where the server is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CLEAN = """\
{
  "format": "torchlean.ir.v1",
  "input_id": 0,
  "output_id": 1,
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 3]},
    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 3]}
  ]
}
"""
BROKEN = CLEAN.replace('"relu", "parents": [0], "shape": [1, 3]', '"relu", "parents": [0], "shape": [9, 9]')
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)
"""


def find_server() -> str | None:
    """$TORCHLEAN_E2E_SERVER, else the program beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("torchlean")
    return os.environ.get("TORCHLEAN_E2E_SERVER") or (
        str(beside) if beside.exists() else shutil.which("torchlean")
    )
