"""Commands that are not stages: the demo data set, looking into caches, the schema."""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
from pathlib import Path

from microexpr.config import Config


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the tools."""
    demo = commands.add_parser(
        "demo",
        help="write the generated data set",
        description="Write procedural faces with known micro-expressions, in SMIC's layout.",
    )
    demo.add_argument("folder", type=Path, help="where SMIC_all_raw and truth are written")
    demo.add_argument("--config", default="{}", help="YAML file or JSON; section demo [defaults]")
    demo.add_argument("--subjects", nargs="+", metavar="ID", help="only these [all]")
    demo.add_argument("--done", type=Path, help="write the list of clips here when finished")
    demo.set_defaults(run=_demo)

    verify = commands.add_parser(
        "verify",
        help="check caches against their checksums",
        description="Read every value of caches and compare with the stored checksums.",
    )
    verify.add_argument("file", type=Path, nargs="+")
    verify.set_defaults(run=_verify)

    show = commands.add_parser(
        "show", help="print table.csv", description="Print a table of accuracy against N."
    )
    show.add_argument("table", type=Path)
    show.set_defaults(run=_show)

    schema = commands.add_parser(
        "schema",
        help="write the schemas and the reference of all keys",
        description="Write workflow/schemas and config/README.md from the models.",
    )
    schema.add_argument("folder", type=Path, help="the project's folder")
    schema.set_defaults(run=_schema)


def _demo(arguments: argparse.Namespace) -> None:
    from microexpr.stages import demo
    from microexpr.threads import limit_threads

    limit_threads(1)
    demo.run(Config.load(arguments.config), arguments.folder, arguments.subjects, arguments.done)


def _verify(arguments: argparse.Namespace) -> None:
    from microexpr.cache import verify

    for path in arguments.file:
        print(f"{verify(path)}  {path}")


def _show(arguments: argparse.Namespace) -> None:
    from microexpr.evaluation.show import print_table

    print_table(arguments.table)


def _schema(arguments: argparse.Namespace) -> None:
    from microexpr import reference, schema

    schema.write(arguments.folder / "workflow" / "schemas")
    reference.write(arguments.folder / "config" / "README.md")
