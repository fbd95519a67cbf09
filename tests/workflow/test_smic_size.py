"""A data set of the size of SMIC-HS: the jobs it takes, and the time to plan them."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from project import Project, job_counts
from release_trees import smic_tree

pytestmark = pytest.mark.workflow
SUBJECTS, METHODS = 16, 4


def cpu_s() -> float:
    """CPU seconds of the processes started and ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def dry_run(project: Project, extra: str) -> dict[str, int]:
    (project.folder / "extra.yaml").write_text(extra)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run"]
    files = ("config/smic_hs.yaml", "extra.yaml")
    done = subprocess.run(
        [*command, "--configfile", *files, "--", "results/table.csv"],
        cwd=project.folder,
        env=project.environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return job_counts(done.stdout)


def test_smic_hs_is_planned_in_seconds_and_a_new_n_adds_training_only(project):
    smic_tree(project.folder / "SMIC/SMIC_all_raw")
    # Planning asks for the file, and takes its checksum.
    (project.folder / "weights").mkdir()
    (project.folder / "weights/resnet50_ft_weight.pkl").write_bytes(b"")
    # As pip does once, when it installs.
    compiling = (sys.executable, "-m", "compileall", "-q", project.folder / "src")
    subprocess.run(compiling, check=True)
    before = cpu_s()
    planned = dry_run(project, "{}")
    spent = [cpu_s() - before]
    assert planned == {
        "index": 1,
        "split": 1,
        "decode": SUBJECTS,
        "crop": SUBJECTS,
        "magnify": SUBJECTS * (METHODS - 1),  # none: the crops themselves
        "features": SUBJECTS * METHODS,
        "train": METHODS * SUBJECTS,  # one fold a job, with all N
        "train_controls": METHODS * SUBJECTS,
        "evaluate": 1,
    }
    another = dry_run(project, "windows: {n: [7, 8, 9, 10, 11, 12, 13, 14, 15]}")
    spent.append(cpu_s() - before - spent[0])
    assert min(spent) < 10  # of two: another process on the core costs processor time too
    assert another == planned
