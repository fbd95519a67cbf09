"""The jobs behind the results that are there, and which of them changed code alone makes stale."""

import csv
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from microexpr import stages
from microexpr.config import Config
from microexpr.config.base import Settings
from microexpr.errors import DataError
from microexpr.pipeline import layout, record
from microexpr.pipeline.record import Run
from microexpr.runtime.files import write_json
from microexpr.studies import STUDIES

# Targets beside those of studies, by a file that is there when they were made.
TARGETS = {
    layout.SUMMARY: "all",
    layout.TABLE: layout.TABLE,
    layout.FIGURE: "figures",
    layout.REGIONS: "explain",
    layout.MODEL: layout.MODEL,
}
CURRENT = "no update"


@dataclass(frozen=True)
class Job:
    """A command of the workflow, as a shell takes it, and the files that it has made."""

    command: str
    outputs: tuple[str, ...]

    @cached_property
    def words(self) -> list[str]:
        """The words of the command from the stage's name on, without the log."""
        words = shlex.split(self.command)
        words = words[words.index("stage") + 1 :]
        return words[: words.index(">")] if ">" in words else words

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.words[0]

    @cached_property
    def options(self) -> dict[str, list[str]]:
        """The words that belong to each option; some options stand alone."""
        found: dict[str, list[str]] = {}
        for word in self.words[1:]:
            if word.startswith("--"):
                name = word.removeprefix("--")
                found[name] = []
            else:
                found[name].append(word)
        return found

    def option(self, name: str) -> str:
        """Return the word that belongs to an option; empty where it is not given."""
        return "".join(self.options.get(name, [])[:1])

    @cached_property
    def settings(self) -> Settings:
        """What it reads of the configuration."""
        stage = stages.declared(self.stage)
        chosen = {name: self.option(name) or name in self.options for name in stage.decisive}
        return stage.settings.of(Config.load(self.option("config")), **chosen)

    @property
    def code(self) -> str:
        """Name of the code that the job uses, see :func:`microexpr.pipeline.record.codes`."""
        method, system = self.option("method"), self.option("system")
        return record.code_of(self.stage, self.settings, method=method, system=system).name


def current_jobs(run: Run) -> list[Job]:
    """List the jobs whose results are up to date with the configuration of a run."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        write_json(config, dict(run.config))
        command = [sys.executable, "-P", "-m", "snakemake", "--detailed-summary", "--nolock"]
        command += ["--configfile", str(config), "--", *targets()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DataError(f"snakemake cannot plan: {said[-1] if said else done.returncode}")
    summary = done.stdout[done.stdout.index("output_file\t") :].splitlines()
    outputs: dict[str, list[str]] = {}
    waiting: set[str] = set()
    for row in csv.DictReader(summary, delimiter="\t"):
        command_line = row["shellcmd"] or ""
        if re.search(r"-m microexpr stage \w", command_line):
            outputs.setdefault(command_line, []).append(row["output_file"])
            if row["plan"] != CURRENT:
                waiting.add(command_line)
    return [Job(c, tuple(files)) for c, files in outputs.items() if c not in waiting]


def targets() -> list[str]:
    """Return what a project has made so far: names that Snakemake takes."""
    every = TARGETS | {study.target: study.target for study in STUDIES.values()}
    made = [target for file, target in every.items() if Path(file).is_file()]
    return made or ["caches"]
