"""Changed code is adopted where a sample gives the same, and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.workflow


def adopt(project):
    return project.microexpr("adopt")


def edit(project, old, new):
    """Replace a text that stands in one module."""
    (path,) = [p for p in project.folder.glob("src/microexpr/**/*.py") if old in p.read_text()]
    path.write_text(path.read_text().replace(old, new, 1))


def results(project):
    """Give the bytes of everything that stages have written, apart from records and logs."""
    folder = project.folder / "results"
    kept = ("logs", "benchmarks", "adopted.json", "run.json")
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in kept
    }


@pytest.fixture
def copy(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


def test_without_a_change_there_is_nothing_to_adopt(copy):
    done = adopt(copy)
    assert done.returncode == 0, done.stderr
    assert "Nothing to adopt" in done.stdout
    assert not (copy.folder / "results/adopted.json").exists()


def test_other_code_with_the_same_values_is_adopted(copy):
    edit(copy, "sigma = 0.5 * np", "sigma = 1 * 0.5 * np")
    edit(copy, "0.999, ", "1 - 0.001, ")
    assert {"crop", "train", "evaluate"} <= set(copy.planned())
    before = results(copy)
    done = adopt(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal: crop (2 samples)" in done.stdout
    assert "equal: train:mobilenet_vggface2 (4 samples)" in done.stdout
    assert copy.planned() == {}
    assert results(copy) == before
    # The caches of the old code are read by the new.
    again = copy.run("--forcerun", "train")
    assert again.returncode == 0, again.stdout + again.stderr
    assert results(copy).keys() == before.keys()


def test_a_changed_filter_constant_is_refused_by_clip_and_amount(copy):
    edit(copy, "{1: 1.0, 2: 0.75}", "{1: 0.9, 2: 0.75}")
    planned, before = copy.planned(), results(copy)
    done = adopt(copy)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith("microexpr adopt: differs: magnify:pmm: results/magnified/pmm/")
    assert "clip s" in line
    assert "values differ, by up to" in line
    assert copy.planned() == planned
    assert results(copy) == before


def test_a_killed_run_goes_on_after_its_samples(copy):
    edit(copy, "0.999, ", "1 - 0.001, ")
    assert adopt(copy).returncode == 0
    (copy.folder / "results/adopted.json").unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "microexpr", "adopt"],
        cwd=copy.folder,
        env=copy.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    progress = copy.folder / ".snakemake/microexpr/adopt.json"
    while process.poll() is None and not progress.exists():
        pass
    process.kill()
    process.wait()
    known = json.loads(progress.read_text())["equal"]
    assert known
    assert not (copy.folder / "results/adopted.json").exists()
    done = adopt(copy)
    assert done.returncode == 0, done.stderr
    assert copy.planned() == {}


def test_another_minor_version_is_noticed_and_adopted(copy):
    record = copy.folder / "results/run.json"
    values = json.loads(record.read_text())
    values["libraries"] = [versions | {"numpy": "1.0.0"} for versions in values["libraries"]]
    record.write_text(json.dumps(values))
    told = copy.run("--dry-run")
    assert "numpy 1.0.0 -> " in told.stderr
    assert copy.planned() == {}
    assert adopt(copy).returncode == 0
    assert "numpy" not in copy.run("--dry-run").stderr
