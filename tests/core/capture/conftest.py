"""What the capture tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import torch


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
