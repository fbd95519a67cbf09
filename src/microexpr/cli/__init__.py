"""One command line, for people and for the workflow's rules."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from microexpr import __version__
from microexpr.cli import (
    adopt,
    magnify,
    pictures,
    predict,
    reports,
    show,
    stages,
    studies,
    tools,
    weights,
)
from microexpr.errors import MicroexprError
from microexpr.runtime.files import own_files

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process when None.

    Returns
    -------
    int
        Exit status: 0 when all went well, 2 when the user can mend what is wrong, with a line on
        standard error for each thing that is, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="microexpr", description=__doc__)
    parser.add_argument("--version", action="version", version=f"microexpr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    stages.add_commands(commands)
    reports.add_commands(commands)
    magnify.add_command(commands)
    studies.add_commands(commands)
    pictures.add_commands(commands)
    predict.add_command(commands)
    adopt.add_command(commands)
    show.add_command(commands)
    weights.add_command(commands)
    tools.add_commands(commands)
    arguments = parser.parse_args(argv)
    own_files()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("microexpr").setLevel(logging.INFO)  # of libraries, warnings only
    try:
        arguments.run(arguments)
    except (MicroexprError, OSError) as error:
        for line in _lines(error):
            print(f"microexpr {arguments.command}: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"microexpr {arguments.command}: interrupted", file=sys.stderr)
        return 130
    return 0


def _lines(error: MicroexprError | OSError) -> list[str]:
    """Spell an error for a log, a line per message, whatever a file or a name had in it."""
    if isinstance(error, MicroexprError):
        texts = error.messages
    elif error.errno and error.filename:
        # Libraries add their own state to what the system says.
        texts = (f"{error.filename}: {os.strerror(error.errno)}",)
    else:
        texts = (str(error),)
    return [" ".join(text.split()) for text in texts]
