"""A short soak; `python -m benchmarks.soak` is the long one."""

from __future__ import annotations

import pytest
from benchmarks.soak import soak


@pytest.mark.parametrize("seed", [1, 2])
def test_after_many_random_edits_and_requests_the_state_is_that_of_a_fresh_open(seed):
    assert soak(300, nodes=150, seed=seed).same
