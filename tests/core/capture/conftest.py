"""What the capture tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from torchlean_core.cli import capture_worker
from torchlean_core.jobs import WarmWorker


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Loading a model sets the arguments and the import path of the process."""
    argv, path = sys.argv, list(sys.path)
    yield
    sys.argv, sys.path[:] = argv, path


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """The models are small: threads would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="package")
def _warm() -> Iterator[None]:
    """The command's captures, two hundred, begin where torch has been imported, in a process of their own all the same.

    That this makes no difference is tested with the jobs; what needs a cold start sets `capture_worker.run_job` back.
    """
    run_job, warm = capture_worker.run_job, WarmWorker()

    def run(*args: Any, **options: Any) -> dict[str, Any]:
        return run_job(*args, **{**options, "warm": options.get("warm") or warm})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture_worker, "run_job", run)
        yield
    warm.close()
