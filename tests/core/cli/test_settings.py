"""Settings: `torchlean.toml` and `[tool.torchlean]`, which one applies, and what is said of a wrong one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tests.core.cli.support import BROKEN, GOOD, torchlean
from torchlean_core.config import SCHEMA_NAME, SETTINGS, SettingsFinder, schema_text, settings_schema
from torchlean_core.errors import UsageError

SCHEMA_FILE = Path(__file__).parents[3] / "schema" / SCHEMA_NAME


def codes(done):
    return [(finding["file"], finding["code"]) for finding in json.loads(done.stdout)]


def check(cwd, *arguments):
    return torchlean("check", "--output-format", "json", *arguments, cwd=cwd)


@pytest.fixture
def project(tmp_path):
    for name in ("a.ir.json", "old/b.ir.json", "old/draft/c.ir.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BROKEN.replace('"format": "torchlean.ir.v1", ', ""))
    return tmp_path


def test_select_and_ignore_come_from_the_nearest_file_going_up(project):
    (project / "torchlean.toml").write_text('select = ["TL2"]\n')
    (project / "old" / "torchlean.toml").write_text('ignore = ["TL2"]\n')
    assert codes(check(project, ".")) == [
        ("a.ir.json", "TL201"),
        ("old/b.ir.json", "TL013"),
        ("old/draft/c.ir.json", "TL013"),
    ]
    assert codes(check(project / "old" / "draft", "../../a.ir.json")) == [("../../a.ir.json", "TL201")]


def test_pyproject_holds_settings_and_torchlean_toml_wins_over_it(project):
    (project / "pyproject.toml").write_text('[tool.torchlean]\nselect = ["TL013"]\n')
    assert {code for _, code in codes(check(project, "."))} == {"TL013"}
    (project / "torchlean.toml").write_text('select = ["TL201"]\n')
    assert {code for _, code in codes(check(project, "."))} == {"TL201"}


def test_a_pyproject_without_our_table_is_passed_over(project):
    (project / "torchlean.toml").write_text('select = ["TL201"]\n')
    (project / "old" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    (project / "old" / "draft" / "pyproject.toml").write_text("this is [ not TOML, and not ours")
    assert {code for _, code in codes(check(project, "."))} == {"TL201"}


def test_the_command_line_wins_over_the_settings(project):
    (project / "torchlean.toml").write_text('select = ["TL013"]\nignore = ["TL013"]\nexclude = ["old/"]\n')
    done = check(project, ".", "--select", "TL201", "--ignore", "TL4", "--exclude", "draft")
    assert codes(done) == [("a.ir.json", "TL201"), ("old/b.ir.json", "TL201")]


def test_excluded_files_are_skipped_in_a_search_and_checked_when_named(project):
    (project / "torchlean.toml").write_text('exclude = ["old/draft/", "/a.*"]\n')
    assert {file for file, _ in codes(check(project, "."))} == {"old/b.ir.json"}
    assert {file for file, _ in codes(check(project / "old", "."))} == {"b.ir.json"}
    assert {file for file, _ in codes(check(project, "a.ir.json"))} == {"a.ir.json"}
    assert codes(check(project, "a.ir.json", "--force-exclude")) == []
    assert codes(check(project, "a.ir.json", "--force-exclude", "--exclude", "a.*")) == []


def test_codes_are_ignored_file_by_file(project):
    (project / "torchlean.toml").write_text(
        '[per-file-ignores]\n"old/*" = ["TL2"]\n"**/draft/**" = ["TL013"]\n'
    )
    assert codes(check(project, ".")) == [
        ("a.ir.json", "TL013"),
        ("a.ir.json", "TL201"),
        ("old/b.ir.json", "TL013"),
    ]


def test_settings_apply_to_standard_input_and_to_fixes(project):
    (project / "torchlean.toml").write_text('ignore = ["TL013"]\n')
    done = torchlean("check", "--fix", "-", cwd=project, stdin=(project / "a.ir.json").read_bytes())
    assert done.stdout.decode() == GOOD.replace('"format": "torchlean.ir.v1", ', "")


def test_the_settings_of_captures_are_left_alone(project):
    (project / "torchlean.toml").write_text('[capture."model.py:TinyMLP"]\nexample-shape = [1, 4]\n')
    assert check(project, "a.ir.json").returncode == 1
    found = SettingsFinder().of_folder(project / "old")
    assert found.capture == {"model.py:TinyMLP": {"example-shape": [1, 4]}}


WRONG = [
    ("select = 3", "torchlean.toml: select: expected a list of rule codes", "found 3"),
    ("select = [3]", "torchlean.toml: select: expected codes of rules", "found 3"),
    ('ignore = ["X9"]', "torchlean.toml: ignore: expected codes of rules", 'found "X9"'),
    ("exclude = true", "torchlean.toml: exclude: expected a list of patterns", "found true"),
    ('exclude = ["!"]', "torchlean.toml: exclude: expected patterns as in .gitignore", 'found "!"'),
    ("per-file-ignores = []", "torchlean.toml: per-file-ignores: expected a table", "found []"),
    (
        'per-file-ignores = {"a" = "TL2"}',
        'per-file-ignores."a": expected a list of rule codes',
        'found "TL2"',
    ),
    ("capture = 1", "torchlean.toml: capture: expected a table for each model", "found 1"),
    ("[capture]\nx = 1", 'capture."x": expected a table', "found 1"),
    ('[capture."m.py:M"]\nexample-shape = [0]', "example-shape: expected positive sizes", "found [0]"),
    ('[capture."m.py:M"]\noutput = ""', 'capture."m.py:M".output: expected a file name', 'found ""'),
    ('[capture."m.py:M"]\ntimeout = 0', "timeout: expected a number of seconds greater than 0", "found 0"),
    ('[capture."m.py:M"]\nverify = 1', "verify: expected true or false", "found 1"),
    ('[capture."m.py:M"]\nmax-parameters = -1', "max-parameters: expected a number >= 0", "found -1"),
    ('[capture."m.py:M"]\nout = "x"', 'capture."m.py:M".out: no such setting', "did you mean `output`"),
    ('[capture."m.py:M"]\nshape = [1]', 'capture."m.py:M".shape: no such setting', "example-shape"),
    ("selct = []", "torchlean.toml: selct: no such setting", "did you mean `select`?"),
    ("zzz = 1", "torchlean.toml: zzz: no such setting", "there are select, ignore"),
    ('a = 1\nselect = ["TL2"', "torchlean.toml:2:", "not TOML"),
    ('a = 1\nb = """', "torchlean.toml:2: not TOML", ""),
]


