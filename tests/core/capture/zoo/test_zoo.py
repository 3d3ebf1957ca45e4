"""Every small model of the zoo, captured in this process and verified; the documentation's table is held to it."""

from __future__ import annotations

import pytest

from tests.core.capture.zoo.survey import CAPTURED, Entry, constructor, entries, survey
from tests.core.capture.zoo.table import DOCUMENT, document_facts, document_rows, facts
from tests.core.capture.zoo.training import agreement
from torchlean_core.kinds import DIALECTS

LIMIT = 1e-6
TRAINED_LIMIT = 1e-5
ROWS = document_rows(DOCUMENT.read_text(encoding="utf-8"))


def test_the_zoo_has_many_architectures() -> None:
    found = entries(*CAPTURED)
    assert len({entry.name for entry in found}) == len(found) > 60


def test_the_table_has_every_model_and_no_other() -> None:
    assert list(ROWS) == [str(entry) for entry in entries(*CAPTURED, "full_size", "refused")]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "entry",
    [
        *entries(*CAPTURED),
        *(pytest.param(entry, marks=pytest.mark.slow) for entry in entries("full_size")),
    ],
    ids=str,
)
def test_a_model_with_an_exact_form_is_captured(entry: Entry, dialect: str) -> None:
    outcome = survey(entry, dialect, export=False)
    assert outcome.findings == []
    assert outcome.captured is not None and outcome.captured.verification is not None
    assert outcome.captured.verification.max_relative_error < LIMIT
    assert facts(entry, dialect, outcome) == document_facts(ROWS[str(entry)], dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("entry", entries("refused"), ids=str)
def test_a_model_without_an_exact_form_is_refused_with_all_its_operators(entry: Entry, dialect: str) -> None:
    outcome = survey(entry, dialect, export=False)
    said = document_facts(ROWS[str(entry)], dialect)
    assert (
        said[1:] == ["captured"] if outcome.captured is not None else facts(entry, dialect, outcome) == said
    )
    for finding in outcome.findings:
        assert finding.code == "TL601"
        assert finding.line is not None and finding.operator is not None


PLAIN = {
    "plain": ("LeNet", "KeywordSpotter"),
    "residual": ("ResNeXt",),
    "mobile": ("GhostNet",),
    "multilayer": ("NormalizedPerceptron",),
    "generative": ("Generator", "Denoiser"),
    "transformers": ("PreNormBlock", "Mixer"),
    "recurrent": ("Elman",),
}


@pytest.mark.parametrize(
    "entry", [Entry(family, n) for family, names in PLAIN.items() for n in names], ids=str
)
def test_training_a_generalized_artifact_is_training_the_model(entry: Entry) -> None:
    captured = survey(entry, "generalized", export=False).captured
    assert captured is not None
    found = agreement(constructor(entry), captured, "momentum")
    assert max(found.losses, found.outputs) < TRAINED_LIMIT
