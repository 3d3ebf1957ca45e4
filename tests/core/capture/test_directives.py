"""`# torchlean:` comments: read, judged at their spans, completed, explained, and obeyed by the capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.approximations import known_approximations
from torchlean_core.capture.configured import capture_request, named_in_settings
from torchlean_core.capture.directives import (
    KEYS,
    directive_completions,
    directive_hover,
    directive_problems,
    options_in_source,
)
from torchlean_core.capture.target import Target
from torchlean_core.errors import UsageError

FILE = Path("/nowhere/model.py")
EXPECTED = " or ".join(f"`{text}`" for text in known_approximations())


def options(above: str, below: str = "class Net: pass") -> dict[str, object]:
    return options_in_source(f"{above}\n{below}\n", Target(FILE, "Net"))


def problems(source: str) -> list[tuple[str, str]]:
    """The marked text and the message of each problem."""
    found = []
    for problem in directive_problems(source):
        span = problem.span
        assert problem.code == "TL604" and span is not None and span.line == span.end_line == problem.line
        line = source.replace("\r\n", "\n").split("\n")[span.line - 1]
        found.append((line[span.column : span.end_column], problem.message))
    return found


def test_every_key_has_what_an_editor_shows() -> None:
    assert list(KEYS) == ["example-shape", "approximate"]
    for name, key in KEYS.items():
        assert key.name == name and key.doc.endswith(".")
        assert key.parse(key.form) is not None
        assert [key.parse(value) for value in key.values] == list(key.values)


def test_directives_stand_above_a_definition_and_among_its_decorators_in_any_order() -> None:
    above = """\
# A comment
# torchlean: approximate=gelu=tanh
@first(
    "# torchlean: example-shape=9",
)
# torchlean: example-shape = [2, 3]

@second
  # another"""
    assert options(above) == {"example_shape": (2, 3), "approximate": ["gelu=tanh"]}
    assert options("@first\n# torchlean: example-shape=1,4", "def Net(): pass") == {"example_shape": (1, 4)}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_stands_elsewhere_is_not_of_the_definition(ends: str) -> None:
    source = """\
# torchlean: example-shape=1

class Net:
    # torchlean: example-shape=2
    pass
# torchlean: example-shape=3
"""
    assert options_in_source(source.replace("\n", ends), Target(FILE, "Net")) == {}


def test_the_nearest_of_two_counts() -> None:
    assert options("# torchlean: example-shape=1\n# torchlean: example-shape=2") == {"example_shape": (2,)}


@pytest.mark.parametrize(
    ("directive", "marked", "message"),
    [
        ("exmaple-shape=1,4", "exmaple-shape", "no directive `exmaple-shape`; did you mean `example-shape`?"),
        ("example_shape=1,4", "example_shape", "no directive `example_shape`; did you mean `example-shape`?"),
        ("é=1", "é", "no directive `é`; there are `example-shape=1,4` or `approximate=gelu=erf`"),
        ("example-shape=1,-4", "1,-4", "example shape '1,-4': expected positive sizes such as 1,4"),
        (
            "example-shape=",
            "# torchlean: example-shape=",
            "example shape '': expected positive sizes such as 1,4",
        ),
        (
            "example-shape",
            "# torchlean: example-shape",
            "`example-shape` has no value: expected `example-shape=1,4`",
        ),
        (
            "",
            "# torchlean:",
            "a directive without a key: expected `example-shape=1,4` or `approximate=gelu=erf`",
        ),
        ("approximate=gelu", "gelu", f"approximation 'gelu': expected {EXPECTED}"),
    ],
)
def test_a_wrong_directive_is_marked_where_it_is_wrong(directive: str, marked: str, message: str) -> None:
    line = f"# torchlean: {directive}".rstrip()
    assert problems(f"{line}\nclass Net: pass\n") == [(marked, message)]
    with pytest.raises(UsageError) as caught:
        options(line)
    assert str(caught.value) == f"{FILE}:1: TL604 {message}"


def test_a_directive_that_belongs_to_nothing_is_marked() -> None:
    source = """\
# torchlean: example-shape=1

class Net:
    # torchlean: example-shape=2
    text = '''
# torchlean: example-shape=no problem: a string
'''
# torchlean: example-shape=3
async def f(): pass
if True:
    # torchlean: example-shape=4
    class Inner: pass
"""
    rule = "a directive belongs right above a class or function at the top of the file, without a blank line"
    assert problems(source) == [
        ("# torchlean: example-shape=1", f"stands above nothing; {rule}"),
        ("# torchlean: example-shape=2", f"stands inside `Net`, where it says nothing; {rule}"),
        ("# torchlean: example-shape=3", f"stands above nothing; {rule}"),
        ("# torchlean: example-shape=4", f"stands inside another statement, where it says nothing; {rule}"),
    ]


