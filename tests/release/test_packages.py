"""Wheel and source archive: the same bytes each time, from a checkout as from the source archive, and complete."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from torchlean_core import __version__

pytest.importorskip("hatchling", reason="hatchling, which builds the packages, is not installed")
ROOT = Path(__file__).parents[2]
WHEEL = f"torchlean_ls-{__version__}-py3-none-any.whl"
ARCHIVE = f"torchlean_ls-{__version__}.tar.gz"


def build(source, target, *options, **environment):
    """Digests of the packages of a source tree, by name."""
    bare = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target), *options],
        cwd=source,
        env={**bare, **environment},
        check=True,
        capture_output=True,
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in target.iterdir()}


def tracked():
    """Every file of the checkout that git knows, in a list; None where this is no checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what is tracked, with other times and permissions, and with what a checkout gathers."""
    files = tracked()
    if files is None:
        pytest.skip("this is no checkout of git's")
    copy = tmp_path_factory.mktemp("checkout")
    for name in files:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o600)
    for name in (
        "core/torchlean_core/__pycache__/x.pyc",
        "editors/vscode/node_modules/x/index.js",
        ".venv/x",
    ):
        (copy / name).parent.mkdir(parents=True)
        (copy / name).write_text("")
    return copy


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory):
    """The folder of the packages, and their digests."""
    folder = tmp_path_factory.mktemp("built")
    return folder, build(checkout, folder)


def test_the_source_archive_is_what_is_tracked(built):
    folder, _ = built
    with tarfile.open(folder / ARCHIVE) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {name for name in tracked() if not name.startswith(".github/")}
    assert inside == wanted | {"PKG-INFO"}


def test_the_source_archive_builds_the_same_packages_again(built, tmp_path):
    folder, digests = built
    with tarfile.open(folder / ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    assert build(tmp_path / ARCHIVE.removesuffix(".tar.gz"), tmp_path / "again") == digests
    assert set(digests) == {WHEEL, ARCHIVE}


def test_a_date_of_the_builders_is_taken(checkout, built, tmp_path):
    _, digests = built
    dated = build(checkout, tmp_path / "one", "-t", "wheel", SOURCE_DATE_EPOCH="1700000000")
    assert dated[WHEEL] != digests[WHEEL]
    with zipfile.ZipFile(tmp_path / "one" / WHEEL) as wheel:
        assert {entry.date_time[:3] for entry in wheel.infolist()} == {(2023, 11, 14)}


def test_the_wheel_holds_the_packages_and_nothing_else(built):
    folder, _ = built
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        names = wheel.namelist()
        entry = wheel.read(f"torchlean_ls-{__version__}.dist-info/entry_points.txt").decode()
        meta = message_from_string(wheel.read(f"torchlean_ls-{__version__}.dist-info/METADATA").decode())
    assert {name.partition("/")[0] for name in names} == {
        "torchlean_core",
        "torchlean_ls",
        f"torchlean_ls-{__version__}.dist-info",
    }
    modules = {
        name.partition("/")[2]
        for name in tracked()
        if name.startswith(("core/torchlean_core", "server/torchlean_ls"))
    }
    assert modules <= set(names)
    assert {Path(name).name for name in names if "/schema_files/" in name} == {
        path.name for path in (ROOT / "schema").iterdir()
    }
    assert "torchlean = torchlean_core.cli.main:main" in entry
    assert (meta["Version"], meta["Requires-Python"]) == (__version__, ">=3.11")
