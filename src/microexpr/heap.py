"""Freed memory goes back to the system before it adds up over the clips of a shard."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
# What is freed is kept for the next item up to here: to fetch it anew takes time.
KEPT_BYTES = 128e6
PAGE_BYTES = 4096
STATUS = Path("/proc/self/statm")


def released(items: Iterable[T], kept_bytes: float = KEPT_BYTES) -> Iterator[T]:
    """Iterate over `items`; where their memory adds up, what is free leaves the process.

    glibc keeps freed blocks for later. Clips differ in length, so the next one's arrays do not fit
    into the holes of the one before, and the process of a shard grows to twice what a clip needs.
    Where there is neither glibc nor Linux nothing is done.

    Parameters
    ----------
    items : iterable
        Clips, say.
    kept_bytes : float
        By how much the process may grow before its free memory leaves it.

    Yields
    ------
    Each item.
    """
    trim = _malloc_trim()
    if trim is None:
        yield from items
        return
    floor = _resident_bytes()
    for item in items:
        yield item
        if _resident_bytes() > floor + kept_bytes:
            trim(0)
            floor = _resident_bytes()


def _resident_bytes() -> int:
    return PAGE_BYTES * int(STATUS.read_text(encoding="ascii").split()[1])


@cache
def _malloc_trim() -> ctypes._FuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim if STATUS.exists() else None
    except (OSError, TypeError, AttributeError):  # another C library
        return None
