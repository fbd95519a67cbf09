"""Commands for a project of one's own: write its folder, and run the workflow in it."""

import argparse
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import microexpr
from microexpr.cli.options import Commands, between, new_command
from microexpr.errors import ConfigError, DataError

SNAKEFILE = '''\
"""The workflow of the installed package microexpr, with the config.yaml of this folder."""

from microexpr.cli.project import packaged

CONFIGFILE = "config.yaml"


include: packaged("workflow/Snakefile")


rule default:
    default_target: True
    input:
        rules.all.input,
'''
AFTER_INIT = """\
example: microexpr init study && cd study && microexpr run results/table.csv

The folder then holds config.yaml (all keys with their defaults: the generated demo), presets of the
data sets in config/, profiles for clusters, and a Snakefile of a few lines: snakemake works there
as well as microexpr run. Files that are there stay as they are."""
AFTER_RUN = """\
examples:
  microexpr run                                            everything that is shown by default
  microexpr run --configfile config/smic_hs.yaml -- results/table.csv
  microexpr run --dry-run -- figures                       what would be done
  microexpr run -- --workflow-profile profiles/slurm results/table.csv

Words after -- go to Snakemake as they are: targets, and options that are not listed here."""


LONG_S = 24 * 3600.0
ESTIMATE = """\
Estimate jobs, disk and time of each stage up to results/table.csv, on this machine, with its GPU
where there is one. Each stage works on one clip of the data set, and training on a few, which takes
some seconds to some minutes; nothing in results changes. Nested
choices (select) and placebos are not counted."""


def packaged(name: str) -> str:
    """Return the path of a file or folder of the workflow, its presets or profiles.

    In a checkout there are links to where they lie.
    """
    return str((Path(microexpr.__file__).parent / "project" / name).resolve())


def add_commands(commands: Commands) -> None:
    """Register ``init``, ``run`` and ``estimate``."""
    raw = argparse.RawDescriptionHelpFormatter
    text = "write the folder of a study: configuration, presets, profiles"
    how = {"epilog": AFTER_INIT, "formatter_class": raw, "description": f"{text.capitalize()}."}
    init = new_command(commands, "init", _init, text, **how)
    init.add_argument("folder", type=Path, metavar="DIR", help="made where it is missing")
    text = "run the workflow of this folder, up to a table, figures or a report"
    about = f"{text.capitalize()}: Snakemake with this package's defaults."
    how = {"epilog": AFTER_RUN, "formatter_class": raw, "description": about}
    add = new_command(commands, "run", _run, text, **how).add_argument
    add("target", nargs="*", help="files or rules, such as results/table.csv, figures, explain")
    add("--configfile", nargs="+", metavar="FILE", help="laid over config.yaml")
    add("--cores", type=between(int, 1, 4096), help="at once [all of this machine]")
    add("--dry-run", "-n", action="store_true", help="only say what would run")
    text = "say what results/table.csv will cost on this machine: jobs, disk, time"
    estimate = new_command(commands, "estimate", _estimate, text, description=ESTIMATE)
    add = estimate.add_argument
    add("--configfile", nargs="+", type=Path, default=[], help="laid over config.yaml, as for run")
    add("--cores", type=between(int, 1, 4096), help="at once [all of this machine]")


def _init(arguments: argparse.Namespace) -> None:
    folder = arguments.folder
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is no folder")
    if (folder / "workflow/Snakefile").exists():
        raise DataError(f"{folder}: holds a workflow already; run it there: microexpr run")
    written = []
    for source, name in _files():
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(name)
    if not (folder / "Snakefile").exists():
        (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
        written.append("Snakefile")
    print(f"{folder}: {len(written)} files written; next: cd {folder} && microexpr run")


def _files() -> list[tuple[Path, str]]:
    """Return the files of a study, and their names in its folder."""
    presets, profiles = Path(packaged("config")), Path(packaged("profiles"))
    found = [(presets / "config.yaml", "config.yaml")]
    found += [(p, f"config/{p.name}") for p in sorted(presets.glob("*.yaml")) if p != found[0][0]]
    names = [(p, p.relative_to(profiles)) for p in sorted(profiles.rglob("*.yaml"))]
    return found + [(path, f"profiles/{name}") for path, name in names]


def _run(arguments: argparse.Namespace) -> None:
    if not any(Path(name).is_file() for name in ("Snakefile", "workflow/Snakefile")):
        raise ConfigError("there is no Snakefile here; microexpr init DIR writes a project")
    if find_spec("snakemake") is None:
        raise ConfigError("run needs Snakemake: pip install 'microexpr[workflow]'")
    words = [sys.executable, "-m", "snakemake"]
    if not any(word.startswith(("--workflow-profile", "--profile")) for word in arguments.target):
        words += ["--cores", str(arguments.cores or "all")]
    if arguments.dry_run:
        words.append("--dry-run")
    if arguments.configfile:
        words += ["--configfile", *arguments.configfile, "--"]
    sys.stdout.flush()
    os.execv(sys.executable, [*words, *arguments.target])


def _estimate(arguments: argparse.Namespace) -> None:
    from rich.table import Table

    from microexpr.backbones.networks import NETWORKS
    from microexpr.cli.show import console
    from microexpr.config import overlaid, read_yaml
    from microexpr.estimate import estimate
    from microexpr.pipeline.plan import Plan
    from microexpr.runtime.progress import duration

    own = [p for p in (Path("config.yaml"), Path("config/config.yaml")) if p.is_file()]
    if not own:
        raise ConfigError("there is no config.yaml here; microexpr init DIR writes a project")
    values = overlaid({}, *map(read_yaml, [own[0], *arguments.configfile]))
    plan, cores = Plan(values), arguments.cores or os.cpu_count() or 1
    costs, seconds = estimate(plan, cores)
    table = Table("stage", "jobs", "time, one core", "disk")
    for cost in costs:
        size = f"{cost.disk_bytes / 1e6:,.0f} MB" if cost.disk_bytes else ""
        table.add_row(cost.stage, str(cost.jobs), duration(cost.seconds), size)
    console().print(table)
    disk = sum(cost.disk_bytes for cost in costs) / 1e9
    network = NETWORKS[plan.config.features.backbone]
    if seconds > LONG_S and plan.config.features.cut < network.blocks:
        print(
            f"Most of it is the fine-tuning of blocks: with features.cut: {network.blocks}, or the "
            "MobileNet of config/smic_hs_cpu.yaml, only the Bi-LSTM is trained, in minutes"
        )
    print(f"results/table.csv: about {duration(seconds)} on {cores} cores, {disk:.1f} GB of disk")
