"""Every small model of the zoo, captured in this process and verified; the documentation's table is held to it."""

from __future__ import annotations

import pytest

from tests.core.capture.zoo.survey import CAPTURED, Entry, entries, survey
from tests.core.capture.zoo.table import DOCUMENT, document_rows, facts

LIMIT = 1e-6
ROWS = document_rows(DOCUMENT.read_text(encoding="utf-8"))


def test_the_zoo_has_many_architectures() -> None:
    found = entries(*CAPTURED)
    assert len({entry.name for entry in found}) == len(found) > 60


def test_the_table_has_every_model_and_no_other() -> None:
    assert list(ROWS) == [str(entry) for entry in entries(*CAPTURED, "full_size", "refused")]


@pytest.mark.parametrize(
    "entry",
    [
        *entries(*CAPTURED),
        *(pytest.param(entry, marks=pytest.mark.slow) for entry in entries("full_size")),
    ],
    ids=str,
)
def test_a_model_with_an_exact_form_is_captured(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.findings == []
    assert outcome.captured is not None and outcome.captured.verification is not None
    assert outcome.captured.verification.max_relative_error < LIMIT
    assert facts(entry, outcome) == ROWS[str(entry)][:5]


@pytest.mark.parametrize("entry", entries("refused"), ids=str)
def test_a_model_without_an_exact_form_is_refused_with_all_its_operators(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is None
    for finding in outcome.findings:
        assert finding.code == "TL601"
        assert finding.line is not None and finding.operator is not None
    assert facts(entry, outcome) == ROWS[str(entry)]
