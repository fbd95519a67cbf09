"""The jobs behind the results that are there, and which of them changed code alone makes stale."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microexpr import stages
from microexpr.config import Config
from microexpr.config.base import Settings
from microexpr.errors import DataError
from microexpr.fingerprints.code import CANDIDATE
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
    """A command of the workflow whose results are there.

    Parameters
    ----------
    command : str
        As a shell takes it, its log included.
    outputs : tuple of str
        Files that it makes.
    """

    command: str
    outputs: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The words of the command from the stage's name on, without the log."""
        words = shlex.split(self.command)
        words = words[words.index("stage") + 1 :]
        return words[: words.index(">")] if ">" in words else words

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.words[0]

    def option(self, name: str) -> list[str]:
        """Return the words that belong to an option; none where it is not given."""
        words = self.words
        if name not in words:
            return []
        rest = words[words.index(name) + 1 :]
        return rest[: next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))]

    def path(self, name: str) -> Path:
        """Return the file that an option names."""
        return Path(self.option(name)[0])

    @property
    def settings(self) -> Settings:
        """What it reads of the configuration."""
        stage = stages.declared(self.stage)
        chosen: dict[str, object] = {}
        for name in stage.decisive:
            words = self.option(f"--{name}")
            chosen[name] = words[0] if words else f"--{name}" in self.words
        return stage.settings.of(Config.load(self.option("--config")[0]), **chosen)

    @property
    def code(self) -> str:
        """Name of the code that the job uses, see :func:`microexpr.pipeline.record.codes`."""
        options = {name: "".join(self.option(f"--{name}")[:1]) for name in ("method", "system")}
        return record.code_of(self.stage, self.settings, **options).name


def current_jobs(run: Run, adopted: Mapping[str, Mapping[str, str]]) -> list[Job]:
    """List the jobs whose results would be up to date if some code were adopted.

    Parameters
    ----------
    run : Run
        Its configuration is planned with.
    adopted : mapping
        Old code by new code, by stage: what ``results/adopted.json`` would hold.

    Raises
    ------
    DataError
        When Snakemake cannot plan.
    """
    with tempfile.TemporaryDirectory() as folder:
        config, candidate = Path(folder) / "config.yaml", Path(folder) / "adopted.json"
        write_json(config, dict(run.config))
        write_json(candidate, {"stages": adopted})
        command = [sys.executable, "-P", "-m", "snakemake", "--detailed-summary", "--nolock"]
        done = subprocess.run(
            [*command, "--configfile", str(config), "--", *targets()],
            env=os.environ | {CANDIDATE: str(candidate)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DataError(f"snakemake cannot plan: {said[-1] if said else done.returncode}")
    return _grouped(done.stdout)


def targets() -> list[str]:
    """Return what a project has made so far: names that Snakemake takes."""
    every = TARGETS | {study.target: study.target for study in STUDIES.values()}
    made = [target for file, target in every.items() if Path(file).is_file()]
    return made or ["caches"]


def _grouped(text: str) -> list[Job]:
    rows = csv.DictReader(text[text.index("output_file\t") :].splitlines(), delimiter="\t")
    outputs: dict[str, list[str]] = {}
    waiting: set[str] = set()
    for row in rows:
        command = row["shellcmd"]
        if not re.search(r"-m microexpr stage \w", command or ""):
            continue
        outputs.setdefault(command, []).append(row["output_file"])
        if row["plan"] != CURRENT:
            waiting.add(command)
    return [Job(c, tuple(files)) for c, files in outputs.items() if c not in waiting]


def by_code(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Sort jobs by the code that they use."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.code, []).append(job)
    return found
