"""Progress of a job: a bar on a terminal, lines in a log file, and reading them back."""

import re
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.progress import track as rich_track

from microexpr.errors import DOING
from microexpr.runtime.printing import printable

T = TypeVar("T")
LOG_EVERY_S = 10.0
LINE = re.compile(r"^(?P<what>.+): (?P<done>\d+)/(?P<total>\d+|\?) in (?P<seconds>[\d.]+) s$", re.M)
# What is counted, by the first word of the description.
UNITS = {
    **dict.fromkeys(("demo", "decode", "crop", "magnify", "features", "describe"), "clips"),
    **dict.fromkeys(("index", "gradcam", "overlays", "sheets"), "clips"),
    **dict.fromkeys(("train", "compare", "leak"), "folds"),
}


@dataclass(frozen=True)
class Progress:
    """One line of a log: items done, of `total` (None: unknown), seconds since the first item."""

    what: str
    done: int
    total: int | None
    seconds: float

    def __str__(self) -> str:
        return f"{self.what}: {self.done}/{self.total or '?'} in {self.seconds:.1f} s"

    def summary(self) -> str:
        """Return a text for people: ``12 of 36 clips, 3 min left``."""
        unit = UNITS.get(self.what.partition(" ")[0], "")
        total = f" of {self.total}" if self.total else ""
        left = self.seconds / self.done * ((self.total or 0) - self.done) if self.done else 0
        time_left = f", {duration(left)} left" if self.total and left else ""
        return f"{self.done}{total} {unit}".rstrip() + time_left


def latest(log: str) -> Progress | None:
    """Return the last line of progress in a log's text; None where there is none."""
    every = list(LINE.finditer(log))
    if not every:
        return None
    found = every[-1]
    total = None if found["total"] == "?" else int(found["total"])
    return Progress(found["what"], int(found["done"]), total, float(found["seconds"]))


def duration(seconds: float) -> str:
    """Write a time in the units that matter: ``8 s``, ``3 min``, ``2 h 5 min``."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` and show the progress: a bar, or lines that begin with `description`.

    `total` is the number of items, by default ``len(items)`` where it is known. What is raised
    while the caller works on an item is reported with its name, see `microexpr.errors.DOING`.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    items = _named(items, UNITS.get(description.partition(" ")[0], ""))
    if sys.stderr.isatty():
        yield from rich_track(items, description=printable(description), total=total)
        return
    start = last = time.monotonic()
    print(Progress(description, 0, total, 0.0), file=sys.stderr, flush=True)
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_EVERY_S or done == total:
            last = now
            print(Progress(description, done, total, now - start), file=sys.stderr, flush=True)


def _named(items: Iterable[T], units: str) -> Iterator[T]:
    """Iterate, and keep the name of the item in work; it stays where the caller's loop raises."""
    before = DOING.get()
    for item in items:
        last: Any = item[-1] if isinstance(item, tuple) else item
        name = getattr(last, "clip_id", getattr(last, "name", last))
        known = units and isinstance(name, str)
        DOING.set(f"{units.removesuffix('s')} {name}" if known else before)
        yield item
        DOING.set(before)
