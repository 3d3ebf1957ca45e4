"""Where jobs run in the tests: in processes of their own, and in warm ones."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from torchlean_core.jobs import JOBS, WarmWorker, run_job

ROOT = Path(__file__).parents[3]
SAMPLES = (
    *("echo", "noisy", "flood", "user_error", "plain_user_error", "bug", "sys_exit", "os_exit", "crash"),
    *("leave_a_child", "hang", "clean_up", "wait_for_any_child", "allocate", "leave_a_session"),
    *("close_everything", "close_and_hang", "mute", "keyboard_interrupt", "state", "end_supervisor", "draw"),
)

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmWorker]:
    """One warm worker for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'core'}")
        worker = WarmWorker()
        worker.start()
    yield worker
    assert worker.problem == ""
    worker.close()


@pytest.fixture(autouse=True)
def _sample_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SAMPLES:
        monkeypatch.setitem(JOBS, name, f"tests.core.jobs.sample_jobs:{name}")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'core'}")


@pytest.fixture(params=["cold", "warm"])
def run(request: pytest.FixtureRequest) -> Run:
    """`run_job`, cold and warm."""
    if request.param == "cold":
        return run_job
    return functools.partial(run_job, warm=request.getfixturevalue("warm"))
