"""What to capture and with which shape: found without running the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.capture.configured import example_shape
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.target import Target, parse_shape, parse_target
from torchlean_core.errors import UsageError

MODEL = '''\
"""A file that must not be run."""
raise SystemExit("it was run")

# torchlean: example-shape=1,4
class First:
    pass


# A comment
# torchlean: example-shape = [2, 3, 8]
# another one
@decorator
class Second:
    pass


# torchlean: example-shape=7

class Apart:
    pass


class Without:
    text = """
# torchlean: example-shape=9
"""


# torchlean: example-shape=5
def build():
    return None


# torchlean: example-shape=1,-4
class Wrong:
    pass
'''


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "shape"), [("First", (1, 4)), ("Second", (2, 3, 8)), ("build", (5,))], ids=str
)
def test_the_comment_above_gives_the_shape(model: Path, name: str, shape: tuple[int, ...]) -> None:
    assert example_shape(Target(model, name)) == shape


@pytest.mark.parametrize("name", ["Apart", "Without", "Absent"])
def test_without_a_comment_right_above_the_message_says_how_to_give_it(model: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"give --example-shape 1,4, or write `# torchlean: example-shape"):
        example_shape(Target(model, name))


def test_a_malformed_comment_is_named_with_its_line(model: Path) -> None:
    line = MODEL.splitlines().index("# torchlean: example-shape=1,-4") + 1
    with pytest.raises(
        UsageError, match=rf"model\.py:{line}: TL604 example shape '1,-4': expected positive sizes"
    ):
        example_shape(Target(model, "Wrong"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("torchlean.toml", '[capture."nets/model.py:Without"]\nexample-shape = [3, 4]\n'),
        ("pyproject.toml", '[tool.torchlean.capture."nets/model.py:Without"]\nexample-shape = [3, 4]\n'),
    ],
)
def test_the_configuration_above_gives_the_shape(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "nets").mkdir()
    path = tmp_path / "nets" / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert example_shape(Target(path, "Without")) == (3, 4)
    assert example_shape(Target(path, "First")) == (1, 4)


def test_a_malformed_configuration_is_named(model: Path) -> None:
    model.with_name("torchlean.toml").write_text(
        '[capture."model.py:Without"]\nexample-shape = "1,4"\n', encoding="utf-8"
    )
    with pytest.raises(
        UsageError, match=r"torchlean\.toml: capture\..*example-shape: expected positive sizes"
    ):
        example_shape(Target(model, "Without"))


@pytest.mark.parametrize("text", ["1,4", "[1, 4]", "(1, 4)", " 1 , 4,"])
def test_shapes_are_read(text: str) -> None:
    assert parse_shape(text) == (1, 4)


@pytest.mark.parametrize("text", ["", "1x4", "0,4", "-1", "1.5", "1,,4", "a"])
def test_other_texts_are_no_shapes(text: str) -> None:
    with pytest.raises(UsageError, match="expected positive sizes such as 1,4"):
        parse_shape(text)


def test_targets_are_read(model: Path) -> None:
    assert parse_target(f"{model}:First") == Target(model, "First")


@pytest.mark.parametrize("text", ["model.py", "model.py:", ":First", "model.py:1", "model.py:a.b"])
def test_other_texts_are_no_targets(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected FILE\.py:Name"):
        parse_target(text)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        parse_target(f"{tmp_path / 'absent.py'}:Net")


def test_a_file_that_is_not_python_is_shown_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("x = 1\ndef f(:\n", encoding="utf-8")
    with pytest.raises(CaptureError, match=r"model\.py:2: TL602 SyntaxError: ") as caught:
        example_shape(Target(path, "Net"))
    assert (caught.value.findings[0].code, caught.value.findings[0].line) == ("TL602", 2)
