"""What reads the command line: values are checked where they stand, and refused in one line."""

import argparse
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias, get_args

from pydantic.fields import FieldInfo

from microexpr.config.base import Section
from microexpr.errors import ConfigError, brief
from microexpr.runtime.wrong_values import nearest

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
MOST_THREADS = 1024  # OpenMP ends the process where the system grants it no more
DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
NAMES = {"temporal_filter": "filter", "anchored": "anchor"}


class Parser(argparse.ArgumentParser):
    """A parser whose messages are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError; for an unknown command or option, propose the nearest."""
        word = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (\S+)", message)
        near = nearest(next(filter(None, word.groups()), ""), self._known()) if word else ""
        raise ConfigError(f"{brief(ValueError(message))}{near}; see {self.prog} --help")

    def _known(self) -> list[str]:
        """Return what can be typed: options, commands and choices."""
        choices = [action.choices for action in self._actions if action.choices]
        below = [c for found in choices if isinstance(found, dict) for c in found.values()]
        words = [str(choice) for found in choices for choice in found]
        return [*words, *self._option_string_actions, *(w for p in below for w in p._known())]


def between(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    """Return what reads a number, or a whole one, between two bounds, which are included."""

    def read(word: str) -> float:
        value = math.nan
        with suppress(ValueError):
            value = kind(word)
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{word} is not {what} from {low:g} to {high:g}")
        return value

    return read


def new_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], text: str, **how: Any
) -> argparse.ArgumentParser:
    """Register a command: what it runs, one line about it, and what else a parser takes."""
    parser = commands.add_parser(name, help=text, **how)
    parser.set_defaults(run=run)
    return parser


RATE = between(float, 0.001, 1e6)  # frames/s, Hz
COUNT = between(int, 0, 10**9)


def device(word: str) -> str:
    """Read the name of a device; whether it is there is seen when it is chosen."""
    if not DEVICE.fullmatch(word):
        raise argparse.ArgumentTypeError(f"{word} is not auto, cpu, cuda, or cuda:0 and so on")
    return word


def add_machine(parser: argparse.ArgumentParser, *, has_device: bool = True) -> None:
    """Add ``--threads`` and ``--device``."""
    default, threads = " [%(default)s]", between(int, 1, MOST_THREADS)
    parser.add_argument("--threads", type=threads, default=1, help=f"processor threads{default}")
    if has_device:
        text = f"cpu, cuda, cuda:1 and so on, or auto{default}"
        parser.add_argument("--device", type=device, default="auto", help=text)


def flag_of(key: str) -> str:
    """Return the option of a key, such as ``--lambda-c`` of ``lambda_c_px``."""
    name = NAMES.get(key, key).removesuffix("_hz").removesuffix("_px")
    return f"--{name.replace('_', '-')}"


def add_settings(
    group: argparse._ArgumentGroup, models: Mapping[str, type[Section]], without: str = ""
) -> None:
    """Add an option for each key of `models`, which share equal keys, but for the key `without`."""
    for key in dict.fromkeys(key for model in models.values() for key in model.model_fields):
        found = {n: m.model_fields[key] for n, m in models.items() if key in m.model_fields}
        text = "; ".join(_help(name, field) for name, field in found.items()).replace("%", "%%")
        how = _reading(next(iter(found.values())))
        if key != without:
            group.add_argument(flag_of(key), dest=key, help=text, **how)


def given(arguments: argparse.Namespace, model: type[Section] | None) -> dict[str, Any]:
    """Return the keys of a model that the user gave, with their values."""
    values = {key: getattr(arguments, key, None) for key in (model.model_fields if model else ())}
    return {key: value for key, value in values.items() if value is not None}


def _reading(field: FieldInfo) -> dict[str, Any]:
    kinds = get_args(field.annotation)
    if field.annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if isinstance(field.default, tuple):
        return {"type": _word, "nargs": 2, "metavar": ("LOW", "HIGH")}
    choice = kinds and not any(isinstance(kind, type) for kind in kinds)
    return {"type": _word, **({"choices": kinds} if choice else {"metavar": "N"})}


def _help(name: str, field: FieldInfo) -> str:
    default = field.default
    shown = " ".join(f"{edge:g}" for edge in default) if isinstance(default, tuple) else default
    shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else shown
    text = f"{name}: {field.description}" if name else str(field.description)
    return text if default is None else f"{text} [{shown}]"


def _word(word: str) -> Any:
    """Read a number, or else text; the settings class says what is possible."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return word
