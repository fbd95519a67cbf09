"""Progress of a job, as a bar or lines of a log, and the state of a run: its jobs, what failed."""

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import track as rich_track

from microexpr import errors
from microexpr.errors import DOING
from microexpr.runtime.printing import printable

T = TypeVar("T")
LOG_EVERY_S = 10.0
LINE = re.compile(r"^(?P<what>.+): (?P<done>\d+)/(?P<total>\d+|\?) in (?P<seconds>[\d.]+) s$", re.M)
LOGS = re.compile(r"results/logs/(.+)\.log\b")
OWN = re.compile(r"microexpr(?: \w+){0,2}: ")
TAIL_BYTES = 8192  # last part of a log that is read
CLOSING_LINES = 20  # error lines that are repeated at the end of the run
SHOWN_JOBS = 12  # running jobs that are shown at once
NAMES = "|".join(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.MicroexprError)
)
# A message of this package inside Snakemake's report of an error.
RAISED = re.compile(
    rf'^(?:{NAMES}) in (?:rule \w+ in )?file ".*", line \d+:\n(?P<text>(?:(?!  File ").*\n?)+)'
)
IN_FUNCTION = re.compile(rf"^Error:\n  (?:{NAMES}): (?P<text>.*?)\nWildcards:", re.M | re.S)
NO_CONFIG = re.compile(r"load_configfile.*^FileNotFoundError: .*: '(?P<file>.+)'$", re.M | re.S)
REMOTE_ADVICE = "For further error details see the cluster/cloud log"
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


def own_message(text: str) -> list[str]:
    """Return the lines of our message in an error of Snakemake; none where it has to show it."""
    marked = [line for line in printable(text).splitlines() if OWN.match(line)]
    if marked:
        return marked
    if missing := NO_CONFIG.search(text):
        return [f"microexpr: there is no file {missing['file']}"]
    found = RAISED.search(text) or IN_FUNCTION.search(text)
    return [f"microexpr: {line}" for line in found["text"].splitlines()] if found else []


@dataclass(frozen=True)
class Job:
    """A running job."""

    label: str  # stage, method, shard and so on, as in the path of its log
    logs: tuple[Path, ...]  # its own log first
    started: float  # seconds on the screen's clock
    before: tuple[int, int] | None  # time and size of a log that an earlier run has left

    def text(self) -> str:
        """Return the end of its log; empty while the log is an earlier run's, or missing."""
        if not self.logs or (self.before and _signature(self.logs[0]) == self.before):
            return ""
        with suppress(OSError), self.logs[0].open("rb") as log:
            log.seek(max(0, self.logs[0].stat().st_size - TAIL_BYTES))
            return printable(log.read().decode(errors="replace"))
        return ""


class Screen:
    """State of a run, and the lines that show it; `clock` returns the time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()
        self._total = self._done = 0
        self._running: dict[int, Job] = {}
        self._failed: dict[int, tuple[Job, list[str]]] = {}

    def plan(self, total: int) -> None:
        """Set the number of jobs."""
        self._total = total

    def start(self, number: int, rule: str, logs: Sequence[str], created: float) -> str:
        """Add a job that starts (`created`, s), and return its line; empty without a log."""
        self._failed.pop(number, None)  # a second attempt
        match = LOGS.search(logs[0]) if logs else None
        label = match[1].replace("/", " ") if match else rule
        paths = tuple(Path(log) for log in logs)
        before = _signature(paths[0]) if paths else None
        if before and before[0] >= created * 1e9:
            before = None
        self._running[number] = Job(label, paths, self._clock(), before)
        return f"started  {label}" if logs else ""

    def finish(self, number: int) -> str:
        """Remove a job that is done, and return its line; empty for a job without a log."""
        self._done += 1
        job = self._running.pop(number, None)
        if job is None or not job.logs:
            return ""
        took = duration(self._clock() - job.started)
        return f"finished {job.label} in {took} ({self._done} of {self._total})"

    def fail(self, number: int, rule: str, logs: Sequence[str], reason: str) -> str:
        """Remove a job that failed, and return its line; `reason` is from a cluster's executor."""
        if number not in self._running:
            self.start(number, rule, logs, 0.0)
        job = self._running.pop(number)
        lines = _error_lines(job, logs, reason)
        self._failed[number] = job, lines
        return f"FAILED   {job.label}: {lines[0].removeprefix(f'{job.label}: ')}"

    def running(self) -> list[str]:
        """Return a line per running job, the longest-running first, and one for the whole run."""
        jobs = [job for job in self._running.values() if job.logs]
        if not jobs:
            return []
        jobs.sort(key=lambda job: job.started)
        width = max(len(job.label) for job in jobs[:SHOWN_JOBS])
        now = self._clock()
        lines = []
        for job in jobs[:SHOWN_JOBS]:
            progress = latest(job.text())
            state = progress.summary() if progress else duration(now - job.started)
            lines.append(f"running  {job.label:{width}}  {state}")
        if len(jobs) > SHOWN_JOBS:
            lines.append(f"running  {len(jobs) - SHOWN_JOBS} more")
        failed = f", {len(self._failed)} failed" if self._failed else ""
        spent = duration(now - self._begun)
        return [*lines, f"{self._done} of {self._total} jobs done{failed}, {spent} so far"]

    def closing(self) -> list[str]:
        """Return the last lines of a run: what failed, each message once."""
        spent = duration(self._clock() - self._begun)
        if not self._failed:
            whole = self._total and self._done == self._total
            return [f"Jobs: {self._done} of {self._total} done in {spent}."] if whole else []
        jobs = [job for job, _ in self._failed.values()]
        logs = ", ".join(str(job.logs[0]) if job.logs else job.label for job in jobs[:SHOWN_JOBS])
        logs += f" and {len(jobs) - SHOWN_JOBS} more" if len(jobs) > SHOWN_JOBS else ""
        said = list(dict.fromkeys(line for _, lines in self._failed.values() for line in lines))
        counts = f"{len(jobs)} failed, {self._done} of {self._total} done in {spent}"
        left_out = len(said) - CLOSING_LINES
        more = [f"({left_out} more messages are in the logs)"] if left_out > 0 else []
        return [f"Jobs: {counts}. Logs of failed jobs: {logs}", *more, *said[-CLOSING_LINES:]]


def _signature(log: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = log.stat()
        return status.st_mtime_ns, status.st_size
    return None


def _error_lines(job: Job, logs: Sequence[str], reason: str) -> list[str]:
    """Return the job's own error lines, or else the best explanation that there is."""
    lines = [line for line in job.text().splitlines() if line.strip()]
    own = [line for line in lines if OWN.match(line)]
    if own:
        return own
    reason = " ".join(reason.partition(REMOTE_ADVICE)[0].split())
    if any(line.startswith("Traceback ") for line in lines):
        last = f"internal error: {lines[-1]}"
    else:
        last = "killed, possibly out of memory" + (f", after: {lines[-1]}" if lines else "")
    where = ", ".join(logs) or "no log"
    return [f"{job.label}: {'; '.join(filter(None, [reason, last]))}; see {where}"]
