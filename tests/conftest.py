"""Settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# Thousands of processes are started. None of them should compile the sources once more, as no user's does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Machines differ in speed: no deadlines. CI draws the same examples every time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
