"""kill -9 of the whole run and of each stage's job: the same table, nothing computed twice."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from microexpr.cache import verify

pytestmark = pytest.mark.workflow
TABLES = ("table.csv", "metrics.csv", "predictions.csv", "comparisons.csv", "confusion.csv")
STAGES = ["index", "demo", "decode", "crop", "magnify", "features", "split", "train", "evaluate"]
SECTION = "Killed"


def longest_jobs(results: Path) -> dict[str, float]:
    """Seconds of each stage's longest job in a finished run."""
    folder = results / "benchmarks"
    times = {stage: list(folder.glob(f"{stage}*/**/*.tsv")) for stage in STAGES}
    times = {stage: found or [folder / f"{stage}.tsv"] for stage, found in times.items()}
    return {
        stage: max(pd.read_csv(file, sep="\t")["s"].max() for file in found)
        for stage, found in times.items()
    }


@pytest.fixture(scope="module")
def killed(finished, tmp_path_factory):
    """Return a run of which everything was killed once, and when its first crop was written."""
    project = type(finished)(tmp_path_factory.mktemp("killed") / "project")
    shutil.copytree(finished.folder, project.folder, ignore=shutil.ignore_patterns("results", ".*"))
    notes = project.folder / "notes"
    notes.mkdir()
    (notes / "longest.json").write_text(json.dumps(longest_jobs(finished.folder / "results")))
    shutil.copy(
        Path(__file__).with_name("sitecustomize_of_jobs.py"),
        project.folder / "src/sitecustomize.py",
    )
    (project.folder / "extra.yaml").write_text("{}")
    environment = project.environment() | {"OMP_NUM_THREADS": "7"}  # the rules' own number wins
    written = _kill_everything(project, environment)
    # One core now: finished was made with two.
    done = subprocess.run(
        project.command("--retries", "2", "--cores", "1"),
        cwd=project.folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return project, written


def _kill_everything(project, environment) -> dict[Path, int]:
    """Kill Snakemake and its jobs when the first crop is done; give the times of the crops."""
    process = subprocess.Popen(
        project.command("--retries", "2"),
        cwd=project.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not recorded(project) or not (project.folder / "notes/killed.crop").exists():
        assert process.poll() is None, "finished before it was killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for started in (project.folder / "notes").glob("started.*"):
        # A stage's first job never ends by itself: one that was running was killed with all.
        started.with_name(f"killed{started.suffix}").touch()
    written = recorded(project)
    # Snakemake's own lock outlives a kill; its message says so, and the README too.
    locked = project.run()
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout + locked.stderr
    assert project.run("--unlock").returncode == 0
    assert not (project.folder / "results/table.csv").exists()
    return written


def recorded(project) -> dict[Path, int]:
    """Give the times of the crops that Snakemake knows to be finished.

    A file can be there before: when the job has ended and Snakemake has not seen it yet.
    """
    books = project.folder / ".snakemake"
    found = {}
    for path in (project.folder / "results/faces").glob("[!.]*.h5"):
        name = base64.urlsafe_b64encode(f"results/faces/{path.name}".encode()).decode()
        if (books / "metadata" / name).exists() and not (books / "incomplete" / name).exists():
            found[path] = path.stat().st_mtime_ns
    return found


def jobs(project) -> list[dict]:
    return [json.loads(path.read_text()) for path in (project.folder / "notes").glob("job.*")]


def test_the_table_is_that_of_an_undisturbed_run(finished, killed, fault_row):
    """Also: two cores and one core, twice, give the same bytes."""
    project, _ = killed
    for stage in STAGES:
        assert (project.folder / "notes" / f"killed.{stage}").exists(), f"{stage} was not killed"
    for name in TABLES:
        undisturbed = (finished.folder / "results" / name).read_bytes()
        assert (project.folder / "results" / name).read_bytes() == undisturbed, name
    for path in (finished.folder / "results").rglob("*.h5"):
        again = project.folder / path.relative_to(finished.folder)
        assert verify(again) == verify(path), path.name
    fault_row(
        SECTION,
        f"kill -9 of a run's jobs, of each stage one ({', '.join(STAGES)})",
        "the job fails, Snakemake removes its output; `--retries` or the same command continues",
        1,
        "that job",
    )
    fault_row(
        SECTION,
        "kill -9 of Snakemake and all jobs",
        "the next run says that the folder is locked; `snakemake --unlock`, then the same command",
        1,
        "the jobs that ran",
    )


def test_finished_shards_are_not_computed_again(finished, killed):
    project, written = killed
    assert written
    for path, time_ns in written.items():
        assert path.stat().st_mtime_ns == time_ns, path.name
    runs = Counter(_output(job["arguments"]) for job in jobs(project))
    planned = len(list((finished.folder / "results/benchmarks").rglob("*.tsv")))
    # Each stage's first job ran twice, and the two that were running when all was killed.
    assert planned == len(runs)
    assert runs.total() <= planned + len(STAGES) + 2, runs
    assert max(runs.values()) <= 3, runs


def _output(arguments: list[str]) -> str:
    """Name what a job makes: its command line without settings."""
    kept = arguments[arguments.index("stage") + 1 :]
    # Decode has none: where the data set lies is no setting of its result.
    return " ".join(kept[: kept.index("--config")] if "--config" in kept else kept)


def test_nothing_half_written_is_left(killed):
    project, _ = killed
    results = project.folder / "results"
    left = [p for p in results.rglob(".*") if p.is_file()]
    left += list(results.rglob("*.progress"))
    assert left == []


def test_every_job_is_told_how_many_threads(killed):
    project, _ = killed
    found = jobs(project)
    stages = {job["arguments"][job["arguments"].index("stage") + 1] for job in found}
    assert stages == set(STAGES)
    for job in found:
        assert job["threads"] == ["1", "1", "1"], job["arguments"]


def test_no_job_asks_for_a_network(killed, fault_row):
    project, _ = killed
    assert not list((project.folder / "notes").glob("network.*"))
    fault_row("Machine", "no network", "none: no network is used", 0)
