"""Which dialect a new artifact is written in: settings, then the project's TorchLean, then the neighbours."""

from __future__ import annotations

import pytest

from tests.core.lean.lake_projects import manifest, project, write
from torchlean_core.capture.configured import with_dialect
from torchlean_core.dialect_choice import choose, choose_for
from torchlean_core.errors import UsageError
from torchlean_core.kinds.dialects import CLASSIC, DEFAULT, DIALECTS, GENERALIZED, others
from torchlean_core.options.capture import Options

BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))


def artifact(path, dialect):
    outputs = dialect.outputs_json([0])
    write(
        path,
        f'{{"format": "torchlean.ir.v1", "input_id": 0, "{dialect.output_field}": {outputs}, "nodes": []}}',
    )


def test_where_nothing_tells_it_is_the_default(tmp_path):
    assert choose(tmp_path) == (DEFAULT, "the default")
    assert choose(tmp_path / "not" / "there") == (DEFAULT, "the default")


@BOTH
def test_the_neighbours_tell(tmp_path, dialect):
    artifact(tmp_path / "a.ir.json", dialect)
    assert choose(tmp_path) == (dialect, "as of 1 of 1 artifacts in the folder")


@BOTH
def test_the_projects_torchlean_wins_over_the_neighbours(tmp_path, dialect):
    (other,) = others(dialect)
    project(tmp_path, dialect)
    artifact(tmp_path / "models" / "a.ir.json", other)
    found = choose(tmp_path / "models")
    assert found.dialect is dialect
    assert found.reason.startswith("TorchLean at .lake/packages/TorchLean (rev 0123456) reads")


def test_a_project_whose_sources_are_not_there_leaves_it_to_the_neighbours(tmp_path):
    manifest(tmp_path, {"name": "TorchLean", "type": "git", "rev": "x"})
    artifact(tmp_path / "a.ir.json", GENERALIZED)
    assert choose(tmp_path).dialect is GENERALIZED


@BOTH
@pytest.mark.parametrize(
    ("name", "before"),
    [("torchlean.toml", ""), ("pyproject.toml", "[tool.torchlean]\n")],
    ids=["own", "project"],
)
def test_a_settings_file_wins_over_both_unless_it_leaves_it_open(tmp_path, dialect, name, before):
    (other,) = others(dialect)
    project(tmp_path, other)
    artifact(tmp_path / "a.ir.json", other)
    settings = write(tmp_path / name, f'{before}dialect = "{dialect.name}"\n')
    (tmp_path / "below").mkdir()
    for folder in (tmp_path, tmp_path / "below"):
        assert choose(folder) == (dialect, f"as {settings} sets")
    settings.write_text(f'{before}dialect = "auto"\n')
    assert choose(tmp_path).dialect is other


def test_a_settings_file_that_is_wrong_is_said(tmp_path):
    write(tmp_path / "torchlean.toml", 'dialect = "new"\n')
    with pytest.raises(UsageError, match="dialect: expected one of"):
        choose(tmp_path)


def test_an_artifact_that_is_captured_again_keeps_its_dialect(tmp_path):
    project(tmp_path, GENERALIZED)
    artifact(tmp_path / "a.ir.json", CLASSIC)
    assert choose_for(tmp_path / "a.ir.json") == (CLASSIC, "as of the artifact that is replaced")
    assert choose_for(tmp_path / "b.ir.json").dialect is GENERALIZED
    for name, dialect in (("a.ir.json", CLASSIC), ("b.ir.json", GENERALIZED)):
        asked = {"out": str(tmp_path / name)}
        for given in ({}, {"dialect": "auto"}):
            assert with_dialect({**asked, **given}) == {**asked, "dialect": dialect.name}
        assert with_dialect({**asked, "dialect": "classic"})["dialect"] == "classic"


def test_without_settings_and_project_the_neighbours_tell(tmp_path):
    project(tmp_path, GENERALIZED)
    assert Options().dialect_in(tmp_path / "b.ir.json") is CLASSIC
    artifact(tmp_path / "a.ir.json", GENERALIZED)
    assert Options().dialect_in(tmp_path / "b.ir.json") is GENERALIZED


@BOTH
def test_an_option_wins_over_all(tmp_path, dialect):
    (other,) = others(dialect)
    project(tmp_path, other)
    artifact(tmp_path / "a.ir.json", other)
    assert Options(dialect=dialect.name).dialect_in(tmp_path / "a.ir.json") is dialect
