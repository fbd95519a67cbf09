"""How a command ends: with one line on whatever was raised, an exit status, and nothing left.

Exit status 0: done. 1: a fault of this package. 2: what the user can fix. 129, 130 and 143: ended
by SIGHUP, SIGINT (Ctrl-C) and SIGTERM. 141: what reads the output has ended, such as ``head``.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from microexpr.errors import DOING, MicroexprError, brief, lacking
from microexpr.runtime.printing import safe_streams

PACKAGE = Path(__file__).parents[1]
# Set in jobs of the workflow, whose log takes what a user need not read.
TRACE = "MICROEXPR_TRACE"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RETRY_S = 0.005
MAX_NAME = 200  # characters that are quoted
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_shielded: set[CodeType] = set()


class Interrupted(KeyboardInterrupt):
    """A signal asks this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def shielded(function: FunctionT) -> FunctionT:
    """Mark a function that HDF5 calls: a signal in it, raised later, would crash the process."""
    _shielded.add(function.__code__)
    return function


class _Signals:
    """Raises `Interrupted` at the first signal, wherever the main thread is."""

    def __init__(self) -> None:
        self.status = 0  # of the first signal
        self.idle = True  # before the work, and when all is said: nothing is there to clean up
        self.raises = False

    def arrived(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; the alarm is the first one again, which could not be raised."""
        if self.idle:
            os._exit(self.status or 128 + number)
        if not self.raises:
            return
        if number != signal.SIGALRM:
            if self.status:  # one is enough: the process is cleaning up
                return
            self.status = 128 + number
        while frame is not None:
            if frame.f_code in _shielded:
                signal.setitimer(signal.ITIMER_REAL, RETRY_S)
                return
            frame = frame.f_back
        raise Interrupted(self.status - 128)

    def swallowed(self, about: sys.UnraisableHookArgs) -> None:
        """Raise it again where it was raised in a place that cannot pass it on."""
        if isinstance(about.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, RETRY_S)
        else:
            sys.__unraisablehook__(about)


@contextmanager
def _watched(*, for_good: bool) -> Iterator[_Signals]:
    """Turn signals into `Interrupted`; those that are ignored, as under nohup, stay so."""
    signals, before = _Signals(), {}
    with suppress(ValueError):  # not in the main thread
        for number in (*SIGNALS, signal.SIGALRM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signals.arrived)
    hook, sys.unraisablehook = sys.unraisablehook, signals.swallowed
    try:
        yield signals
    finally:
        signals.idle = True
        if not for_good:
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)


def ended(name: str, work: Callable[[], None], *, for_good: bool = False) -> int:
    """Run a command, end it well, and return its status; with `for_good` the process ends now."""
    DOING.set("")
    with safe_streams(), _watched(for_good=for_good) as signals:
        try:
            try:
                signals.raises, signals.idle = True, False
                work()
                sys.stdout.flush()
            finally:
                signals.raises = False
        except SystemExit:  # the usage was shown
            _print([])
            raise
        except BaseException as error:
            traced = bool(os.environ.get(TRACE))
            status, lines = told(error, "it stands above" if traced else f"set {TRACE}=1")
            if traced and not isinstance(error, (MicroexprError, Interrupted)):
                traceback.print_exception(error)
            _print(f"{name}: {line}" for line in lines)
            return signals.status or status
        if signals.status:  # it was raised where nothing passes it on
            _print([f"{name}: interrupted"])
        return signals.status


def _print(lines: Any) -> None:
    with suppress(OSError):  # nobody reads it
        for line in lines:
            print(line, file=sys.stderr)
        sys.stderr.flush()
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError, AttributeError):
        # Python would report at its end once more that nobody reads it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told(error: BaseException, trace: str) -> tuple[int, list[str]]:
    """Return an error's status and a line per cause; `trace` says how to see its trace."""
    if isinstance(error, KeyboardInterrupt):
        return getattr(error, "status", 130), ["interrupted"]
    if isinstance(error, BrokenPipeError):
        return 128 + signal.SIGPIPE, []
    doing = DOING.get()
    if isinstance(error, MicroexprError):
        lines = [" ".join(text.split()) for text in error.messages]
        if doing.startswith("clip ") and doing.removeprefix("clip ") not in str(error):
            lines = [f"{doing}: {line}" for line in lines]
        return 2, lines
    status, text = _of_library(error, trace)
    notes = getattr(error, "__notes__", [])
    if doing and not (notes or getattr(error, "filename", None)):
        notes = [doing]
    parts = [": ".join([*notes[:1], text]), *notes[1:]]
    return status, ["; ".join(" ".join(part.split()) for part in parts)]


def _of_library(error: BaseException, trace: str) -> tuple[int, str]:
    text = f"{type(error).__name__}: {brief(error)}" if str(error) else type(error).__name__
    of_file = isinstance(error, OSError) or hasattr(error, "strerror")  # PyAV has its own
    if of_file:
        number, name = getattr(error, "errno", None) or 0, getattr(error, "filename", None)
        # Libraries add their own state to what the system says.
        reason = os.strerror(number) if number in errno.errorcode else brief(error)
        text = f"{name}: {reason}" if name else reason
    if advice := lacking(error):
        return 2, f"{text}; {advice}"
    if of_file:
        return 2, text
    if isinstance(error, UnicodeEncodeError):
        return 2, f"{error.object[:MAX_NAME]!r} holds bytes that are no UTF-8; rename it"
    if isinstance(error, UnicodeError):
        return 2, f"{text}; save the file as UTF-8"
    if isinstance(error, ImportError):
        return 2, f"{text}; pip install 'microexpr[workflow]'"
    places = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [path for path in places if path.is_relative_to(PACKAGE)]
    place = f" in {ours[-1].relative_to(PACKAGE)}" if ours else ""
    return 1, f"internal error{place}: {text}; please report it with its trace ({trace})"
