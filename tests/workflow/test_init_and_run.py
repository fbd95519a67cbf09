"""From a wheel, without a checkout: `microexpr init` and `microexpr run` make the table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microexpr.cli import main
from pages import ROOT

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Build the wheel and unpack it beside the libraries of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "source/src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / "source")
    for words in (
        ("wheel", "--no-deps", "--wheel-dir", folder, folder / "source"),
        ("install", "--no-deps", "--no-index", "--find-links", folder, "microexpr"),
    ):
        target = ("--target", folder / "package") if words[0] == "install" else ()
        command = (sys.executable, "-m", "pip", "--quiet", *map(str, (*words, *target)))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "connection" in done.stderr.lower():
            pytest.skip("no package index within reach")
        assert done.returncode == 0, done.stderr
    return folder / "package"


def run(package: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "microexpr", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_study_is_written_and_run_without_a_checkout(package, tmp_path):
    said = run(package, tmp_path, "init", "study")
    assert said.returncode == 0, said.stderr
    study = tmp_path / "study"
    assert {"Snakefile", "config.yaml", "config", "profiles"} == {p.name for p in study.iterdir()}
    words = ("run", "--configfile", "config/ci.yaml", "--cores", "2", "--", "results/table.csv")
    done = run(package, study, *words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(ROOT) not in done.stderr
    shown = run(package, study, "show", "results/table.csv")
    assert "SYNTHETIC DATA" in shown.stdout
    again = run(package, study, *words[:-2], "--dry-run", *words[-2:])
    assert "Nothing to be done" in again.stderr + again.stdout


def test_init_keeps_what_is_there(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("data: {kind: video}\n")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "config.yaml").read_text() == "data: {kind: video}\n"
    assert (tmp_path / "profiles/slurm/config.yaml").is_file()
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_run_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 2
    assert "microexpr init DIR" in capsys.readouterr().err
