"""The metrics file: whole lines at any time, also when nothing more can be written."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from tests.core.train.train_graphs import MLP_NODES, artifact
from torchlean_core.errors import UsageError
from torchlean_core.train.metrics import MetricsFile


def entry(step):
    return {"step": step, "loss": 0.5}


def steps(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


@pytest.fixture
def full(monkeypatch):
    """A disk that takes half of what is written, and then nothing more."""
    write = os.write
    room = [1]

    def short(descriptor, content):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room.clear()
        return write(descriptor, bytes(content)[: len(content) // 2])

    def begin():
        monkeypatch.setattr(os, "write", short)

    return begin


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("before", [None, '{"step": 9}\n'])
def test_a_full_disk_leaves_whole_lines_and_names_the_file(tmp_path, full, kept, before):
    path = tmp_path / "m.metrics.jsonl"
    if before is not None:
        path.write_text(before)
    metrics = MetricsFile(path, [entry(1)])
    metrics.open()
    metrics.add(entry(2))
    full()
    with pytest.raises(UsageError, match=r"m\.metrics\.jsonl: No space left on device"):
        metrics.add(entry(3))
    assert steps(path) == [1, 2]
    metrics.close(keep=kept)
    if kept:
        assert steps(path) == [1, 2]
    else:
        assert (path.read_text() if path.exists() else None) == before


def limited():
    # Larger files are refused: as a disk that is full, without one.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits of file sizes")
def test_a_run_that_cannot_write_ends_with_the_files_it_began_with(tmp_path):
    (tmp_path / "m.ir.json").write_text(artifact(*MLP_NODES))
    done = subprocess.run(
        [sys.executable, "-m", "torchlean_core", "train", "m.ir.json", "--steps", "500", "--log-every", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("torchlean: m.metrics.jsonl: File too large\n")
    assert [path.name for path in tmp_path.iterdir()] == ["m.ir.json"]
