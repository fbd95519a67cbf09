"""Freed memory goes back to the system: what one clip took is not kept for the next."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def released(items: Iterable[T]) -> Iterator[T]:
    """Iterate over `items`; after each, memory that is free again leaves the process.

    glibc keeps freed blocks for later. Clips differ in length, so the next one's arrays do not fit
    into the holes of the one before, and the process of a shard grows to twice what a clip needs.
    Elsewhere nothing is done.
    """
    trim = _malloc_trim()
    for item in items:
        yield item
        if trim:
            trim(0)


@cache
def _malloc_trim() -> ctypes._FuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # not Linux, or another C library
        return None
