"""Worker processes: results, events, output, every way to die, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.core.jobs.conftest import ROOT, Run
from torchlean_core.jobs import JobCancelled, JobError, JobTimeout, run_job


def wait_until_gone(pids: list[int]) -> None:
    """Wait until processes have ended."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ended, f"process {pid} is still alive"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_job_gets_its_request_and_gives_its_result(run: Run, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    result = run("echo", {"a": [1, "ü"]}, on_event=events.append, cwd=tmp_path)
    assert result["request"] == {"a": [1, "ü"]}
    assert result["cwd"] == str(tmp_path)
    assert events == [{"event": "progress", "value": 0.5}]


def test_hashes_are_the_same_in_every_worker(run: Run) -> None:
    assert run("echo", {})["hash"] == run("echo", {})["hash"]


def test_the_working_directory_shadows_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    assert run("echo", {}, cwd=tmp_path)["request"] == {}


def test_what_user_code_prints_and_reads_does_not_touch_the_protocol(run: Run) -> None:
    events: list[dict[str, Any]] = []
    result = run("noisy", {}, on_event=events.append)
    assert result == {"read": ""}
    output = "".join(event["text"] for event in events if event["event"] == "output")
    assert sorted(output.splitlines()) == sorted(
        ['{"result": "not this"}', "to stderr", "around Python", "from a child"]
    )


def test_output_is_bounded(run: Run) -> None:
    events: list[dict[str, Any]] = []
    run("flood", {}, on_event=events.append)
    output = "".join(event["text"] for event in events)
    assert len(output) < 300_000
    assert output.endswith("… (output cut)\n")


def test_a_user_error_keeps_its_message_its_exit_code_and_its_data(run: Run) -> None:
    with pytest.raises(JobError, match="the user can fix this") as caught:
        run("user_error", {})
    assert caught.value.exit_code == 2
    assert caught.value.data == {"findings": [1]}
    with pytest.raises(JobError) as caught:
        run("plain_user_error", {})
    assert caught.value.exit_code == 1


def test_a_bug_is_called_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JobError, match="internal error: KeyError: 'surprise'") as caught:
        run("bug", {})
    assert caught.value.exit_code == 2
    assert "Traceback" not in str(caught.value)
    monkeypatch.setenv("TORCHLEAN_DEBUG", "1")
    with pytest.raises(JobError, match="Traceback"):
        run("bug", {})


def test_sys_exit_in_user_code_is_an_error(run: Run) -> None:
    with pytest.raises(JobError, match=r"called sys\.exit\(3\)"):
        run("sys_exit", {})


def test_a_worker_that_ends_itself_says_so_with_its_last_words(run: Run) -> None:
    with pytest.raises(JobError) as caught:
        run("os_exit", {})
    assert "ended the worker process itself (exit code 7" in str(caught.value)
    assert str(caught.value).endswith("last output:\n  last words")


def test_a_crash_names_the_signal(run: Run) -> None:
    with pytest.raises(JobError, match="ended by SIGSEGV: a crash in native code"):
        run("crash", {})


def test_children_that_outlive_the_job_are_ended(run: Run) -> None:
    result = run("leave_a_child", {}, timeout=60)
    wait_until_gone([result["child"]])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sessions are followed on Linux only")
@pytest.mark.parametrize("end", ["result", "exit", "hang"])
def test_children_in_sessions_of_their_own_are_ended(run: Run, end: str) -> None:
    pids: list[int] = []
    with contextlib.nullcontext() if end == "result" else pytest.raises(JobError):
        run("leave_a_session", {"end": end}, on_event=lambda e: pids.extend(e["pids"]), timeout=5)
    assert len(pids) == 2
    wait_until_gone(pids)


def test_a_job_that_closes_its_channel_says_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.touch()
    for reuse in ("", str(path)):
        with pytest.raises(JobError, match="the code being run closed the channel") as caught:
            run("close_everything", {"reuse": reuse}, timeout=60)
        assert "Traceback" not in str(caught.value)
    assert path.read_bytes() == b""


def test_a_job_that_closes_its_channel_and_hangs_has_a_time_limit(run: Run) -> None:
    with pytest.raises(JobTimeout):
        run("close_and_hang", {}, timeout=2)


def test_odd_exceptions_are_messages(run: Run) -> None:
    with pytest.raises(JobError, match="raised KeyboardInterrupt") as caught:
        run("keyboard_interrupt", {})
    assert caught.value.exit_code == 1
    with pytest.raises(JobError, match="internal error: Mute"):
        run("mute", {})


def test_a_time_limit_ends_the_worker_and_its_children(run: Run) -> None:
    pids: list[int] = []
    with pytest.raises(JobTimeout, match=r"time limit of 2 s") as caught:
        run("hang", {}, on_event=lambda event: pids.extend(event["pids"]), timeout=2)
    assert caught.value.exit_code == 1
    assert len(pids) == 2
    wait_until_gone(pids)


def test_cancelling_ends_the_worker_and_its_children(run: Run) -> None:
    pids: list[int] = []
    cancelled = threading.Event()

    def started(event: dict[str, Any]) -> None:
        pids.extend(event["pids"])
        cancelled.set()

    with pytest.raises(JobCancelled, match="hang was cancelled"):
        run("hang", {}, on_event=started, cancelled=cancelled, timeout=60)
    wait_until_gone(pids)


def test_a_job_that_is_ended_may_clean_up(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "half"
    cancelled = threading.Event()
    with pytest.raises(JobCancelled):
        run(
            "clean_up",
            {"path": str(path)},
            on_event=lambda event: cancelled.set(),
            cancelled=cancelled.is_set,
            timeout=60,
        )
    assert list(tmp_path.iterdir()) == []


def test_user_code_does_not_see_the_watchdog(run: Run) -> None:
    assert run("wait_for_any_child", {}, timeout=60) == {"children": 0}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space limits are Linux's")
def test_a_memory_limit_is_an_error_of_the_job(run: Run) -> None:
    with pytest.raises(JobError, match="out of memory"):
        run("allocate", {"bytes": 2 << 30}, memory_limit=1 << 30)


def test_the_worker_ends_with_its_parent() -> None:
    program = (
        "import json\n"
        "from torchlean_core.jobs import JOBS, run_job\n"
        "JOBS['hang'] = 'tests.core.jobs.sample_jobs:hang'\n"
        "run_job('hang', {}, on_event=lambda event: print(json.dumps(event['pids']), flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until_gone(pids)


def test_the_interpreter_of_a_worker_need_not_have_this_package() -> None:
    python = Path(sys.base_prefix) / "bin" / "python3"
    if not python.exists():
        pytest.skip("no interpreter outside the virtual environment")
    assert run_job("echo", {"a": 1}, python=str(python))["request"] == {"a": 1}


def test_no_descriptor_is_left_open(run: Run) -> None:
    run("echo", {})
    before = open_descriptors()
    for _ in range(3):
        run("echo", {})
        with pytest.raises(JobError):
            run("os_exit", {})
    assert open_descriptors() <= before
