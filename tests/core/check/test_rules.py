"""The rules' texts: every rule is explained by an example that it finds."""

from __future__ import annotations

import ast
import re

import pytest

from torchlean_core.check import RULES, Severity, check_bytes

ARTIFACT_RULES = [rule for rule in RULES.values() if rule.example.is_artifact]
OTHER_RULES = [rule for rule in RULES.values() if not rule.example.is_artifact]


@pytest.mark.parametrize("rule", ARTIFACT_RULES, ids=lambda rule: rule.code)
def test_the_example_triggers_its_rule_and_no_other_error(rule):
    findings = check_bytes(rule.example.text.encode("utf-8")).findings
    assert rule.code in {finding.code for finding in findings}
    errors = {finding.code for finding in findings if finding.severity is Severity.ERROR}
    assert errors <= {rule.code}
    if rule.severity is not Severity.ERROR:
        assert not errors


def test_only_rules_that_no_artifact_text_can_break_have_another_example():
    languages = {"TL5": "console", "TL6": "python", "TL7": "lisp"}
    assert all(rule.example.language == languages[rule.code[:3]] for rule in OTHER_RULES)


@pytest.mark.parametrize(
    "rule", [rule for rule in OTHER_RULES if rule.example.language == "python"], ids=lambda rule: rule.code
)
def test_a_model_example_is_python_with_one_model(rule):
    classes = [node for node in ast.parse(rule.example.text).body if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes] == ["Model"]


def test_codes_are_in_order_and_names_are_unique():
    assert list(RULES) == sorted(RULES)
    assert all(re.fullmatch(r"TL\d{3}", code) and rule.code == code for code, rule in RULES.items())
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_every_rule_says_what_why_and_how_to_fix_it(rule):
    for text in (rule.what, rule.why, rule.fix):
        assert text[0] == text[0].upper() and text.endswith((".", '".'))
    assert rule.url == f"https://github.com/torchlean/torchlean-ls/blob/main/docs/rules/{rule.code}.md"