@pytest.mark.parametrize(("text", "said", "found"), WRONG)
def test_a_wrong_setting_is_a_message_with_file_key_and_what_was_expected(tmp_path, text, said, found):
    (tmp_path / "torchlean.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        SettingsFinder().of_folder(tmp_path)
    assert said in str(caught.value) and found in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))
    assert caught.value.exit_code == 2


def test_a_wrong_setting_ends_the_command_with_2_and_no_traceback(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.torchlean]\nselect = 3\n")
    done = torchlean("check", "m.ir.json", cwd=tmp_path)
    assert done.returncode == 2 and b"pyproject.toml: tool.torchlean.select: expected a list" in done.stderr
    (tmp_path / "pyproject.toml").write_bytes(b"# \xff\n[tool.torchlean]\n")
    done = torchlean("check", ".", cwd=tmp_path)
    assert done.returncode == 2 and b"pyproject.toml:1: not UTF-8" in done.stderr
    (tmp_path / "pyproject.toml").write_text("[tool]\ntorchlean = 3\n")
    done = torchlean("check", "-", cwd=tmp_path, stdin=GOOD.encode())
    assert done.returncode == 2 and b"tool.torchlean: expected a table, found 3" in done.stderr


def test_the_schema_file_is_up_to_date():
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run `make schema`"


def test_the_schema_is_valid_and_knows_every_setting():
    schema = settings_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    assert list(schema["properties"]) == [setting.name for setting in SETTINGS]
    assert all(entry["description"].endswith(".") for entry in schema["properties"].values())


@pytest.mark.parametrize(
    "text", [text for text, *said in WRONG if "TOML" not in "".join(said) and "!" not in text]
)
def test_the_schema_refuses_what_the_reader_refuses(text):
    table = tomllib.loads(text)
    assert not jsonschema.Draft7Validator(settings_schema()).is_valid(table)


def test_the_schema_accepts_what_the_reader_accepts(tmp_path):
    text = (
        'select = ["TL", "TL2"]\nignore = ["TL401"]\nexclude = ["x/"]\nper-file-ignores = {"a" = ["TL403"]}\n'
        '[capture."m.py:M"]\nexample-shape = [1, 4]\n'
    )
    (tmp_path / "torchlean.toml").write_text(text)
    assert SettingsFinder().of_folder(tmp_path).select == ("TL", "TL2")
    assert jsonschema.Draft7Validator(settings_schema()).is_valid(tomllib.loads(text))


def test_the_settings_that_the_page_shows_are_right(tmp_path):
    page = (SCHEMA_FILE.parents[1] / "docs" / "settings.md").read_text("utf-8")
    (tmp_path / "torchlean.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    assert SettingsFinder().of_folder(tmp_path).exclude == ("drafts/",)
