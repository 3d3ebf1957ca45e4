"""Memory that reading a big file used for a moment and that the C library would keep."""

from __future__ import annotations

import logging
import sys

_log = logging.getLogger(__name__)


def give_back_memory() -> None:
    """Give free memory back to the system, where the C library can (glibc); it keeps tens of MiB otherwise."""
    if sys.platform != "linux":
        return
    import ctypes  # only who has opened a big file pays for it

    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError) as error:  # another C library
        _log.debug("memory is not given back: %s", error)
