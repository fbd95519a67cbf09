"""A disk that is full, results that are read-only, two runs at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
SECTION = "Machine"
STAGES = ["index", "demo", "decode", "crop", "magnify", "features", "split", "train", "evaluate"]


def namespace() -> list[str]:
    """Give the command that starts another one with mounts of its own; skip where there is none."""
    command = ["unshare", "--mount"]
    if os.getuid() != 0:
        command.append("--map-root-user")
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    return command


@pytest.fixture(scope="module")
def seen(finished, tmp_path_factory):
    """What each stage says on a disk that cannot be written to."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk").mkdir()
    program = Path(__file__).with_name("full_disk.py")
    done = subprocess.run(
        [*namespace(), sys.executable, program, folder / "disk"],
        cwd=finished.folder,
        env=finished.environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(seen, stage, fault_row):
    last = ""
    for full in ("nearly", "wholly"):
        result = seen[full][stage]
        if full == "nearly" and stage in ("index", "split", "train", "evaluate"):
            assert result["code"] == 0, result  # a few kilobytes fit
            continue
        assert result["code"] == 2, (full, result)
        last = result["lines"][-1]
        assert last.startswith(f"microexpr {stage}: "), result
        assert last.endswith(": No space left on device"), result
        assert not any("Traceback" in line for line in result["lines"])
        # What earlier stages wrote is there, and nothing of this one.
        assert not [name for name in result["left"] if "/." in f"/{name}" or "out" in name], result
    path = last.partition(": ")[2].partition(": ")[0]
    shown = last.partition(": ")[2].replace(str(Path(path).parent), "results")
    fault_row(SECTION, f"disk full in stage {stage}", shown, 2)


@pytest.mark.parametrize("stage", STAGES)
def test_results_that_are_read_only(seen, stage, fault_row):
    result = seen["read-only"][stage]
    assert result["code"] == 2, result
    assert result["lines"][-1].endswith(": Read-only file system"), result
    assert "out.h5" in result["left"]
    if stage == "decode":
        fault_row(SECTION, "results/ is read-only", "results/out.h5: Read-only file system", 2)


def test_two_runs_at_once(finished, tmp_path, fault_row):
    """The second one says so and touches nothing; the first one ends well."""
    project = finished.copy(tmp_path / "project")
    table = project.folder / "results/table.csv"
    undisturbed = table.read_bytes()
    table.unlink()
    (project.folder / "extra.yaml").write_text("{}")
    first = subprocess.Popen(
        project.command(),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list((project.folder / ".snakemake/locks").glob("*")):
        assert first.poll() is None
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGSTOP)  # it may not be faster than the second one's start
    second = project.run()
    os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode != 0
    text = second.stdout + second.stderr
    assert "Directory cannot be locked" in text, text
    assert first.wait() == 0
    assert table.read_bytes() == undisturbed
    message = "Error: Directory cannot be locked. Please make sure that no other Snakemake process"
    fault_row(SECTION, "two snakemake processes at once", f"{message} ... (the second one)", 1)
