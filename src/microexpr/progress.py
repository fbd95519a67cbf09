"""A progress bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.progress import track as rich_track

T = TypeVar("T")
LOG_EVERY_S = 10.0


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` and show how far it is.

    Parameters
    ----------
    items : iterable
        What to go through.
    description : str
        Shown before the bar, or in each line of the log.
    total : int, optional
        Number of items; ``len(items)`` where it has one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from rich_track(items, description=description, total=total)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_EVERY_S or done == total:
            last = now
            print(f"{description}: {done}/{total or '?'} in {now - start:.1f} s", file=sys.stderr)
