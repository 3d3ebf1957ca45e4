"""What the pages show was printed by the commands that they show."""

from pathlib import Path

import pytest

from tests.docs.transcript import run_page, same, steps

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["tutorial.md", "how-to/migrate.md"])
def test_the_commands_of_a_page_print_what_it_shows(name, tmp_path):
    ran = 0
    for command, shown, printed, _ in run_page((DOCS / name).read_text("utf-8"), tmp_path):
        assert same(shown, printed), f"$ {command}\n" + "\n".join(printed) + "\nrun `make tutorial`"
        ran += 1
    assert ran > 3


def test_commands_end_where_the_next_one_begins():
    assert list(steps("$ a\n1\n2\n$ b\n")) == [("a", ["1", "2"]), ("b", [])]


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("took 1.3 s", "took 10.5 s", True),
        ("loss 0.543176", "loss 0.543177", True),
        ("loss 0.54", "loss 0.64", False),
        ("4 nodes", "5 nodes", False),
        ("wrote a.json", "wrote b.json", False),
    ],
)
def test_times_and_last_digits_may_differ_and_nothing_else(shown, printed, is_same):
    assert same([shown], [printed]) is is_same


def test_a_missing_line_is_a_difference():
    assert not same(["a", "b"], ["a"])
