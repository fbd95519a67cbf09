"""Commands of a project: its stages, adopting code, demo data, forgetting people."""

import argparse
import logging
import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from microexpr import stages
from microexpr.cli.options import COUNT, Commands, add_machine, new_command
from microexpr.config import Config, default_file
from microexpr.errors import CollectedError, DataError, MicroexprWarning
from microexpr.runtime.notices import plain_warnings
from microexpr.stages import NAMES, Argument, Option, Reads, Stage, Writes

ADOPT = """\
After a change of code that should change no result, such as a moved module, a new name or an
updated library, recompute a sample with the code as it is: one clip per shard and stage, one fold
per training, tables and figures as a whole. Where all samples of a stage are equal to the byte,
note that in results/adopted.json; snakemake then plans nothing for it. No result is written."""
AFTER_ADOPT = """\
example: git pull && microexpr adopt && snakemake --cores 8 results/table.csv

Exit status 2: a stage differs; the line says in which clip and by how much, and snakemake runs it
again. A killed run goes on where it stopped."""
FORGET = """\
Delete from results and .snakemake everything that comes from these subjects, and add them to
data.leave_out. Caches of other subjects stay. See docs/privacy.md."""
AFTER_STAGE = """\
The workflow runs these commands; the log of each job begins with its settings. By hand, such as
on another cache: microexpr stage crop --help"""


def add_stage(commands: Commands) -> None:
    """Register ``stage``."""
    text = "run one stage of the pipeline by hand"
    about = "Run one stage of the pipeline by hand."
    parser = commands.add_parser("stage", help=text, description=about, epilog=AFTER_STAGE)
    names = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    text = "a YAML file, or YAML in one line, such as '{crop: {size_px: 192}}' [%(default)s]"
    for stage in map(stages.declared, NAMES):
        run, about = partial(_run_stage, stage), f"Stage: {stage.help}."
        parser = new_command(names, stage.name, run, stage.help, description=about)
        reads, writes = (parser.add_argument_group(name) for name in ("reads", "writes"))
        groups = {Reads: reads, Writes: writes, Option: parser}
        for name, argument in stage.arguments.items():
            groups[type(argument.mark)].add_argument(f"--{name}", **_of_argument(argument))
        parser.add_argument("--config", default=str(default_file()), help=text)
        add_machine(parser, has_device=stage.device)


def _of_argument(argument: Argument) -> dict[str, Any]:
    mark, required = argument.mark, argument.default is ...
    if argument.type is bool:
        return {"action": "store_true", "help": mark.help}
    several: dict[str, Any] = {"nargs": "+" if required else "*"} if argument.many else {}
    default = "" if required or argument.default in (None, "", ()) else f" [{argument.default}]"
    return several | {
        "type": COUNT if argument.type is int else argument.type,
        "required": required,
        "default": None if required else argument.default,
        "metavar": "VALUE" if isinstance(mark, Option) else "FILE",
        "help": mark.help + default,
    }


def _run_stage(stage: Stage, arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads

    values = {name: getattr(arguments, name) for name in stage.arguments}
    chosen = {name: values[name] for name in stage.decisive}
    settings = stage.settings.of(Config.load(arguments.config), **chosen)
    print(f"settings of stage {stage.name}:\n{settings.text()}", file=sys.stderr, flush=True)
    if stage.device:
        values["device"] = choose_device(arguments.device)
    limit_threads(arguments.threads)
    with plain_warnings():
        stage.run(settings, **values)


def add_commands(commands: Commands) -> None:
    """Register ``adopt``, ``demo`` and ``forget``."""
    text = "keep results under changed code that gives the same"
    how = {"epilog": AFTER_ADOPT, "formatter_class": argparse.RawDescriptionHelpFormatter}
    add = new_command(commands, "adopt", _adopt, text, description=ADOPT, **how).add_argument
    folder = Path("results")
    add("results", nargs="?", type=Path, default=folder, help="of a project [results]")
    about = "Write procedural faces with known micro-expressions, in SMIC's layout."
    text = "write the generated data set"
    add = new_command(commands, "demo", _demo, text, description=about).add_argument
    add("folder", type=Path, help="where SMIC_all_raw and truth are written")
    add("--config", default="{}", help="a YAML file, or YAML in one line [defaults]")
    add("--subjects", nargs="+", metavar="ID", help="only these [all]")
    text = "delete all that was made from a subject, and leave it out from now on"
    add = new_command(commands, "forget", _forget, text, description=FORGET).add_argument
    text = "as given to snakemake; the last one, or config.yaml, gets "
    add("subjects", nargs="+", metavar="SUBJECT", help="as in manifest.csv")
    paths: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "FILE"}
    add("--configfile", **paths, help=f"{text}data.leave_out")
    add("--dry-run", action="store_true", help="list the files, delete nothing")


def _adopt(arguments: argparse.Namespace) -> None:
    from microexpr import adopt
    from microexpr.runtime.resources import limit_threads

    if arguments.results.name != "results" or not arguments.results.is_dir():
        raise DataError(f"{arguments.results}: is no folder 'results' of a project")
    os.chdir(arguments.results.parent)
    limit_threads(1)
    # What stages say of their samples, the run that made the results has said.
    logging.getLogger("microexpr").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore", category=MicroexprWarning):
        outcome = adopt.run()
    if not (outcome.equal or outcome.different or outcome.waiting):
        print("Nothing to adopt: code and libraries are those of the last run.")
    for name, count in outcome.equal.items():
        print(f"equal: {name} ({count} sample{'s'[: count > 1]})")
    for name in outcome.waiting:
        print(f"not compared, there are no results that only its code makes stale: {name}")
    if outcome.different:
        raise CollectedError([f"differs: {n}: {why}" for n, why in outcome.different.items()])


def _demo(arguments: argparse.Namespace) -> None:
    from microexpr.demo.tree import write
    from microexpr.runtime.resources import limit_threads

    limit_threads(1)
    write(arguments.folder, Config.load(arguments.config).demo, arguments.subjects)


def _forget(arguments: argparse.Namespace) -> None:
    from microexpr.privacy.forget import forget

    files, subjects = [default_file(), *arguments.configfile], arguments.subjects
    done = forget(Path.cwd(), files, subjects, dry_run=arguments.dry_run)
    if arguments.dry_run:
        print(*(path.relative_to(Path.cwd()) for path in done.removed), sep="\n")
    would, names = "would be " if arguments.dry_run else "", ", ".join(subjects)
    print(f"{names}: {would}left out from now on (data.leave_out in {files[-1]})")
    print(
        f"{len(done.removed)} files ({done.size / 1e6:.1f} MB) {would}deleted: all that comes from "
        f"{names}, tables and models too; {len(done.kept)} files of others stay"
    )
    for path in done.sources:
        print(f"source data, yours to delete: {path}")
