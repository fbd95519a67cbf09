"""Parameters of jobs whose change makes no result stale."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from microexpr.runtime.ending import SIGNALS, TRACE

# Memory that a batch gave back is taken again by the next one. glibc returns large blocks to the
# system at once; fetching them anew is up to a fifth of a job's time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": 1 << 30,
    "MALLOC_TRIM_THRESHOLD_": 1 << 30,
    "MALLOC_TOP_PAD_": 1 << 26,
}
# Name of the variable that envs/*.yaml install this package from.
SOURCE = "MICROEXPR_SOURCE"


def share_environment(source: str) -> None:
    """Set what jobs inherit: where interpreter and package are, and how memory is kept.

    ``python`` in a rule is the one that runs Snakemake; the package is the checkout's. `source` is
    what pip installs it from: the checkout's folder, or a repository at a tag.
    """
    os.environ[SOURCE] = source
    _put_first("PATH", Path(sys.executable).parent)
    if source and Path(source, "src").is_dir():
        _put_first("PYTHONPATH", Path(source, "src"))
    os.environ["PYTHONSAFEPATH"] = "1"  # as python -P in the commands of stages
    os.environ.setdefault(TRACE, "1")
    for name, size in MALLOC.items():
        os.environ.setdefault(name, str(size))


def end_as_asked() -> None:
    """End by a signal with exit code 128 + its number, and at the end of a terminal as by Ctrl-C.

    Snakemake exits with 1; by SIGHUP it ends at once, and its jobs go on.
    """
    with suppress(ValueError):  # not in the main thread
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else nohup
            signal.signal(signal.SIGHUP, signal.default_int_handler)
        came, told = os.pipe()  # of handlers that Snakemake sets later, too
        os.set_blocking(came, False)
        os.set_blocking(told, False)
        other = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        if other != -1:  # of an event loop that runs Snakemake
            signal.set_wakeup_fd(other)
        atexit.register(_exit_by_signal, came)


def _exit_by_signal(came: int) -> None:
    with suppress(BlockingIOError):
        for number in os.read(came, 1024):
            if number in SIGNALS:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(128 + number)


def _put_first(name: str, folder: Path) -> None:
    known = [k for k in os.environ.get(name, "").split(os.pathsep) if k and k != str(folder)]
    os.environ[name] = os.pathsep.join([str(folder), *known])


@dataclass(frozen=True)
class Untracked:
    """A part of a command, made when it is spelt; Snakemake compares plain types only."""

    make: Callable[[], str]

    def __str__(self) -> str:
        return self.make()
