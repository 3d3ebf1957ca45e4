"""Fuzz edits of artifacts, guided by coverage: `python -m tests.fuzz [libFuzzer's options] [corpus]`.

For an hour, keeping what was learned: `python -m tests.fuzz -max_total_time=3600 tests/fuzz/corpus`. An input that
fails is written to a file of its own; `python -m tests.fuzz FILE` plays it again, and it belongs in the corpus when it
is mended.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["torchlean_core.text", "torchlean_core.check"]):
    from tests.fuzz.edits import bases, play

_TEXTS = bases()

atheris.Setup([sys.argv[0], "-max_len=400", "-timeout=20", *sys.argv[1:]], lambda data: play(data, _TEXTS))
atheris.Fuzz()
