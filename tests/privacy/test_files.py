"""Only their owner can read faces and results made from them."""

from __future__ import annotations

import ast
import os
import stat
import subprocess
import sys

import pytest

from microexpr.runtime.files import own_files
from project import ROOT


def open_to_others(folder):
    """List files and folders that another user could read, write or enter."""
    places = [folder, *folder.rglob("*")]
    return [p for p in places if not p.is_symlink() and stat.S_IMODE(p.lstat().st_mode) & 0o077]


@pytest.mark.workflow
def test_all_results_are_their_owners(finished):
    results = finished.folder / "results"
    suffixes = {path.suffix for path in results.rglob("*")}
    assert {".h5", ".csv", ".png", ".log", ".tsv", ".json"} <= suffixes
    assert open_to_others(results) == []


@pytest.mark.workflow
def test_snakemakes_records_are_in_a_closed_folder(finished):
    assert stat.S_IMODE((finished.folder / ".snakemake").stat().st_mode) == 0o700


def test_no_module_can_open_a_connection():
    network = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "boto3"}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert network.isdisjoint(name.split(".")[0] for name in names), path


def test_existing_folders_are_closed(tmp_path):
    (tmp_path / "results").mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        own_files(tmp_path / "results", tmp_path / "absent")
        (tmp_path / "results/new").mkdir()
        (tmp_path / "results/new/file").touch()
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "results") == []


@pytest.mark.slow
def test_the_demo_command_alone_writes_closed_files(tmp_path):
    small = '{"demo": {"clips_per_class": 1, "median_frames": 4, "min_frames": 4, "max_frames": 5}}'
    subprocess.run(
        [sys.executable, "-m", "microexpr", "demo", "faces", "--config", small, "--subjects", "s1"],
        cwd=tmp_path,
        umask=0o022,
        check=True,
    )
    assert list((tmp_path / "faces").rglob("*.png"))
    assert open_to_others(tmp_path / "faces") == []
