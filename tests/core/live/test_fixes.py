"""Rewrites of Python source, and approximations allowed in settings files."""

from __future__ import annotations

import tomllib

import pytest

from torchlean_core.live.fixes import allow_in_settings, tanh_gelu


def rewritten(text: str, first: int, last: int, attribute: str | None = None) -> str | None:
    found = tanh_gelu(text, first, last, attribute)
    if found is None:
        return None
    assert "changes numbers" in found.title
    lines = text.split("\n")
    for line, start, end, new in sorted(found.edits, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new + lines[line - 1][end:]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = F.gelu(x)\n", 'y = F.gelu(x, approximate="tanh")\n'),
        ("é = F.gelu(é)\n", 'é = F.gelu(é, approximate="tanh")\n'),
        ("y = gelu(\n    x,\n)\n", 'y = gelu(\n    x, approximate="tanh",\n)\n'),
    ],
)
def test_a_call_of_gelu_gets_the_tanh_form(before, after):
    assert rewritten(before, 1, before.count("\n")) == after


def test_the_module_that_applies_it_is_changed_where_it_is_made():
    text = "self.act = nn.GELU()\nself.other = nn.GELU()\ny = self.act(x)\n"
    assert rewritten(text, 3, 3, "act") == text.replace("GELU()", 'GELU(approximate="tanh")', 1)
    assert rewritten(text, 3, 3) == text.replace("GELU()", 'GELU(approximate="tanh")')


@pytest.mark.parametrize(
    "text", ["y = F.gelu(x, 'none')\n", "y = F.gelu(*x)\n", "y = (\n", "y = F.relu(x)\n"]
)
def test_other_calls_are_left_alone(text):
    assert rewritten(text, 1, 1) is None


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
