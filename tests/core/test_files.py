"""Files are written whole or not at all, and what a killed process left is removed by the next one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from torchlean_core.errors import UsageError
from torchlean_core.files import keep_aside, refuse_overwriting, replacing, write_text

WRITES = """
import sys, time
from pathlib import Path
from torchlean_core.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(60)
"""


def writing(target: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that is in the middle of writing a file, and its temporary file."""
    process = subprocess.Popen([sys.executable, "-c", WRITES, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def make_old(path: Path) -> None:
    os.utime(path, (time.time() - 3600,) * 2)


def test_what_a_killed_process_left_is_removed_by_the_next_one_in_that_folder(tmp_path: Path) -> None:
    process, left = writing(tmp_path / "a.txt")
    process.send_signal(signal.SIGKILL)
    process.wait()
    write_text(tmp_path / "b.txt", "whole")
    assert left.exists(), "it may be that of a process that began just now"
    make_old(left)
    write_text(tmp_path / "b.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt"]


def test_what_somebody_writes_or_nobody_of_ours_made_is_left_alone(tmp_path: Path) -> None:
    process, busy = writing(tmp_path / "a.txt")
    try:
        others = [tmp_path / name for name in (".a.txt.x.tmp", "a.torchlean-tmp", ".swp")]
        for path in (busy, *others):
            path.touch()
            make_old(path)
        (tmp_path / ".d.torchlean-tmp").mkdir()
        make_old(tmp_path / ".d.torchlean-tmp")
        (tmp_path / ".l.torchlean-tmp").symlink_to(others[0])
        write_text(tmp_path / "b.txt", "whole")
        assert len(list(tmp_path.iterdir())) == 7
        assert busy.exists()
    finally:
        process.kill()
        process.wait()


def test_bytes_are_on_the_disk_before_the_name_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (happened.append("sync"), sync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda old, new: (happened.append("replace"), replace(old, new)))
    write_text(tmp_path / "a.txt", "whole")
    assert happened == ["sync", "replace"]


def test_a_long_name_leaves_room_for_a_temporary_one(tmp_path: Path) -> None:
    name = "é" * 120 + ".txt"
    write_text(tmp_path / name, "whole")
    assert (tmp_path / name).read_text() == "whole"


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_with_the_name_that_was_asked_for(tmp_path):
    path = tmp_path / "none" / "m.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "{}")
    assert caught.value.filename == str(path)


def test_a_circle_of_links_is_an_error_as_any_other(tmp_path):
    path = tmp_path / "m.json"
    path.symlink_to(path.name)
    for call in (lambda: write_text(path, "{}"), lambda: refuse_overwriting(path), lambda: keep_aside(path)):
        with pytest.raises((OSError, UsageError), match="Too many levels of symbolic links"):
            call()
    assert path.is_symlink()


def test_a_link_into_a_folder_that_is_not_there_is_refused_before_the_work(tmp_path):
    path = tmp_path / "m.json"
    path.symlink_to(tmp_path / "none" / "m.json")
    with pytest.raises(UsageError, match="is a link into a folder that is not there"):
        refuse_overwriting(path)


def test_an_error_without_a_name_gets_that_of_the_file(tmp_path):
    with pytest.raises(OSError, match=r"No space.*m\.json"), replacing(tmp_path / "m.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
