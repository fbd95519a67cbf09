"""The repository as the Snakemake workflow catalog, other workflows and a bare Snakemake see it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config_reference import COPIES, copied
from microexpr.config import Config
from microexpr.pipeline.environment import SOURCE, TRACE, share_environment
from planner import plan
from project import ROOT, Project, fresh, job_counts

pytestmark = pytest.mark.workflow
SMALLEST = {
    **{"demo": 2, "index": 1, "decode": 2, "crop": 2, "magnify": 2, "features": 4, "split": 1},
    **{"train": 4, "evaluate": 1, "summary": 1, "pages": 1},
}
MODULE = """
configfile: "config/config.yaml"

module microexpr:
    snakefile:
        {snakefile}
    config:
        config
    {more}

use rule * from microexpr{names}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Project:
    """Return a copy of the project. Do not change it, and run nothing in it."""
    return fresh(tmp_path_factory.mktemp("checkout") / "microexpr")


def needed_by(name: str, known: dict[str, Distribution]) -> dict[str, Distribution]:
    """Add a package and all that it requires to those that are known."""
    if (key := canonicalize_name(name)) not in known:
        known[key] = distribution(name)
        for wanted in map(Requirement, known[key].requires or ()):
            if not wanted.marker or wanted.marker.evaluate({"extra": ""}):
                needed_by(wanted.name, known)
    return known


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Python of an environment that holds Snakemake and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in needed_by("snakemake", {}).values():
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(package.locate_file(name))
    return folder / "bin/python"


