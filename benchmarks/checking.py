"""Checking files in one process: this checker against a loop over `jsonschema`, on the same files."""

from __future__ import annotations

import json

import jsonschema

from benchmarks.artifacts import make_artifact
from benchmarks.table import Table, median_ms
from torchlean_core.artifact.schema import artifact_schema
from torchlean_core.check import check_text


def run(sizes: tuple[int, ...]) -> list[Table]:
    """Measure a whole check of a text, reading included."""
    note = "Median milliseconds for one file, parsing included; every rule against the schema alone."
    table = Table("Checking a file", ["nodes", "torchlean ms", "jsonschema ms", "ratio"], note)
    validator = jsonschema.Draft202012Validator(artifact_schema())
    for count in sizes:
        text = make_artifact(count)
        runs = 3 if count >= 10_000 else 10
        mine = median_ms(lambda: check_text(text), runs)  # noqa: B023
        other = median_ms(lambda: list(validator.iter_errors(json.loads(text))), 1 if count >= 10_000 else 3)  # noqa: B023
        table.add(str(count), f"{mine:.2f}", f"{other:.0f}", f"{other / mine:.0f}x")
    return [table]
