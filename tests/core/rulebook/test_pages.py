"""The pages of the rules say what the rules, the checker and the fixes say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from torchlean_core.check import RULES
from torchlean_core.rulebook.offers import offers
from torchlean_core.rulebook.pages import INDEX, page, pages, write_pages

PAGES = Path(__file__).parents[3] / "docs" / "rules"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_every_page_says_which_quick_fixes_there_are_or_why_there_are_none(rule):
    found = offers(rule.code)
    assert bool(found) != bool(rule.no_fix)
    text = page(rule)
    for offer in found:
        assert offer.what.endswith(".") and offer.why.endswith(".")
        assert all(f"**{title}**" in text.replace("\\", "") for title in offer.titles)
    assert not rule.no_fix or f"None. {rule.no_fix}" in text


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