def test_a_key_that_stands_twice_is_marked_where_it_does_not_count() -> None:
    source = """\
# torchlean: example-shape=1,4
# torchlean: approximate=gelu=tanh
# torchlean: approximate=gelu=tanh
# torchlean: example-shape=2,4
class Net: pass
"""
    assert problems(source) == [
        (
            "# torchlean: example-shape=1,4",
            "`example-shape` stands here again; line 4 counts (`example-shape=2,4`)",
        ),
        (
            "# torchlean: approximate=gelu=tanh",
            "`approximate` stands here again; line 3 counts (`approximate=gelu=tanh`)",
        ),
    ]


def test_while_the_file_is_typed_only_what_is_wrong_by_itself_is_said() -> None:
    source = "# torchlean: example-shape=1\n# torchlean: shape=1\nclass Net(\n"
    assert [marked for marked, _ in problems(source)] == ["shape"]


# -- in an editor -------------------------------------------------------------------------------------------------


def completed(marked: str, shapes=()) -> list[str]:
    """The line after each completion at `▮`."""
    position = marked.index("▮")
    line = marked.replace("▮", "")
    found = directive_completions(line, position, shapes)
    return [line[: one.start] + one.text + line[one.end :] for one in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# torchlean: ▮", ["# torchlean: example-shape=", "# torchlean: approximate="]),
        ("#torchlean:▮", ["#torchlean: example-shape=", "#torchlean: approximate="]),
        ("  # torchlean: ex▮", ["  # torchlean: example-shape=", "  # torchlean: approximate="]),
        ("# torchlean: ex▮a=1,4", ["# torchlean: example-shape=1,4", "# torchlean: approximate=1,4"]),
        ("# torchlean: example-shape=▮", ["# torchlean: example-shape=1,8", "# torchlean: example-shape=8"]),
        (
            "# torchlean: example-shape=1,▮4",
            ["# torchlean: example-shape=1,8", "# torchlean: example-shape=8"],
        ),
        (
            "# torchlean: approximate=▮",
            [f"# torchlean: approximate={text}" for text in known_approximations()],
        ),
        ("# torchlean: other=▮", []),
        ("# tor▮", ["# torchlean: "]),
        ("# ▮", ["# torchlean: "]),
        ("#▮", ["# torchlean: "]),
        ("# torchlean▮: example-shape=1", []),
        ("# the▮", []),
        ("# Text ▮", []),
        ("x = 3  # torchlean: ▮", []),
    ],
)
def test_completion_offers_keys_and_values(line: str, expected: list[str]) -> None:
    assert completed(line, [((1, 8), "nn.Linear(8, 2)"), ((8,), "the same without a batch")]) == expected


def test_without_a_guess_a_shape_is_offered_for_example() -> None:
    (found,) = directive_completions("# torchlean: example-shape=", 27)
    assert (found.text, found.detail) == ("1,4", "for example")


def test_hover_explains_the_key_or_all_of_them() -> None:
    start, end, text = directive_hover("  # torchlean: example-shape=1,4", 20) or (0, 0, "")
    assert (start, end) == (2, 32) and text.startswith(
        "`# torchlean: example-shape=1,4`: Shape of the model's input"
    )
    assert all(
        key.doc in (directive_hover("# torchlean: what=3", 4) or (0, 0, ""))[2] for key in KEYS.values()
    )
    assert directive_hover("  # torchlean: example-shape=1,4", 1) is None
    assert directive_hover("# Text", 3) is None


# -- obeyed -------------------------------------------------------------------------------------------------------


def test_a_capture_is_asked_what_the_directives_say_unless_something_else_is_given(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("# torchlean: approximate=gelu=tanh\n# torchlean: example-shape=1,4\nclass Net: pass\n")
    (tmp_path / "torchlean.toml").write_text(
        '[capture."model.py:Net"]\napproximate = []\nverify = false\n[capture."other.py:make"]\nparams = false\n'
    )
    target = Target(file, "Net")
    request = capture_request(target, tmp_path / "net.ir.json", (1, 4))
    assert (request["approximate"], request["verify"]) == (["gelu=tanh"], False)
    request = capture_request(target, tmp_path / "net.ir.json", (1, 4), {"approximate": {}})
    assert request["approximate"] == {}
    assert named_in_settings(file) == {"Net"}
    assert named_in_settings(tmp_path / "other.py") == {"make"}


def test_a_file_that_is_not_python_is_left_to_the_capture(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("# torchlean: approximate=gelu=tanh\nclass Net(:\n")
    request = capture_request(Target(file, "Net"), tmp_path / "net.ir.json", (1, 4))
    assert "approximate" not in request
