"""Captures ONNX's own tests of operators, and writes docs/onnx-coverage.md: `make coverage`."""

from __future__ import annotations

import sys

import onnx
import torch

from torchlean_core.files import write_text
from torchlean_core.onnx.read import OLDEST

from .backend import cases, outcome
from .coverage import DOCUMENT, document, grouped


def main() -> None:
    torch.set_num_threads(1)
    found = []
    for case in cases():
        result = outcome(case)
        if result.verdict == "wrong":
            sys.exit(f"{case.name}: {result.reason}")
        found.append((case.operator, result))
    write_text(DOCUMENT, document(grouped(found), onnx.__version__, OLDEST))


if __name__ == "__main__":
    main()
