"""The Lake project above a file: what it requires, where that is, and what that reads."""

from __future__ import annotations

import json
import os

import pytest

from tests.core.lean.lake_projects import (
    REVISION,
    git_package,
    importer_source,
    manifest,
    project,
    torchlean_sources,
    write,
)
from torchlean_core.kinds.dialects import CLASSIC, DIALECTS, GENERALIZED
from torchlean_core.lean import find_project
from torchlean_core.lean import project as project_module
from torchlean_core.lean.lake import read_project

BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))


@BOTH
def test_a_git_package_is_found_from_a_folder_below(tmp_path, dialect):
    project(tmp_path, dialect)
    below = tmp_path / "models" / "small"
    below.mkdir(parents=True)
    found = find_project(below)
    assert found.folder == tmp_path and found.required
    assert found.package == tmp_path / ".lake/packages/TorchLean"
    assert found.dialect is dialect and found.revision == REVISION
    assert (
        found.reason == f"TorchLean at .lake/packages/TorchLean (rev 0123456) reads `{dialect.output_field}`"
    )


def test_a_toolchain_alone_is_no_project(tmp_path):
    write(tmp_path / "lean-toolchain", "leanprover/lean4:v4.20.0\n")
    found = find_project(tmp_path)
    assert found is None or not found.folder.is_relative_to(tmp_path)


def test_a_project_without_torchlean_is_named_and_one_above_it_counts(tmp_path):
    inner = tmp_path / "inner"
    manifest(inner, git_package("mathlib"))
    found = find_project(inner)
    assert found.folder == inner and not found.required and found.dialect is None
    assert "does not require TorchLean" in found.reason
    project(tmp_path, GENERALIZED)
    assert find_project(inner).dialect is GENERALIZED


@pytest.mark.parametrize("name", ["torchlean", "TORCHLEAN", "«TorchLean»"])
def test_the_name_is_taken_capital_or_not(tmp_path, name):
    manifest(tmp_path, git_package(name))
    torchlean_sources(tmp_path / ".lake/packages/TorchLean", CLASSIC)
    assert find_project(tmp_path).dialect is CLASSIC


def test_a_path_package_lies_where_the_manifest_says(tmp_path):
    torchlean_sources(tmp_path / "lib", GENERALIZED)
    mine = tmp_path / "mine"
    manifest(mine, {"type": "path", "name": "TorchLean", "dir": "./../lib", "inherited": False})
    found = find_project(mine)
    assert found.package == tmp_path / "lib" and found.revision == ""
    assert found.reason == "TorchLean at ../lib reads `output_ids`"


def test_the_older_form_of_the_manifest_and_another_folder_of_packages(tmp_path):
    old = {"git": {"name": "TorchLean", "rev": REVISION, "subDir?": "lean", "url": ""}}
    manifest(tmp_path, old, packagesDir="./lake-packages")
    torchlean_sources(tmp_path / "lake-packages/TorchLean/lean", CLASSIC)
    assert find_project(tmp_path).package == tmp_path / "lake-packages/TorchLean/lean"
    older = {"path": {"name": "TorchLean", "dir": "../own"}}
    mine = tmp_path / "b"
    manifest(mine, older)
    torchlean_sources(tmp_path / "own", GENERALIZED)
    assert find_project(mine).dialect is GENERALIZED


def test_without_its_sources_lake_update_is_named(tmp_path):
    manifest(tmp_path, git_package())
    found = find_project(tmp_path)
    assert found.required and found.package is None and found.dialect is None
    assert found.reason == "TorchLean is required, but its sources are not at .lake/packages/TorchLean"
    assert "lake update" in found.remedy
    torchlean_sources(tmp_path / ".lake/packages/TorchLean", CLASSIC)  # now it was run
    assert find_project(tmp_path).dialect is CLASSIC


@pytest.mark.parametrize(
    "lakefile",
    [
        'require TorchLean from git "https://example.org/T.git" @ "main"\n',
        'require TorchLean from git\n  "https://example.org/T.git" @\n  "main" with opts\n',
        'require "lean-dojo" / "TorchLean" @ git "main"\n',
        'require «torchlean» from git "x"@"main"\nrequire mathlib from git "y" @ "v1"\n',
    ],
)
def test_a_lakefile_is_enough_where_there_is_no_manifest(tmp_path, lakefile):
    write(
        tmp_path / "lakefile.lean", f"import Lake\nopen Lake DSL\npackage mine\n\n{lakefile}\nlean_lib Mine\n"
    )
    torchlean_sources(tmp_path / ".lake/packages/TorchLean", GENERALIZED)
    found = find_project(tmp_path)
    assert found.dialect is GENERALIZED and found.revision == "main"
    assert "(rev main)" in found.reason


@pytest.mark.parametrize("path", ['"../lib"', '".." / "lib"', '"../lib" / "."'])
def test_a_lakefile_names_a_folder(tmp_path, path):
    torchlean_sources(tmp_path / "lib", CLASSIC)
    mine = tmp_path / "mine"
    write(
        mine / "lakefile.lean",
        f'package mine\nrequire TorchLean from\n  {path}\nrequire other from git "u"\n',
    )
    assert find_project(mine).package == tmp_path / "lib"


