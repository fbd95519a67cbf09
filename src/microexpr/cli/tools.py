"""Commands that are not stages: demo data, looking into caches, forgetting people, the schema."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel

from microexpr.config import Config, default_file
from microexpr.datasets.manifest import Clip

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
# Files of workflow/schemas, by name.
MODELS: dict[str, type[BaseModel]] = {"config.schema.yaml": Config, "manifest.schema.yaml": Clip}


def add_commands(commands: Commands) -> None:
    """Register the tools."""
    _add_demo(commands)
    verify = commands.add_parser(
        "verify",
        help="check caches and tables against their checksums",
        description="Read caches as a whole and compare them with the checksums stored in them; "
        "compare tables (.csv) and other sealed files with the seal beside them (.sha256).",
    )
    verify.add_argument("file", type=Path, nargs="+")
    verify.set_defaults(run=_verify)

    show = commands.add_parser(
        "show", help="print table.csv", description="Print a table of accuracy against N."
    )
    show.add_argument("table", type=Path)
    show.set_defaults(run=_show)

    _add_forget(commands)

    schema = commands.add_parser(
        "schema",
        help="write the schemas, the reference of all keys and copies of configurations",
        description="Write workflow/schemas and config/README.md from the models; copy config.yaml "
        "to config/config.yaml and config/ci.yaml to .test/config/config.yaml.",
    )
    schema.add_argument("folder", type=Path, help="the project's folder")
    schema.set_defaults(run=_schema)


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="write the generated data set",
        description="Write procedural faces with known micro-expressions, in SMIC's layout.",
    )
    demo.add_argument("folder", type=Path, help="where SMIC_all_raw and truth are written")
    demo.add_argument("--config", default="{}", help="a YAML file, or YAML in one line [defaults]")
    demo.add_argument("--subjects", nargs="+", metavar="ID", help="only these [all]")
    demo.set_defaults(run=_demo)


def _add_forget(commands: Commands) -> None:
    forget = commands.add_parser(
        "forget",
        help="delete all that was made from a subject, and leave it out from now on",
        description="Delete from results and .snakemake everything that comes from these subjects, "
        "and add them to data.leave_out. Caches of other subjects stay. See docs/privacy.md.",
    )
    forget.add_argument("subjects", nargs="+", metavar="SUBJECT", help="as in manifest.csv")
    forget.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="as given to snakemake; the last one, or config.yaml, gets data.leave_out",
    )
    forget.add_argument("--dry-run", action="store_true", help="list the files, delete nothing")
    forget.set_defaults(run=_forget)


def _demo(arguments: argparse.Namespace) -> None:
    from microexpr.demo.tree import write
    from microexpr.runtime.resources import limit_threads

    limit_threads(1)
    write(arguments.folder, Config.load(arguments.config).demo, arguments.subjects)


def _verify(arguments: argparse.Namespace) -> None:
    from microexpr.cache import verify
    from microexpr.runtime.tables import check_seal, seal_of

    for path in arguments.file:
        ours = path.suffix == ".csv" or seal_of(path).exists()
        check = check_seal if ours else verify
        print(f"{check(path)}  {path}")


def _show(arguments: argparse.Namespace) -> None:
    from microexpr.evaluation.tables import print_table

    print_table(arguments.table)


def _forget(arguments: argparse.Namespace) -> None:
    from microexpr.privacy.forget import forget

    files, subjects = [default_file(), *arguments.configfile], arguments.subjects
    project = Path.cwd()
    done = forget(project, files, subjects, dry_run=arguments.dry_run)
    if arguments.dry_run:
        print(*(path.relative_to(project) for path in done.removed), sep="\n")
    would, names = "would be " if arguments.dry_run else "", ", ".join(subjects)
    print(f"{names}: {would}left out from now on (data.leave_out in {files[-1]})")
    print(
        f"{len(done.removed)} files ({done.size / 1e6:.1f} MB) {would}deleted: all that comes from "
        f"{names}, tables and models too; {len(done.kept)} files of others stay"
    )
    for path in done.sources:
        print(f"source data, yours to delete: {path}")


def _schema(arguments: argparse.Namespace) -> None:
    from microexpr.config import reference

    reference.write_all(arguments.folder, MODELS)
