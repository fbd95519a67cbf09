"""Micro-expression recognition with motion magnification: one command line, for people and jobs."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from microexpr import __version__
from microexpr.cli import adopt, magnify, predict, show, stages, tools, weights
from microexpr.errors import MicroexprError
from microexpr.runtime.files import own_files

__all__ = ["main"]
# Commands and options that have another name now.
RENAMED = {
    "compare": "stage train_system",
    "comparison": "stage tabulate_systems",
    "ablation": "stage tabulate_ablation",
    "leak": "stage train_leak",
    "leak_plot": "stage tabulate_leak",
    "inner": "stage train --inner",
    "--part": "--chunk",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process when None.

    Returns
    -------
    int
        Exit status: 0 on success; 2 on an error that the user can fix, with one line on standard
        error for each cause; 130 when interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if renamed := _renamed(words):
        print(f"microexpr: {renamed}", file=sys.stderr)
        return 2
    arguments = _parser().parse_args(words)
    name = " ".join(["microexpr", *words[: 2 if arguments.command == "stage" else 1]])
    own_files()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("microexpr").setLevel(logging.INFO)  # of libraries, warnings only
    try:
        arguments.run(arguments)
    except (MicroexprError, OSError) as error:
        for line in _lines(error):
            print(f"{name}: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="microexpr", description=__doc__)
    parser.add_argument("--version", action="version", version=f"microexpr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    magnify.add_command(commands)
    predict.add_command(commands)
    adopt.add_command(commands)
    show.add_command(commands)
    weights.add_command(commands)
    tools.add_commands(commands)
    stages.add_command(commands)
    return parser


def _renamed(words: Sequence[str]) -> str:
    """Return what to write in place of a command or an option of an earlier version."""
    first = words[0] if words else ""
    if first in RENAMED:
        return f"{first} is now: microexpr {RENAMED[first]}"
    if first in stages.NAMES and first not in ("magnify", "demo"):
        return f"{first} is now: microexpr stage {first}"
    if first == "stage":
        if len(words) > 1 and words[1] in RENAMED:
            return f"stage {words[1]} is now: microexpr {RENAMED[words[1]]}"
        for word in words:
            if word in RENAMED:
                return f"{word} is now {RENAMED[word]}"
    return ""


def _lines(error: MicroexprError | OSError) -> list[str]:
    """Return an error for a log: one line per message, whatever a name in it holds."""
    if isinstance(error, MicroexprError):
        texts = error.messages
    elif error.errno and error.filename:
        # Libraries add their own state to what the system says.
        texts = (f"{error.filename}: {os.strerror(error.errno)}",)
    else:
        texts = (str(error),)
    return [" ".join(text.split()) for text in texts]
