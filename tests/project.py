"""A copy of the project in a folder of its own, to run the workflow in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from microexpr.fingerprints.code import MEMO
from planner import plan

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src", ".test")
# Of the table of a dry run: targets that run nothing, and the sum.
NO_JOBS = ("all", "default", "total")


@dataclass(frozen=True)
class Project:
    """A folder with the workflow and the package in it.

    Parameters
    ----------
    folder : Path
        Where it lies.
    """

    folder: Path

    def environment(self) -> dict[str, str]:
        """Let Snakemake and its jobs import the copy, with one thread each."""
        values = dict(os.environ, PYTHONPATH=str(self.folder / "src"), OMP_NUM_THREADS="1")
        return values | {"PYTHONDONTWRITEBYTECODE": ""}

    def command(self, *arguments: str, target: str = "results/table.csv") -> list[str]:
        """Return the command line; `arguments` come before the configuration files' end."""
        return [
            *(sys.executable, "-m", "snakemake", "--cores", "2"),
            *arguments,
            *("--configfile", "config/ci.yaml", "extra.yaml", "--"),
            *target.split(),
        ]

    def run(
        self, *arguments: str, extra: str = "{}", target: str = "results/table.csv"
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake; `extra` is YAML that wins over config/ci.yaml."""
        (self.folder / "extra.yaml").write_text(extra)
        return self.execute(*self.command(*arguments, target=target))

    def execute(
        self, *command: str | Path, given: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder, with its package; `given` is its standard input."""
        environment = self.environment() | variables
        if command[:3] == (sys.executable, "-m", "snakemake") and "--dry-run" in command:
            return plan(command, self.folder, environment)
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            input=given,
            text=True,
            capture_output=True,
            timeout=800,
            check=False,
        )

    def microexpr(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this project, as a user does."""
        return self.execute(sys.executable, "-m", "microexpr", *words)

    def finish(self, *, extra: str = "{}", target: str = "results/table.csv") -> Project:
        """Run Snakemake to a good end."""
        done = self.run(extra=extra, target=target)
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def planned(self, extra: str = "{}", target: str = "results/table.csv") -> dict[str, int]:
        """Count the jobs of each rule that a dry run would start."""
        done = self.run("--dry-run", extra=extra, target=target)
        assert done.returncode == 0, done.stderr
        return job_counts(done.stdout)

    def copy(self, folder: Path) -> Project:
        """Copy everything, results and their times included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def job_counts(dry_run: str) -> dict[str, int]:
    """Read the number of jobs of each rule from what a dry run prints."""
    text = dry_run.rpartition("Job stats:")[-1]
    counts = dict(re.findall(r"^(\w+) +(\d+)$", text, flags=re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items() if rule not in NO_JOBS}


def fresh(folder: Path) -> Project:
    """Copy the project without any result."""
    for name in PARTS:
        source = ROOT / name
        # With __pycache__, whose times fit: nothing has to be compiled again.
        ignore = shutil.ignore_patterns("*.egg-info", "*.pyc.*")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    if (ROOT / MEMO).is_file():  # spares the first plan two seconds
        (folder / MEMO).parent.mkdir(parents=True)
        shutil.copy(ROOT / MEMO, folder / MEMO)
    return Project(folder)
