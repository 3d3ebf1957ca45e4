"""Memory of the C library: what reading a big file used for a moment is given back, what editing it needs is kept."""

from __future__ import annotations

import logging
import sys

_log = logging.getLogger(__name__)


_LARGE = 4_000_000
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back_memory(text_length: int = 0) -> None:
    """Give free memory back to the system, where the C library can (glibc); it keeps tens of MiB otherwise.

    Each keystroke makes a text of the length given anew. Where that is megabytes, most of the time would go into
    getting pages from the system for what was given back a moment ago: from then on as much as it needs is kept.
    """
    if sys.platform != "linux":
        return
    import ctypes  # only who has opened a big file pays for it

    try:
        library = ctypes.CDLL(None)
        library.malloc_trim(0)
        if text_length >= _LARGE:
            kept = min(4 * text_length, 1 << 30)
            library.mallopt(_M_MMAP_THRESHOLD, kept)
            library.mallopt(_M_TRIM_THRESHOLD, kept)
    except (OSError, AttributeError) as error:  # another C library
        _log.debug("memory is not given back: %s", error)
