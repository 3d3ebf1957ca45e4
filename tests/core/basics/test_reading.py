"""Files are read where they are regular and of bounded size; everything else is one message."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from torchlean_core.basics.reading import (
    LeadsOutError,
    NotRegularError,
    TooLargeError,
    names_host,
    open_regular,
    read_lines,
    read_regular,
    require_readable,
    require_within_project,
)
from torchlean_core.companions.model import model_of
from torchlean_core.config import SettingsFinder
from torchlean_core.emit.provenance import Header, read_header, with_header
from torchlean_core.errors import UsageError
from torchlean_core.navigate.origin import origin_of

SOURCES = Path(__file__).parents[3]


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    os.mkfifo(path)


READERS: list[Callable[[Path], object]] = [
    lambda path: read_regular(path, 100),
    lambda path: read_lines(path, 100),
    lambda path: open_regular(path, 100),
    lambda path: require_readable(path, 100),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("make", [device, pipe])
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    make(tmp_path / "file")
    with pytest.raises(NotRegularError, match=r"is a (device|pipe or socket), no regular file"):
        read(tmp_path / "file")


@pytest.mark.parametrize("read", READERS)
def test_a_folder_a_missing_file_and_a_circle_of_links_are_what_the_system_says(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    (tmp_path / "l").symlink_to("l")
    with pytest.raises(OSError) as caught:
        read(tmp_path / "l")
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize("read", READERS)
def test_a_file_may_have_so_many_bytes(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    read(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x" * 101)
    with pytest.raises(TooLargeError, match="has more than 100 bytes"):
        read(tmp_path / "file")


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.touch()
    opened = os.open

    def swapped(name: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(os, "open", swapped)
    failed: list[OSError] = []

    def read() -> None:
        try:
            open_regular(path)
        except OSError as error:
            failed.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert [type(error) for error in failed] == [NotRegularError]


def test_every_line_end_is_a_line_feed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb\rc\n\xff")
    assert read_lines(tmp_path / "file", 100) == "a\nb\nc\n�"


def test_a_link_is_followed_inside_of_the_project_only(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "deep").mkdir(parents=True)
    (tmp_path / "outside").touch()
    (project / "inside").touch()
    link = project / "deep" / "link"
    link.symlink_to("../inside")
    with pytest.raises(LeadsOutError, match="leads out of the project"):
        require_within_project(link)  # nobody says how far the project goes
    (project / ".git").mkdir()
    require_within_project(link)
    link.unlink()
    link.symlink_to("../../outside")
    with pytest.raises(LeadsOutError):
        require_within_project(link)
    require_within_project(tmp_path / "outside")


OPENERS = re.compile(
    r"(?<!os)(?<!zipfile)\.(read_bytes|read_text|open)\(|(?<![\w.])open\(|np\.load\(|load_file\("
)
OWN = {
    # What the program wrote itself, its own package, the system's files, descriptors, and writing.
    "core/torchlean_core/capture/bundle.py",
    "core/torchlean_core/capture/program/archive.py",
    "core/torchlean_core/cli/main.py",
    "core/torchlean_core/emit/attached.py",
    "core/torchlean_core/erf/fit.py",
    "core/torchlean_core/files.py",
    "core/torchlean_core/jobs/pages.py",
    "core/torchlean_core/jobs/process.py",
    "core/torchlean_core/cli/versions.py",
    "core/torchlean_core/completion/__init__.py",
    "core/torchlean_core/jobs/worker.py",
    "core/torchlean_core/params/checkpoint.py",
    "core/torchlean_core/params/content.py",
    "core/torchlean_core/params/weights.py",
    "core/torchlean_core/train/board.py",
    "core/torchlean_core/train/job.py",
    "core/torchlean_core/train/metrics.py",
    "server/torchlean_ls/documents.py",
    "server/torchlean_ls/server.py",
}
CHECKED = {"core/torchlean_core/cli/run_command.py", "core/torchlean_core/train/data.py"}


def test_no_other_place_opens_files_for_reading() -> None:
    found = {
        path.relative_to(SOURCES).as_posix()
        for folder in ("core", "server")
        for path in (SOURCES / folder).rglob("*.py")
        if any(OPENERS.search(line.partition("#")[0]) for line in path.read_text("utf-8").splitlines())
    }
    assert found - OWN - CHECKED == set()
    for name in CHECKED:  # libraries open these, after a look at what they are
        assert "require_readable(" in (SOURCES / name).read_text("utf-8")


def test_links_are_followed_by_one_function_alone() -> None:
    """`Path.resolve` raises of a circle what nobody expects of a file."""
    users = {
        path.name
        for folder in ("core", "server")
        for path in (SOURCES / folder).rglob("*.py")
        if re.search(r"\.resolve\((strict=True)?\)", path.read_text("utf-8"))
    }
    assert users == {"worker.py"}  # of its own place


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="needs Linux's files")
@pytest.mark.parametrize("name", ["/proc/self/pagemap", "/proc/self/status", "/sys/kernel/mm/hugepages"])
@pytest.mark.parametrize("read", READERS)
def test_what_the_system_makes_up_is_no_file(
    tmp_path: Path, read: Callable[[Path], object], name: str
) -> None:
    path = tmp_path / "m.ir.json"
    path.symlink_to(name)
    with pytest.raises(OSError, match=r"file of the system|Is a directory"):
        read(path)


HOSTS = [
    r"\\host\share\m.py",
    "//host/share/m.py",
    r"\/host/share/m.py",
    r"/\host\share\m.py",
    r"\\?\UNC\host\m.py",
]


@pytest.mark.parametrize("name", HOSTS)
def test_a_name_in_a_file_never_leads_to_another_computer(name, tmp_path):
    assert names_host(name)
    artifact = tmp_path / "m.ir.json"
    captured = {"file": name, "class": "M", "sha256": "0" * 64}
    assert model_of({"captured_from": captured}, artifact) is None
    assert origin_of({"captured_from": captured}, None, artifact) is None
    meaning = {"sha256": "0" * 64, "files": [name, "b.py"], "parts": ["a", "b"], "texts": ["a", "b"]}
    model = model_of({"captured_from": {**captured, "file": "m.py", "meaning": meaning}}, artifact)
    assert model is not None and model.uses == ("b.py",) and not model.parts and not model.texts
    for artifact_name, params in ((name, None), ("m.ir.json", name)):
        header = Header(artifact_name, "0" * 64, params, None, {}, "0" * 64)
        assert read_header(with_header("x = 1\n", header)) is None
    settings = tmp_path / "torchlean.toml"
    settings.write_text(f"[capture.'m.py:M']\noutput = '{name}'\n")
    with pytest.raises(UsageError, match=r"a file name such as"):
        SettingsFinder().of_file(tmp_path / "m.py")


@pytest.mark.parametrize("name", ["m.py", "../m.py", "/a/m.py", r"C:\a\m.py", r"a\\b", "a//b", ""])
def test_other_names_are_names(name):
    assert not names_host(name)
