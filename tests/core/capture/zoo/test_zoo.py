"""Every small model of the zoo, captured in this process and verified."""

from __future__ import annotations

import pytest

from tests.core.capture.support import EXACT
from tests.core.capture.zoo.survey import CAPTURED, Entry, entries, survey


def test_the_zoo_has_many_architectures() -> None:
    found = entries(*CAPTURED)
    assert len({entry.name for entry in found}) == len(found) > 60


@pytest.mark.parametrize("entry", entries(*CAPTURED), ids=str)
def test_a_model_with_an_exact_form_is_captured(entry: Entry) -> None:
    outcome = survey(entry)
    assert outcome.findings == []
    assert outcome.captured is not None and outcome.captured.verification is not None
    assert outcome.captured.verification.max_relative_error < 10 * EXACT


@pytest.mark.parametrize("entry", entries("refused"), ids=str)
def test_a_model_without_an_exact_form_is_refused_with_all_its_operators(entry: Entry) -> None:
    outcome = survey(entry)
    assert outcome.captured is None
    assert outcome.findings
    for finding in outcome.findings:
        assert finding.code == "TL601"
        assert finding.line is not None and finding.operator is not None
