"""``microexpr adopt``: keep results under code that was shown to give the same."""

from __future__ import annotations

import argparse
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microexpr.errors import CollectedError, DataError, MicroexprWarning

DESCRIPTION = """\
After a change of code that should change no result, such as a moved module, a new name or an
updated library, recompute a sample with the code as it is: one clip per shard and stage, one fold
per training, tables and figures as a whole. Where all samples of a stage are equal to the byte,
note that in results/adopted.json; snakemake then plans nothing for it. No result is written."""
EPILOG = """\
example: git pull && microexpr adopt && snakemake --cores 8 results/table.csv

Exit status 2: a stage differs; the line says in which clip and by how much, and snakemake runs it
again. A killed run goes on where it stopped."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "adopt",
        help="keep results under changed code that gives the same",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "results", nargs="?", type=Path, default=Path("results"), help="of a project [results]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    MicroexprError
        When a stage differs or cannot be compared, with one message each.
    """
    from microexpr import adopt
    from microexpr.runtime.resources import limit_threads

    if arguments.results.name != "results" or not arguments.results.is_dir():
        raise DataError(f"{arguments.results}: is no folder 'results' of a project")
    os.chdir(arguments.results.parent)
    limit_threads(1)
    with quiet_samples():
        outcome = adopt.run()
    if not (outcome.equal or outcome.different or outcome.waiting):
        print("Nothing to adopt: code and libraries are those of the last run.")
    for name, count in outcome.equal.items():
        print(f"equal: {name} ({count} sample{'s'[: count > 1]})")
    for name in outcome.waiting:
        print(f"not compared, there are no results that only its code makes stale: {name}")
    if outcome.different:
        raise CollectedError([f"differs: {n}: {why}" for n, why in outcome.different.items()])


@contextmanager
def quiet_samples() -> Iterator[None]:
    """Leave out what stages say of their samples: the run that made the results has said it."""
    package, own = logging.getLogger("microexpr"), logging.getLogger("microexpr.adopt")
    before = package.level, own.level
    own.setLevel(own.getEffectiveLevel())
    package.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MicroexprWarning)
            yield
    finally:
        package.setLevel(before[0])
        own.setLevel(before[1])
