"""Warm workers: what a job sees there, what it writes, when they end, and what happens where they cannot work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.core.jobs.conftest import ROOT
from tests.core.jobs.test_jobs import open_descriptors, wait_until_gone
from torchlean_core.jobs import JobCancelled, JobError, WarmWorker, run_job

_FREE = ["TORCHINDUCTOR_CACHE_DIR", "PYTEST_CURRENT_TEST"]
"""Environment variables that torch or pytest sets at times of its own."""


def zygote(warm: WarmWorker) -> int:
    """Id of the process that forks."""
    process = warm._source._process  # type: ignore[attr-defined]
    assert process is not None
    return int(process.pid)


@pytest.mark.parametrize("before", ["nothing", "a capture"])
def test_a_job_sees_the_process_that_a_cold_one_sees(warm: WarmWorker, tmp_path: Path, before: str) -> None:
    if before == "a capture":
        capture("tiny_mlp.py", "TinyMLP", [1, 4], tmp_path, warm)
    expected = run_job("state", {"free": _FREE}, cwd=tmp_path)
    assert run_job("state", {"free": _FREE}, cwd=tmp_path, warm=warm) == expected


def capture(
    file: str, name: str, shape: list[int], folder: Path, warm: WarmWorker | None
) -> dict[str, bytes]:
    """The files that the capture of an example writes."""
    folder.mkdir(exist_ok=True)
    request = {
        "file": str(ROOT / "examples" / file),
        "name": name,
        "out": str(folder / "m.ir.json"),
        "example_shape": shape,
    }
    run_job("capture", request, warm=warm)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("file", "name", "shape"),
    [
        ("tiny_mlp.py", "TinyMLP", [1, 4]),
        ("tiny_cnn.py", "TinyCNN", [1, 1, 8, 8]),
        ("attention_block.py", "AttentionBlock", [4, 8]),
    ],
)
def test_a_warm_capture_writes_the_same_bytes(
    warm: WarmWorker, tmp_path: Path, file: str, name: str, shape: list[int]
) -> None:
    cold = capture(file, name, shape, tmp_path / "out", None)
    assert len(cold) == 2
    for _ in range(2):
        for path in (tmp_path / "out").iterdir():
            path.unlink()
        assert capture(file, name, shape, tmp_path / "out", warm) == cold


def test_jobs_at_the_same_time_have_processes_of_their_own(warm: WarmWorker, tmp_path: Path) -> None:
    results: list[dict[str, Any]] = []
    threads = [
        threading.Thread(
            target=lambda number=number: results.append(run_job("echo", {"n": number}, warm=warm))
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["request"]["n"] for result in results) == [0, 1, 2, 3]


def test_a_job_that_ends_its_supervisor_is_gone(warm: WarmWorker) -> None:
    pids: list[int] = []
    with pytest.raises(JobError, match="was ended by SIGKILL"):
        run_job("end_supervisor", {}, on_event=lambda event: pids.extend(event["pids"]), warm=warm)
    wait_until_gone(pids)


def test_an_environment_variable_set_since_is_seen(warm: WarmWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHLEAN_DEBUG", "1")
    with pytest.raises(JobError, match="Traceback"):
        run_job("bug", {}, warm=warm)


def test_generators_that_nobody_seeds_give_each_job_other_numbers(warm: WarmWorker) -> None:
    draws = [run_job("draw", {}, warm=warm) for _ in range(2)]
    assert all(draws[0][name] != draws[1][name] for name in ("torch", "numpy", "random"))


def test_a_job_of_a_folder_that_is_not_there_is_refused(warm: WarmWorker, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        run_job("echo", {}, cwd=tmp_path / "nowhere", warm=warm)


def test_jobs_on_a_gpu_are_not_forked(warm: WarmWorker) -> None:
    assert warm.may_run("capture", {})
    assert warm.may_run("train", {"device": "cpu"})
    assert not warm.may_run("train", {"device": "cuda"})
    assert not warm.may_run("init", {"device": "cuda:1"})


def test_a_job_that_comes_while_torch_is_loaded_waits_for_it() -> None:
    worker = WarmWorker()
    try:
        worker.start()
        assert run_job("echo", {"a": 1}, warm=worker)["request"] == {"a": 1}
        assert zygote(worker) > 0
        assert worker.problem == ""
    finally:
        worker.close()


def test_a_job_that_is_cancelled_while_it_waits_never_runs(tmp_path: Path) -> None:
    worker = WarmWorker()
    try:
        with pytest.raises(JobCancelled):
            run_job("clean_up", {"path": str(tmp_path / "half")}, cancelled=lambda: True, warm=worker)
        assert run_job("echo", {}, warm=worker)["request"] == {}
        assert list(tmp_path.iterdir()) == []
    finally:
        worker.close()


def test_without_torch_jobs_run_cold_and_the_reason_is_known() -> None:
    python = Path(sys.base_prefix) / "bin" / "python3"
    if (
        not python.exists()
        or subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    ):
        pytest.skip("no interpreter without torch")
    worker = WarmWorker(str(python))
    try:
        assert run_job("echo", {"a": 1}, warm=worker)["request"] == {"a": 1}
        assert "No module named 'torch'" in worker.problem
        assert str(python) in worker.problem
        assert "\n" not in worker.problem
    finally:
        worker.close()


def test_an_interpreter_that_is_none_is_told_as_it_is_without_a_warm_worker(tmp_path: Path) -> None:
    worker = WarmWorker(str(tmp_path / "python"))
    with pytest.raises(OSError, match="python"):
        run_job("echo", {}, warm=worker)
    assert "it cannot be started" in worker.problem


def test_a_worker_that_was_killed_is_started_once_more() -> None:
    worker = WarmWorker()
    try:
        for number in (1, 2):
            assert run_job("echo", {"a": number}, warm=worker)["request"] == {"a": number}
            pid = zygote(worker)
            os.kill(pid, signal.SIGKILL)
            wait_until_dead(worker)
        assert run_job("echo", {"a": 3}, warm=worker)["request"] == {"a": 3}
        assert worker._source._process is None  # type: ignore[attr-defined]
        assert worker.problem.endswith("its process ended with signal 9")
    finally:
        worker.close()


def wait_until_dead(worker: WarmWorker) -> None:
    process = worker._source._process  # type: ignore[attr-defined]
    if process is not None:
        process.wait(60)


def test_a_worker_that_is_idle_ends_and_the_next_job_starts_another() -> None:
    worker = WarmWorker(idle=0.1)
    try:
        for _ in range(2):
            assert run_job("echo", {}, warm=worker)["request"] == {}
            wait_until_dead(worker)
        assert worker.problem == ""
    finally:
        worker.close()


def test_closing_ends_the_process_and_its_spare() -> None:
    worker = WarmWorker()
    worker.start()
    run_job("echo", {}, warm=worker)
    pid = zygote(worker)
    deadline = time.monotonic() + 120
    while not (children := children_of(pid)):
        assert time.monotonic() < deadline
    worker.close()
    wait_until_gone([pid, *children])
    assert run_job("echo", {"a": 1}, warm=worker)["request"] == {"a": 1}


def children_of(pid: int) -> list[int]:
    """Ids of the children of a process."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_everything_ends_with_the_parent() -> None:
    program = (
        "import json\n"
        "from torchlean_core.jobs import JOBS, WarmWorker, run_job\n"
        "JOBS['hang'] = 'tests.core.jobs.sample_jobs:hang'\n"
        "warm = WarmWorker()\n"
        "warm.start()\n"
        "pid = warm._source._process.pid\n"
        "show = lambda event: print(json.dumps([pid, *event['pids']]), flush=True)\n"
        "run_job('hang', {}, on_event=show, warm=warm)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until_gone(pids)


def test_no_descriptor_of_a_warm_worker_is_left_open() -> None:
    before = open_descriptors()
    worker = WarmWorker()
    run_job("echo", {}, warm=worker)
    worker.close()
    assert open_descriptors() <= before


def test_where_nothing_is_forked_a_spare_is_started_ahead(tmp_path: Path) -> None:
    worker = WarmWorker(forks=False)
    try:
        worker.start()
        events: list[dict[str, Any]] = []
        result = run_job("echo", {"a": 1}, cwd=tmp_path, on_event=events.append, warm=worker)
        assert result["request"] == {"a": 1}
        assert result["cwd"] == str(tmp_path)
        assert events == [{"event": "progress", "value": 0.5}]
        with pytest.raises(JobError, match="exit code 7"):
            run_job("os_exit", {}, warm=worker)
        assert worker.problem == ""
    finally:
        worker.close()