def snakemake(
    folder: Path, *words: str, python: str | Path = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder."""
    command = [python, "-m", "snakemake", *words]
    environment = os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"} | variables
    if python == sys.executable and "--dry-run" in words:
        return plan(command, folder, environment)
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        timeout=600,
        check=False,
    )


def planned(folder: Path, *words: str, python: str | Path = sys.executable) -> dict[str, int]:
    """Count the jobs that a dry run would start."""
    done = snakemake(folder, "--dry-run", *words, python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    return job_counts(done.stdout)


def deployed(folder: Path, snakefile: str, *, names: str = "", more: str = "") -> Path:
    """Write what snakedeploy writes: configurations, profiles, and a Snakefile with a module."""
    for part in ("config", "profiles"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "config/ci.yaml", folder / "config/config.yaml")
    (folder / "workflow").mkdir()
    text = MODULE.format(snakefile=snakefile, names=names, more=more)
    (folder / "workflow/Snakefile").write_text(text)
    return folder


def test_top_level_holds_what_the_proposal_names():
    for name in ("Snakefile", "workflow", "envs", "src", "config.yaml", "tests"):
        assert (ROOT / name).exists(), name
    assert "/results/" in (ROOT / ".gitignore").read_text().split()


def test_the_catalog_finds_what_it_reads():
    for name in ("workflow/Snakefile", "config/README.md", ".test/config/config.yaml"):
        assert (ROOT / name).is_file(), name
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is usage["software-stack-deployment"]["report"] is True
    profiles = {path.parent.name for path in ROOT.glob("profiles/*/config.yaml")}
    text = (ROOT / "profiles/README.md").read_text()
    assert profiles == {name for name in profiles if f"({name}/config.yaml)" in text}


@pytest.mark.parametrize("name", sorted(COPIES))
def test_copies_of_configurations_are_current(name):
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert committed == copied(name), "run: python tools/config_reference.py"
    assert yaml.safe_load(committed) == yaml.safe_load((ROOT / COPIES[name]).read_text())
    Config.load(str(ROOT / name))


def test_conda_environments_follow_from_the_lock():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools/lock.py")
    lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lock)
    cpu = lock.pinned(ROOT / "requirements-cpu.lock")
    gpu = [*cpu, *lock.pinned(ROOT / "requirements-cuda.lock")]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, pins, build in (("cpu", cpu, "+cpu"), ("gpu", gpu, "")):
        text = (ROOT / f"envs/{name}.yaml").read_text()
        assert text == lock.conda(pins, version, build), "run: make lock"
        (pip,) = [d["pip"] for d in yaml.safe_load(text)["dependencies"] if isinstance(d, dict)]
        assert [line for line in pip if "==" not in line and not line.startswith("--")] == [
            f"${{{SOURCE}}}"
        ]


def test_jobs_find_the_package_and_conda_its_source(monkeypatch, tmp_path):
    for name in ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", TRACE, SOURCE):
        monkeypatch.setenv(name, "before")
    (tmp_path / "src").mkdir()
    share_environment("git+https://git.example.org/lab/microexpr@v1")
    assert os.environ["PYTHONPATH"] == "before"
    share_environment(str(tmp_path))
    share_environment(str(tmp_path))  # the workflow is used twice
    assert os.environ[SOURCE] == str(tmp_path)
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "src"), "before"]
    assert os.environ["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "before"]
    assert os.environ["PYTHONSAFEPATH"] == "1"


def test_in_a_checkout_the_users_config_yaml_counts(project):
    path = project.folder / "config.yaml"
    path.write_text("demo: {subjects: 3, clips_per_class: 1}\ndata: {subjects_per_shard: 1}\n")
    jobs = planned(project.folder, "results/table.csv")
    assert jobs["decode"] == jobs["crop"] == 3
    jobs = planned(project.folder, "--configfile", "config/ci.yaml", "--", "results/table.csv")
    assert jobs["decode"] == 2


def test_the_catalogs_test_run_can_be_planned(checkout):
    folder = checkout.folder
    assert planned(folder, "--directory", ".test") == SMALLEST
    assert planned(folder / ".test", "--snakefile", "../workflow/Snakefile") == SMALLEST
    assert planned(folder, "--snakefile", "workflow/Snakefile", "--directory", ".test") == SMALLEST


def test_a_checkout_runs_its_own_code_and_not_the_installed(project):
    plan = project.folder / "src/microexpr/pipeline/plan.py"
    plan.write_text(plan.read_text() + 'raise RuntimeError("the copy")\n')
    done = snakemake(project.folder, "--dry-run")
    assert done.returncode == 1
    assert "the copy" in done.stdout + done.stderr


def test_another_copy_that_is_loaded_already_is_refused(checkout, tmp_path):
    snakefile = f'"{checkout.folder}/workflow/Snakefile"'
    folder = deployed(tmp_path, snakefile)
    path = folder / "workflow/Snakefile"
    path.write_text("import microexpr\n" + path.read_text())
    done = snakemake(folder, "--dry-run", PYTHONPATH=str(ROOT / "src"))
    assert done.returncode == 1
    said = f"{ROOT}/src/microexpr is loaded already, not {checkout.folder}"
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("packages", ["installed", "absent"])
def test_the_linter_finds_nothing(checkout, bare, packages):
    python = bare if packages == "absent" else sys.executable
    done = snakemake(checkout.folder, "--lint", python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Congratulations" in done.stdout + done.stderr


def test_a_plan_needs_snakemake_alone(checkout, bare):
    for name in ("microexpr", "numpy", "h5py", "torch", "cv2"):
        tried = subprocess.run([bare, "-c", f"import {name}"], capture_output=True, check=False)
        assert f"No module named '{name}'" in tried.stderr.decode()
    targets = ["default", "figures", "explain", "results/comparison.csv", "results/leak/none.csv"]
    for folder in (checkout.folder, checkout.folder / ".test"):
        words = ("--snakefile", str(checkout.folder / "Snakefile"), "--", *targets)
        jobs = planned(folder, *words, python=bare)
        assert jobs["train"] >= SMALLEST["train"]


def test_another_data_set_is_not_indexed_by_a_bare_snakemake(finished, bare, tmp_path):
    folder = finished.copy(tmp_path / "project").folder
    (folder / "extra.yaml").write_text("demo: {subjects: 4}")
    words = ("--configfile", "config/ci.yaml", "extra.yaml", "--", "results/folds.csv")
    done = snakemake(folder, "--cores", "1", *words, python=bare)
    assert done.returncode == 1
    said = "results/manifest.csv: the data set has changed, and indexing it needs OpenCV"
    assert said in done.stdout + done.stderr
    assert "s4" not in (folder / "results/manifest.csv").read_text()


def test_a_deployed_workflow_plans_from_its_own_configuration(checkout, tmp_path):
    folder = deployed(tmp_path, f'"{checkout.folder}/workflow/Snakefile"')
    assert planned(folder) == SMALLEST
    (folder / "config/config.yaml").write_text("demo: {subjects: 1}\ntrain: {chunks: 1}\n")
    assert planned(folder)["demo"] == 1


def test_snakedeploy_deploys_a_checkout(checkout, tmp_path):
    program = shutil.which("snakedeploy")
    if program is None:
        pytest.skip("snakedeploy is not installed (pip install snakedeploy)")
    command = [program, "deploy-workflow", checkout.folder, tmp_path, "--branch", "main"]
    subprocess.run(command, check=True)
    path = tmp_path / "workflow/Snakefile"
    # Of a folder on this disk it writes a path that is relative to that folder.
    wanted = f'"{checkout.folder}/workflow/Snakefile"'
    path.write_text(path.read_text().replace('"workflow/Snakefile"', wanted))
    assert planned(tmp_path, "--configfile", "config/ci.yaml") == SMALLEST


def test_a_module_with_a_prefix_gives_the_same_table(checkout, finished, tmp_path):
    folder = deployed(
        tmp_path,
        f'"{checkout.folder}/workflow/Snakefile"',
        names=" as microexpr_*",
        more='prefix: "some/folder"',
    )
    done = snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    results, theirs = folder / "some/folder/results", finished.folder / "results"
    for name in ("table.csv", "predictions.csv", "manifest.csv"):
        assert (results / name).read_bytes() == (theirs / name).read_bytes()
    # data.root is the user's own and goes unchanged.
    outside = {path for path in (folder / "results").rglob("*") if path.suffix in (".csv", ".h5")}
    assert not outside
    assert planned(folder) == {}
    # Another data set is indexed again, although Snakemake runs no onstart of a module.
    path = folder / "config/config.yaml"
    path.write_text(path.read_text().replace("subjects: 3", "subjects: 4"))
    done = snakemake(folder, "--cores", "1", "--", "some/folder/results/folds.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "s4_ne_01" in (results / "manifest.csv").read_text()
    assert "s4_ne_01" in (results / "folds.csv").read_text()


@pytest.fixture
def hosted(checkout, tmp_path) -> dict[str, str]:
    """Make a repository at a tag, as Snakemake keeps what it has fetched from a Git host."""
    work = checkout.copy(tmp_path / "work").folder
    about = ["-c", "user.name=any", "-c", "user.email=any@example.org"]
    for words in (["init", "-q"], ["add", "."], [*about, "commit", "-qm", "all"], ["tag", "v7"]):
        subprocess.run(["git", *words], cwd=work, check=True)
    cache = tmp_path / "cache"
    place = (
        cache / "snakemake/snakemake/source-cache/snakemake-git-cache/git.example.org/lab/microexpr"
    )
    subprocess.run(["git", "clone", "-q", "--bare", work, place], check=True)
    return {"XDG_CACHE_HOME": str(cache)}


def test_from_a_git_host_it_plans_with_the_installed_package(checkout, bare, hosted, tmp_path):
    snakefile = (
        'github("lab/microexpr", path="workflow/Snakefile", tag="v7", host="git.example.org")'
    )
    folder = deployed(tmp_path / "deployed", snakefile)
    installed = str(checkout.folder / "src")
    done = snakemake(folder, "--dry-run", PYTHONPATH=installed, **hosted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert job_counts(done.stdout) == SMALLEST
    done = snakemake(folder, "--dry-run", python=bare, **hosted)
    assert done.returncode == 1
    source = "git+https://git.example.org/lab/microexpr@v7"
    advice = f"python -m pip install 'microexpr[workflow] @ {source}'"
    assert f"No module named 'microexpr'; {advice}" in done.stdout + done.stderr
