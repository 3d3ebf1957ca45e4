"""The rules' texts: every rule is explained by an example that it finds, and the pages say what the rules say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from torchlean_core.check import RULES, Severity, check_bytes
from torchlean_core.check.offers import offers
from torchlean_core.check.pages import INDEX, page, pages, write_pages

PAGES = Path(__file__).parents[3] / "docs" / "rules"
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


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_every_page_says_which_quick_fixes_there_are_or_why_there_are_none(rule):
    found = offers(rule.code)
    assert bool(found) != bool(rule.no_fix)
    text = page(rule)
    for offer in found:
        assert offer.what.endswith(".") and offer.why.endswith(".")
        assert all(f"**{title}**" in text.replace("\\", "") for title in offer.titles)
    assert not rule.no_fix or f"None. {rule.no_fix}" in text


def test_codes_are_in_order_and_names_are_unique():
    assert list(RULES) == sorted(RULES)
    assert all(re.fullmatch(r"TL\d{3}", code) and rule.code == code for code, rule in RULES.items())
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_every_rule_says_what_why_and_how_to_fix_it(rule):
    for text in (rule.what, rule.why, rule.fix):
        assert text[0] == text[0].upper() and text.endswith((".", '".'))
    assert rule.url == f"https://github.com/torchlean/torchlean-ls/blob/main/docs/rules/{rule.code}.md"


def test_the_pages_are_up_to_date():
    written = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}
    assert written == pages(), "run `make docs`"


def test_a_page_shows_the_example_and_what_the_checker_says_of_it():
    text = page(RULES["TL201"])
    assert '"shape": [1, 8]' in text
    assert "error[TL201] shape of `relu` should be [1, 4], found [1, 8]" in text
    assert "- Set shape to inferred [1, 4]\n" in text


def test_a_page_says_where_a_rule_is_not_about_an_artifacts_text():
    assert "reported when the model is captured" in page(RULES["TL601"])
    assert "files beside it" in page(RULES["TL501"])


def test_the_index_links_every_page(tmp_path):
    (tmp_path / "TL999.md").write_text("a rule that is no more")
    write_pages(tmp_path)
    linked = set(re.findall(r"\]\((TL\d{3}\.md)\)", (tmp_path / INDEX).read_text("utf-8")))
    assert linked == {path.name for path in tmp_path.glob("TL*.md")} == {f"{code}.md" for code in RULES}
