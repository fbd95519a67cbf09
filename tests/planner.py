"""Dry runs without the time that Snakemake takes to be imported.

This module imports nothing of the package: a plan has to load the copy that it is made in.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (str(ROOT / "tests"), str(ROOT / "benchmarks"))
# Snakemake is imported once, in a process of its own that imports nothing of this package: plans
# are made in copies of that process.
PLANNERS = multiprocessing.get_context("forkserver")
PLANNERS.set_forkserver_preload(["snakemake.cli"])


def plan(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m snakemake --dry-run ...`` in a copy of a process that has imported it."""
    assert tuple(command[:3]) == (sys.executable, "-m", "snakemake")
    with tempfile.TemporaryDirectory() as shown:
        streams = (Path(shown) / "out", Path(shown) / "err")
        process = PLANNERS.Process(
            target=_snakemake, args=(list(command[3:]), folder, dict(environment), streams)
        )
        process.start()
        process.join(timeout=600)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, 600)
        out, err = (path.read_text() for path in streams)
    return subprocess.CompletedProcess(command, process.exitcode, out, err)


def _snakemake(
    words: list[str], folder: Path, environment: dict[str, str], streams: tuple[Path, Path]
) -> None:
    """Become the process that a shell would have started."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    added = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [str(folder), *filter(None, added), *filter(_installed, sys.path)]
    sys.argv = ["snakemake", *words]
    try:
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _installed(entry: str) -> bool:
    """Tell whether an entry of the path is Python's own, and not a folder of the tests."""
    return not (entry in ("", str(ROOT)) or entry.startswith(TESTS))
