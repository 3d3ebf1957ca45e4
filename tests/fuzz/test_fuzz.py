"""Edits that a fuzzer finds: those that taught it something are kept, and a few seconds are given to further ones."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.edits import bases, play

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("TORCHLEAN_FUZZ_SECONDS", "10"))  # a minute in CI


def test_edits_that_were_found_before():
    texts = bases()
    files = sorted(CORPUS.iterdir())
    assert len(files) > 50
    for file in files:
        try:
            play(file.read_bytes(), texts)
        except AssertionError as error:
            raise AssertionError(file.name) from error


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is made for Linux only")
def test_further_edits(tmp_path):
    options = [f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/"]
    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *options, str(tmp_path), str(CORPUS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3_000:]
    assert "Done " in result.stderr


def test_the_fuzzer_sees_a_fault(tmp_path, monkeypatch):
    """The control: a text index that goes wrong is noticed."""
    from torchlean_core.text import LineIndex

    texts = bases()
    monkeypatch.setattr(LineIndex, "edited", lambda self, text, start, end, new: LineIndex(text + "\n"))
    with pytest.raises(AssertionError):
        for file in sorted(CORPUS.iterdir()):
            play(file.read_bytes(), texts)
