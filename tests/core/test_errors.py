"""What somebody's exception says in a message of ours: its first line, and no more of it than one reads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from torchlean_core.errors import exit_told, first_line, told

LONG = "boom " * 20_000


class _Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class _Code:
    def __repr__(self) -> str:
        raise RuntimeError


def test_an_exception_is_told_by_its_first_line():
    assert told(ValueError("  one\ntwo")) == "ValueError: one"
    assert told(ValueError()) == "ValueError"
    assert told(_Mute()) == "_Mute"
    assert first_line(KeyError("k")) == "'k'"
    assert exit_told(SystemExit("why")) == "sys.exit('why')"
    assert exit_told(SystemExit(_Code())) == "sys.exit(…)"


@pytest.mark.parametrize(
    "error", [ValueError(LONG), KeyError(LONG), ExceptionGroup(LONG, [ValueError(LONG)])]
)
def test_a_long_message_is_cut_off_which_it_says(error):
    assert len(told(error)) < 500
    assert told(error).endswith(" characters)")


MODEL = """
import os
from torch import nn

LONG = "boom " * 20_000

class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.nothing = nn.Linear(4, 3), nn.Linear(0, 3)

    def forward(self, x):
        if os.environ["WHERE"] == "forward":
            raise KeyError(LONG)
        return self.linear(x) + self.nothing(x[:, :0])

def data():
    raise RuntimeError(LONG)
"""


def test_what_a_users_code_raises_is_a_short_message_and_torch_warns_of_nothing(tmp_path):
    (tmp_path / "m.py").write_text(MODEL)

    def run(where, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "torchlean_core", *arguments],
            cwd=tmp_path,
            env={**os.environ, "WHERE": where},
            capture_output=True,
            text=True,
        )

    capture = ("capture", "m.py:M", "--example-shape", "1,4", "-o", "m.ir.json")
    result = run("forward", *capture)  # as what is raised on import and by the constructor
    assert result.returncode == 1 and "boom" in result.stderr
    assert len(result.stderr) < 1_000
    good = run("", *capture)
    assert (good.returncode, good.stderr) == (0, "")
    trained = run("", "train", "m.ir.json", "--data", "m.py:data", "--steps", "1")
    assert trained.returncode == 1 and "boom" in trained.stderr
    assert len(trained.stderr) < 1_000
