"""ONNX's own tests of operators: none gives anything else than it expects, and a page counts them."""

from __future__ import annotations

import importlib.metadata

import pytest

from torchlean_core.onnx.operators.registry import OPERATORS

from .backend import Outcome, cases, outcome
from .coverage import DOCUMENT, document_rows, grouped, rows

TEXT = DOCUMENT.read_text(encoding="utf-8")
# Cheap ones, of several kinds: passed, known beforehand, and refused.
SAMPLE = frozenset({"Gemm", "Split", "Range", "LayerNormalization", "Acos", "ArgMax"})


def test_the_page_has_every_operator_and_says_of_which_onnx() -> None:
    assert document_rows(TEXT).keys() == rows({}).keys()
    assert f"onnx {importlib.metadata.version('onnx')}" in TEXT


def outcomes(operators: frozenset[str] | None) -> dict[str, list[Outcome]]:
    found = []
    for case in cases(operators):
        result = outcome(case)
        assert result.verdict != "wrong", f"{case.name}: {result.reason}"
        found.append((case.operator, result))
    return grouped(found)


@pytest.mark.slow
def test_what_onnx_tests() -> None:
    assert rows(outcomes(None)) == document_rows(TEXT)


@pytest.mark.thorough
def test_a_part_of_what_onnx_tests() -> None:
    assert OPERATORS.keys() >= SAMPLE
    made, said = rows(outcomes(SAMPLE)), document_rows(TEXT)
    assert {name: made[name] for name in SAMPLE} == {name: said[name] for name in SAMPLE}
