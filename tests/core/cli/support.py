"""Running `torchlean` as a user does, and the artifacts that the tests of its commands run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

GOOD = (
    json.dumps(
        {
            "format": "torchlean.ir.v1",
            "input_id": 0,
            "output_id": 1,
            "nodes": [
                {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
                {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]},
            ],
        }
    )
    + "\n"
)
BROKEN = GOOD.replace('[0], "shape": [1, 4]', '[0], "shape": [1, 3]')


def torchlean(*arguments, cwd, stdin=b"", **environment):
    environment = {"COLUMNS": "100", **environment}
    return subprocess.run(
        [sys.executable, "-m", "torchlean_core", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
