"""Micro-expression recognition with motion magnification: one command line, for people and jobs."""

from __future__ import annotations

import logging
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microexpr import __version__
from microexpr.errors import ConfigError
from microexpr.runtime.ending import ended
from microexpr.runtime.files import own_files

if TYPE_CHECKING:
    from microexpr.cli.options import Parser

__all__ = ["main"]
ADDRESSES = 1_400 << 20  # bytes: with less, not all libraries can be imported
EPILOG = "microexpr COMMAND --help says more; stage holds the steps that the workflow runs."
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
    """Run a command, of the process when None; return its exit status, see :mod:`.ending`."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = [word for word in words[: 2 if words[:1] == ["stage"] else 1] if word[:1] != "-"]
    return ended(" ".join(["microexpr", *command]), lambda: _run(words), for_good=argv is None)


def _run(words: Sequence[str]) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= limit < ADDRESSES:  # OpenBLAS would end the process while it is imported
        raise ConfigError(
            f"ulimit -v allows {limit >> 20} MB of addresses, and the libraries take "
            f"{ADDRESSES >> 20}: allow more, or leave it unlimited"
        )
    parser = parser_of_all()
    if not words:
        parser.print_help()
        return
    if renamed := _renamed(words):
        raise ConfigError(renamed)
    arguments = parser.parse_args(words)
    own_files()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("microexpr").setLevel(logging.INFO)  # of libraries, warnings only
    arguments.run(arguments)


def parser_of_all() -> Parser:
    """Return the parser of all commands, those for people first."""
    # Imported once a signal can be handled: it takes most of a second.
    from microexpr.cli import judge, magnify, predict, project, show, tools
    from microexpr.cli.options import Parser

    parser = Parser(prog="microexpr", description=__doc__, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"microexpr {__version__}")
    commands: Any = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        *(project.add_commands, magnify.add_command, predict.add_command, judge.add_command),
        *(show.add_commands, judge.add_folds, tools.add_commands, tools.add_stage),
    ):
        add(commands)
    return parser


def _renamed(words: Sequence[str]) -> str:
    """Return what to write in place of a command or an option of an earlier version."""
    from microexpr import stages

    now = {n: f"stage {n}" for n in stages.NAMES if n not in ("magnify", "demo")} | RENAMED
    if words[0] in now:
        return f"{words[0]} is now: microexpr {now[words[0]]}"
    for number, word in enumerate(words if words[0] == "stage" else ()):
        if word in RENAMED:
            new = f": microexpr {RENAMED[word]}" if number == 1 else f" {RENAMED[word]}"
            return f"{'stage ' * (number == 1)}{word} is now{new}"
    return ""
