"""The workflow on a real Slurm: what each job asks for, and that the table is the same."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from node import asked, missing, single_node

from project import fresh
from site_profiles import asks, read_profile, read_rules

PLUGIN = "snakemake_executor_plugin_slurm"
REASON = missing() or ("" if importlib.util.find_spec(PLUGIN) else f"no {PLUGIN} here")
pytestmark = [pytest.mark.workflow, pytest.mark.skipif(bool(REASON), reason=REASON)]

# Without accounting squeue has to be asked. Snakemake asks after these seconds; each time that
# nothing has finished it waits 10 s longer.
QUICK = (
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "5"),
)
# One shard: a Slurm job takes longer to start than these run.
FEW_JOBS = "data: {subjects_per_shard: 3}\n"
# Takes more memory than the profile asks for at first, and less than it asks for then.
GREEDY = """\
rule crop:
    output:
        "done",
    shell:
        "python -c 'import time; taken = b\\"x\\" * (1300 << 20); time.sleep(3)' && touch {output}"
"""


@pytest.fixture(scope="module")
def slurm():
    """Environment in which sbatch talks to a Slurm of the tests' own."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        folder.chmod(0o755)
        with single_node(folder) as environment:
            yield environment
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def run(slurm, tmp_path_factory):
    """Submit the smallest demo, from faces to table, by the profile, beside a greedy job."""
    project = fresh(tmp_path_factory.mktemp("submitted") / "project")
    greedy = project.folder / "greedy"
    greedy.mkdir()
    (greedy / "Snakefile").write_text(GREEDY)
    (project.folder / "extra.yaml").write_text(FEW_JOBS)
    command = [sys.executable, "-m", "snakemake", "--workflow-profile"]
    profile = project.folder / "profiles/slurm"
    environment = slurm | {"PYTHONPATH": str(project.folder / "src"), "OMP_NUM_THREADS": "1"}
    options = dict(env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    beside = subprocess.Popen([*command, profile, *QUICK], cwd=greedy, **options)
    try:
        files = ("--configfile", "config/ci.yaml", "extra.yaml")
        done = subprocess.run(
            [*command, profile, *QUICK, *files, "--", "results/table.csv"],
            cwd=project.folder,
            timeout=700,
            check=False,
            **options,
        )
        said, _ = beside.communicate(timeout=100)
    finally:
        beside.terminate()
        beside.wait()
    assert done.returncode == 0, done.stdout
    assert beside.returncode == 0, said
    return project


@pytest.fixture(scope="module")
def jobs(run, slurm):
    """Return what the jobs of each rule asked Slurm for."""
    found = {}
    for job in asked(slurm):
        rule = re.match(r"rule_([a-z]+)", job["Comment"])[1]
        found.setdefault(rule, []).append(job)
    return found


def memory_mb(job):
    """Memory that a job asked for."""
    return int(re.search(r"mem=(\d+)M", job["TRES"])[1])


def test_the_table_is_that_of_a_local_run(run, finished):
    submitted = (run.folder / "results/table.csv").read_bytes()
    assert submitted == (finished.folder / "results/table.csv").read_bytes()


def test_every_rule_but_the_shortest_is_a_job_of_slurm(jobs):
    counts = {rule: len(found) for rule, found in jobs.items()}
    one = dict.fromkeys(("demo", "decode", "magnify", "evaluate"), 1)
    assert counts == one | {"crop": 1 + 2, "features": 2, "train": 4}


def test_rules_that_use_a_gpu_ask_for_one_and_no_other_rule_does(jobs):
    for rule, found in jobs.items():
        gpu = rule in ("features", "train")
        for job in found:
            assert job["Partition"] == ("gpu" if gpu else "cpu"), rule
            assert job.get("TresPerJob") == ("gres:gpu:1" if gpu else None), rule


def test_memory_and_time_are_those_of_the_profile(jobs, run):
    profile, rules = read_profile("slurm"), read_rules(run)
    for rule, found in jobs.items():
        wanted = asks(profile, rule, own=rules[rule]["own"])
        # The greedy job beside it is called crop as well, and has a test of its own.
        first = next(job for job in found if not job["WorkDir"].endswith("greedy"))
        hours, minutes, _ = map(int, first["TimeLimit"].split(":"))
        # An array gets a megabyte for the program that starts its members.
        assert memory_mb(first) - wanted["mem_mb"] in (0, 1), rule
        assert 60 * hours + minutes == wanted["runtime"], rule


def test_the_parts_of_training_are_an_array(jobs):
    arrays = Counter(job.get("ArrayJobId") for job in jobs["train"])
    assert None not in arrays
    assert min(arrays.values()) >= 2  # those of a method, which become ready together


def test_a_job_that_needs_more_memory_is_tried_again_with_more(jobs):
    greedy = [job for job in jobs["crop"] if job["WorkDir"].endswith("greedy")]
    tries = [(job["JobState"], memory_mb(job)) for job in greedy]
    assert tries == [("FAILED", 1000), ("COMPLETED", 2000)]
