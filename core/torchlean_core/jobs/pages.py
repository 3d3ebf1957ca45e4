"""Memory pages that a forked process will write to, copied all at once (Linux).

A fork shares its pages with its parent until it writes to them; reading a Python object writes its reference count.
A capture so copies some 9,000 pages, one fault each. Which ones hardly depends on the model: a first child finds
out, and later ones have the kernel copy them before there is a job.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 4096
_POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, from Linux 5.14 on; an older kernel refuses it, and pages are copied when they are written."""

_PRESENT, _EXCLUSIVE = 1 << 63, 1 << 56
"""Bits of an entry of /proc/self/pagemap: in memory, and mapped by no other process."""

Range = tuple[int, int]
"""Address and length in bytes."""


def own_pages() -> list[Range]:
    """The private memory that this process shares with no other one.

    Raises:
        OSError: The system does not tell.
    """
    found: list[Range] = []
    with Path("/proc/self/pagemap").open("rb", 0) as pagemap:
        for start, end in _writable():
            pagemap.seek(start // _PAGE * 8)
            entries = memoryview(pagemap.read((end - start) // _PAGE * 8)).cast("Q")
            first = None
            for index, entry in enumerate([*entries, 0]):
                own = entry & _PRESENT and entry & _EXCLUSIVE
                if own and first is None:
                    first = index
                elif not own and first is not None:
                    found.append((start + first * _PAGE, (index - first) * _PAGE))
                    first = None
    return found


def copy_pages(ranges: Iterable[Range]) -> None:
    """Have pages of this process's own in place of shared ones; what is not mapped any more is left out."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for address, length in ranges:
        madvise(address, length, _POPULATE_WRITE)


def _writable() -> Iterator[Range]:
    for line in Path("/proc/self/maps").read_text("ascii", "replace").splitlines():
        addresses, rights = line.split(maxsplit=2)[:2]
        if rights[1] == "w" and rights[3] == "p":
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield start, end
