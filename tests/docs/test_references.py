"""What the pages name is there: files of the repository, in links and in words, and pages written from code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from torchlean_core.cli.main import COMMANDS
from torchlean_core.cli.pages import commands_page, pages
from torchlean_core.config import SETTINGS

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / "docs").rglob("*.md"),
    *ROOT.glob("*.md"),
    *(path for path in (ROOT / "editors").rglob("*.md") if "node_modules" not in path.parts),
]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
_PATH = re.compile(r"`((?:core|server|tests|editors|schema|examples|benchmarks|docs)/[\w./-]+)`")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_file_that_a_page_names_is_there(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    linked = [page.parent / target for target in _LINK.findall(text)]
    named = [] if page.name == "CHANGELOG.md" else [ROOT / target for target in _PATH.findall(text)]
    example = ROOT / "docs" / "rules" / "TL408.md"  # the rule that docs/extend/rule.md adds
    assert not [name(path.resolve()) for path in (*linked, *named) if not path.exists() and path != example]


def test_pages_of_commands_and_settings_are_up_to_date():
    written = {file: (ROOT / "docs" / file).read_text("utf-8") for file in pages()}
    assert written == pages(), "run `make docs`"


def test_every_command_and_setting_has_a_section():
    text = "\n".join(pages().values())
    for item in (*COMMANDS, *(setting.name for setting in SETTINGS)):
        assert f"\n## {item}\n" in text


def test_an_option_is_shown_with_its_value_and_what_it_does():
    text = commands_page()
    assert "| `--select CODES` | report these codes only (comma-separated prefixes) |" in text
    assert "| `--[no-]verify` | compare the artifact with the model on random inputs (default: on) |" in text
    assert "`--params P` | parameters to start from" in text
    assert "%(" not in text
