"""Random artifacts of the generalized dialect, broken in one place: every fix that is offered keeps its word."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import jsonschema
import pytest

from tests.core.check.fixes.support import errors, says_more, untouched
from tests.core.convert.graphs import general_root
from torchlean_core.artifact.schema import artifact_schema
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.kinds import GENERALIZED, FieldType
from torchlean_core.navigate import Links, spot_at
from torchlean_core.navigate.cursor import cursor_at
from torchlean_core.navigate.explain import explain
from torchlean_core.navigate.suggest import suggest

pytestmark = pytest.mark.thorough

SCHEMA = jsonschema.Draft202012Validator(artifact_schema())


def broken(draw: random.Random, root: dict[str, Any]) -> dict[str, Any]:
    """The artifact with one field of one node, or of the root, gone or with another value."""
    root = copy.deepcopy(root)
    place = draw.randrange(len(root["nodes"]) + 1)
    if place == len(root["nodes"]):
        root["output_ids"] = draw.choice([[], root["output_ids"] + [99], root["output_ids"][0], [99], None])
        return root
    node = root["nodes"][place]
    kind = GENERALIZED.kind(node["kind"])
    own = [field for field in kind.fields if field.name in node] if kind is not None else []
    facts = (
        [fact.name for fact in kind.payload if hasattr(fact, "value") and fact.name in node] if kind else []
    )
    choice = draw.random()
    if own and choice < 0.6:
        field = draw.choice(own)
        if choice < 0.25:
            del node[field.name]
        elif field.type is FieldType.NATURAL:
            node[field.name] = draw.choice([0, node[field.name] + 1, -1])
        elif field.type is not FieldType.BOOLEAN:
            value = node[field.name]
            node[field.name] = draw.choice([value[:-1], [*value, *value[-1:]], [*value, 1], [9, *value[1:]]])
    elif facts and choice < 0.75:
        node[draw.choice(facts)] = 77
    elif choice < 0.9:
        node["shape"] = [*node.get("shape", []), 2]
    else:
        node["kind"] = draw.choice(["inputt", "swap_first_two", "Relu", "input"])
    return root


@pytest.mark.parametrize("group", range(6))
def test_every_fix_of_a_broken_artifact_mends_and_adds_no_error(group):
    offered = safe = 0
    for seed in range(group * 40, group * 40 + 40):
        draw = random.Random(seed)
        root = broken(draw, general_root(seed, nodes=10))
        text = json.dumps(root, indent=draw.choice([None, 1]))
        report = check_text(text)
        for finding in report.findings:
            for fix in fixes(report, finding):
                where = (seed, finding.code, finding.message, fix.title)
                untouched(text, fix)
                again = check_text(apply_edits(text, fix.edits))
                assert len(errors(again)) <= len(errors(report)) or (says_more(fix) and not fix.safe), where
                same = [
                    one
                    for one in again.findings
                    if (one.code, one.index, one.message) == (finding.code, finding.index, finding.message)
                ]
                before, after = (
                    sum(one.code == finding.code for one in each.findings) for each in (report, again)
                )
                assert not same or after < before, where
                assert not fix.safe or len(errors(again)) < len(errors(report)) or after < before, where
                offered += 1
                safe += fix.safe
    assert offered > 20 and safe > 2


def test_random_artifacts_are_valid_and_have_an_answer_everywhere():
    for seed in range(60):
        root = general_root(seed, nodes=10)
        assert list(SCHEMA.iter_errors(root)) == [], seed
        text = json.dumps(root)
        links = Links(check_text(text))
        for offset in random.Random(seed).sample(range(len(text)), min(60, len(text))):
            suggest(links, cursor_at(links.report.document, offset))
            spot = spot_at(links.report.document, offset)
            assert spot is not None
            explain(links, spot)