def test_a_lakefile_in_toml(tmp_path):
    torchlean_sources(tmp_path / "lib", CLASSIC)
    mine = tmp_path / "mine"
    write(mine / "lakefile.toml", 'name = "mine"\n[[require]]\nname = "TorchLean"\npath = "../lib"\n')
    assert find_project(mine).package == tmp_path / "lib"
    git = tmp_path / "git"
    write(git / "lakefile.toml", '[[require]]\nname = "torchlean"\ngit = "https://x"\nrev = "v2"\n')
    assert (read_project(git).required, read_project(git).revision) == (True, "v2")


def test_a_hostile_lakefile_is_read_in_linear_time(tmp_path):
    for text in (
        "\n" * 900_000,
        "require x git" + " git" * 200_000,
        "require\n" * 100_000,
        "require x" + " " * 900_000,
    ):
        write(tmp_path / "lakefile.lean", text)
        assert not find_project(tmp_path).required


def test_what_a_comment_requires_is_not_required(tmp_path):
    write(
        tmp_path / "lakefile.lean",
        'package mine\n-- require TorchLean from git "x"\n/- \nrequire TorchLean\n-/\n',
    )
    assert not find_project(tmp_path).required


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lakefile.lean", 'open Lake DSL\npackage TorchLean where\n  version := v!"0.1.0"\n'),
        ("lakefile.toml", 'name = "torchlean"\n'),
        ("lake-manifest.json", json.dumps({"packages": [], "name": "TorchLean"})),
    ],
)
def test_torchlean_itself(tmp_path, name, text):
    write(tmp_path / name, text)
    write(tmp_path / "NN/Import.lean", importer_source(GENERALIZED))
    found = find_project(tmp_path / "NN")
    assert found.package == tmp_path and found.dialect is GENERALIZED
    assert found.reason == "TorchLean itself reads `output_ids`"


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"{not json", "lake-manifest.json is not JSON"),
        (b"[]", "lake-manifest.json is not JSON"),
        (b"[" * 100_000, "lake-manifest.json is not JSON"),
        (b"\xff\xfe", "lake-manifest.json is not UTF-8"),
        (b" " * 1_000_001, "lake-manifest.json: has more than 1,000,000 bytes"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_said_and_the_lakefile_tells(tmp_path, content, trouble):
    (tmp_path / "lake-manifest.json").write_bytes(content)
    assert find_project(tmp_path).reason.endswith(trouble)
    write(tmp_path / "lakefile.toml", '[[require]]\nname = "TorchLean"\n')
    torchlean_sources(tmp_path / ".lake/packages/TorchLean", CLASSIC)
    found = find_project(tmp_path)
    assert found.dialect is CLASSIC and found.reason.endswith(trouble)


@pytest.mark.parametrize(
    "entries", [None, 3, [3, None, {"name": 4}, {"git": 4}, {"type": "path", "name": "x"}]]
)
def test_a_manifest_of_another_form_requires_nothing(tmp_path, entries):
    write(tmp_path / "lake-manifest.json", json.dumps({"packages": entries, "packagesDir": 7, "name": []}))
    write(tmp_path / "lakefile.toml", "require = 3\nname = 4\n")
    assert not find_project(tmp_path).required


def test_a_toml_file_that_is_none(tmp_path):
    write(tmp_path / "lakefile.toml", "require = [\n")
    assert find_project(tmp_path).reason.endswith("lakefile.toml is not TOML")


@pytest.mark.skipif(os.name == "nt", reason="pipes in folders and links")
def test_pipes_and_loops_of_links_are_said(tmp_path):
    os.mkfifo(tmp_path / "lake-manifest.json")
    (tmp_path / "lakefile.lean").symlink_to(tmp_path / "lakefile.lean")
    reason = find_project(tmp_path).reason
    assert (
        "lake-manifest.json: is a pipe or socket, no regular file" in reason and "lakefile.lean: " in reason
    )
    other = tmp_path / "other"
    manifest(other, git_package())
    packages = other / ".lake/packages"
    packages.mkdir(parents=True)
    (packages / "TorchLean").symlink_to(packages / "TorchLean")
    assert find_project(other).package is None


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_sources_behind_a_link_are_found(tmp_path):
    torchlean_sources(tmp_path / "elsewhere", GENERALIZED)
    mine = tmp_path / "mine"
    manifest(mine, git_package())
    (mine / ".lake/packages").mkdir(parents=True)
    (mine / ".lake/packages/TorchLean").symlink_to(tmp_path / "elsewhere")
    assert find_project(mine).dialect is GENERALIZED


def test_sources_without_an_importer_tell_nothing_until_there_is_one(tmp_path):
    project(tmp_path, CLASSIC)
    sources = tmp_path / ".lake/packages/TorchLean/NN"
    (sources / "Runtime/Import/Export.lean").unlink()
    found = find_project(tmp_path)
    assert found.dialect is None and "no importer" in found.reason and "dialect" in found.remedy
    write(sources / "Runtime/Import/Reader.lean", importer_source(GENERALIZED))
    assert find_project(tmp_path).dialect is GENERALIZED


def test_an_answer_is_kept_until_what_told_it_changes(tmp_path, monkeypatch):
    project(tmp_path, CLASSIC)
    assert find_project(tmp_path).dialect is CLASSIC
    with monkeypatch.context() as patch:
        patch.setattr(project_module, "find_importer", lambda package: pytest.fail("looked again"))
        assert find_project(tmp_path).dialect is CLASSIC
    write(tmp_path / ".lake/packages/TorchLean/NN/Runtime/Import/Export.lean", importer_source(GENERALIZED))
    assert find_project(tmp_path).dialect is GENERALIZED
    manifest(tmp_path, git_package("mathlib"))
    assert not find_project(tmp_path).required
