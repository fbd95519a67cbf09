"""What reads the command line: values are checked where they stand, and refused in one line."""

import argparse
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeAlias

from microexpr.errors import ConfigError, brief

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
MOST_THREADS = 1024  # OpenMP ends the process where the system grants it no more
DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")


class Parser(argparse.ArgumentParser):
    """A parser whose messages are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError."""
        raise ConfigError(f"{brief(ValueError(message))}; see {self.prog} --help")


def whole(low: int, high: int = 10**9) -> Callable[[str], float]:
    """Return what reads a whole number between two bounds, which are included."""
    return _number(int, low, high)


def real(low: float, high: float) -> Callable[[str], float]:
    """Return what reads a number between two bounds, which are included."""
    return _number(float, low, high)


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    def read(word: str) -> float:
        value = math.nan
        with suppress(ValueError):
            value = kind(word)
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{word} is not {what} from {low:g} to {high:g}")
        return value

    return read


RATE = real(0.001, 1e6)  # frames/s, Hz


def device(word: str) -> str:
    """Read the name of a device; whether it is there is seen when it is chosen."""
    if not DEVICE.fullmatch(word):
        raise argparse.ArgumentTypeError(f"{word} is not auto, cpu, cuda, or cuda:0 and so on")
    return word


def add_machine(parser: argparse.ArgumentParser, *, has_device: bool = True) -> None:
    """Add ``--threads`` and ``--device``."""
    default, threads = " [%(default)s]", whole(1, MOST_THREADS)
    parser.add_argument("--threads", type=threads, default=1, help=f"processor threads{default}")
    if has_device:
        text = f"cpu, cuda, cuda:1 and so on, or auto{default}"
        parser.add_argument("--device", type=device, default="auto", help=text)
