"""Approximations allowed in settings files."""

from __future__ import annotations

import tomllib

import pytest

from torchlean_core.live.fixes import allow_in_settings


def allowed(text: str, **more) -> str | None:
    edit = allow_in_settings(text, "net.py:Net", "gelu=tanh", **more)
    return None if edit is None else text[: edit.start] + edit.text + text[edit.end :]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'ignore = ["TL403"]  # why',
        '# first\n[capture."net.py:Net"]\nexample-shape = [1, 4]\n\n[capture."b.py:B"]\nexample-shape = [1]\n',
        "[capture.'net.py:Net']  # mine",
        '[capture."net.py:Net"]\napproximate = []\n',
        '[capture."net.py:Net"]\napproximate = [ "gelu=erf", # the one\n  ]\nexample-shape = [1]\n',
        '[capture."net.py:Net"]\napproximate = ["gelu=erf"]\n',
    ],
)
def test_an_approximation_is_allowed_and_the_rest_of_the_file_stays(text):
    after = allowed(text)
    assert after is not None
    table = tomllib.loads(after)["capture"]["net.py:Net"]
    assert table["approximate"][0] == "gelu=tanh"
    assert all(comment in after for comment in ("# first", "# mine", "# why", "# the one") if comment in text)


def test_what_is_allowed_already_or_is_not_understood_is_left_alone():
    assert allowed('[capture."net.py:Net"]\napproximate = ["gelu=tanh"]\n') is None
    assert allowed("[capture\n") is None
    assert allowed('capture = {"net.py:Net" = {example-shape = [1]}}\n') is None


def test_a_project_file_has_its_table_below_tool():
    after = allowed('[project]\nname = "x"\n\n[tool.torchlean]\nignore = []\n', project=True)
    assert after is not None
    assert tomllib.loads(after)["tool"]["torchlean"]["capture"] == {
        "net.py:Net": {"approximate": ["gelu=tanh"]}
    }
