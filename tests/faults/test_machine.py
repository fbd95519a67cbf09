"""Every stage killed, on a full disk and a read-only one; two runs at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microexpr import stages

pytestmark = pytest.mark.workflow
SECTION = "Machine"
CACHES = ("demo", "decode", "crop", "magnify", "features")  # more than the disk holds
TABLES = ("index", "split", "train", "train --inner", "train_controls")
TABLES += ("evaluate", "train_leak")
TABLES += ("tabulate_systems", "tabulate_ablation", "tabulate_noise_floor")
STUDIES = ("train_system", "model")
PICTURES = (
    "figures",
    "quality",
    "embedding",
    "motion",
    "tabulate_leak",
    "tabulate_key_frames",
    "gradcam",
    "explain",
)
PAGES = ("summary", "pages")
BY_HAND = ("magnify a video", "predict")
OTHERS = ("train --models", *BY_HAND)
LONGEST_END_S = 30.0  # on a machine with much else to do
NOISE = ("Traceback", "Exception ignored", "Segmentation", "core dumped")
FULL = ": No space left on device; free space on this disk, or work on another one"
CHANGED = "this file was changed after it was written; delete it and run snakemake again"
# Sealed files that a stage reads, by their names in this run.
SEALED = {
    *("manifest.csv", "folds.csv", "chunk0.csv", "chunk1.csv", "chunk0.epochs.csv", "train.csv"),
    *(
        "evm_tim.csv",
        "best_epoch.csv",
        "rows.csv",
        "redrawn.csv",
        "wrong.csv",
        "leak.csv",
        "clips.csv",
        "config.json",
    ),
    *("table.csv", "metrics.csv", "comparisons.csv", "predictions.csv", "confusion.csv"),
}
STAGES = (*CACHES, *TABLES, *STUDIES, *PICTURES, *PAGES, *OTHERS)


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
    """Record what each stage does when it is killed, and on a disk that cannot be written to."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk").mkdir()
    program = Path(__file__).with_name("every_stage.py")
    done = finished.execute(*namespace(), sys.executable, program, folder / "disk")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def refusal(result, stage: str, reason: str) -> str:
    """Check that a stage ended well; give its message."""
    assert result["code"] == 2, result
    last = result["lines"][-1]
    name = stage.split(maxsplit=1)[0]
    command = name if stage in BY_HAND else f"stage {name}"
    assert last.startswith(f"microexpr {command}: "), result
    assert last.endswith(reason), result
    assert not any("Traceback" in line or "ignored in" in line for line in result["lines"]), result
    return last.partition(": ")[2]


def row_of(message: str) -> str:
    """Spell a message with the folder that a user has."""
    path = message.partition(": ")[0]
    return message.replace(str(Path(path).parent), "results") if "/" in path else message


def test_every_stage_is_tried(seen):
    assert {stage.partition(" ")[0] for stage in STAGES} - {"predict"} == set(stages.NAMES)
    assert all(result["code"] == 0 for result in seen["well"].values()), seen["well"]


@pytest.mark.parametrize("stage", PICTURES)
def test_the_log_of_a_picture_has_no_line_of_a_library(seen, stage):
    """Matplotlib's fonts say each table that they leave out."""
    lines = seen["well"][stage]["lines"]
    own = r"device: CPU|[\w ]+: \d+/\d+ in [\d.]+ s|settings of stage \w+:| *- .*|\w+:|  +\w+:.*"
    assert [line for line in lines if not re.fullmatch(own, line)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage(seen, stage, fault_row):
    """No file is half-written, and the same command again gives those of an undisturbed run."""
    result = seen["killed"][stage]
    assert result["torn"] == [], result
    assert result["code"] == 0, result
    assert result["written"] != []
    assert result["other"] == [], result
    where = "microexpr" if stage in BY_HAND else "stage"
    fault_row(
        "Killed",
        f"kill -9 of {where} {stage} at a random moment",
        "none: the same command continues",
        137,
        "that job",
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_asked_to_end(seen, stage):
    """By Ctrl-C, SIGTERM or SIGHUP: at once, with its own exit code, and nothing half-written."""
    result = seen["interrupted"][stage]
    about = f"MICROEXPR_TEST_SEED={seen['seed']}: {result}"
    # Negative where the process had not begun.
    assert result["code"] in (128 + result["sent"], -result["sent"]), about
    assert result["hidden"] == result["torn"] == [], about
    assert result["took_s"] < LONGEST_END_S, about
    assert not any(word in line for line in result["lines"] for word in NOISE), about


def test_a_stage_that_is_asked_to_end_says_so(seen, fault_row):
    lines = [r["lines"][-1] for r in seen["interrupted"].values() if r["code"] > 0 and r["lines"]]
    assert any(line.endswith(": interrupted") for line in lines), lines
    fault_row(
        "Killed",
        "Ctrl-C, SIGTERM or SIGHUP at a random moment of a command",
        "interrupted",
        "130, 143 or 129",
        "that job",
    )


def test_killed_stages_write_all_that_undisturbed_ones_do(seen):
    written = {name for result in seen["killed"].values() for name in result["written"]}
    given = {"rows.csv", "redrawn.csv", "wrong.csv"}
    assert written == set(seen["made"]) - given - {f"{name}.sha256" for name in given}


def test_a_table_that_was_edited_is_refused_by_every_stage_that_reads_it(seen):
    for result in seen["edited"].values():
        message = refusal(result, result["stage"], f": {CHANGED}")
        assert message == f"{result['path']}: {CHANGED}"
        # Descriptors and finished folds stay, for the next run.
        assert [name for name in result["left"] if ".progress/" not in name] == [], result
    assert {Path(result["path"]).name for result in seen["edited"].values()} == SEALED


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(seen, stage, fault_row):
    """With room for some pages, and with no room at all."""
    result = seen["nearly"][stage]
    if stage in CACHES or result["code"]:
        assert stage not in TABLES, result
        refusal(result, stage, FULL)
    if stage in CACHES:
        assert result["left"] == [], result
    # What is there is whole, or a finished fold that the next run goes on from.
    hidden = [p for p in result["left"] if Path(p).name.startswith(".")]
    assert hidden == [], result
    result = seen["wholly"][stage]
    message = refusal(result, stage, FULL)
    assert result["left"] == ["filler"], result
    where = "microexpr" if stage in BY_HAND else "stage"
    fault_row(SECTION, f"disk full in {where} {stage}", row_of(message), 2)


@pytest.mark.parametrize("stage", STAGES)
def test_results_that_are_read_only(seen, stage, fault_row):
    """The mount is read-only: root, who may write any file, sees it too."""
    result = seen["read-only"][stage]
    reason = ": Read-only file system; work on a disk that can be written to"
    if stage == "magnify a video":  # asks before it starts
        reason = "is no folder that can be written to"
    message = refusal(result, stage, reason)
    assert result["left"] == ["frames.h5"], result
    if stage == "decode":
        fault_row(SECTION, "results/ is read-only", row_of(message), 2)


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
    locks = project.folder / ".snakemake/locks"
    while not any("results/table.csv" in lock.read_text() for lock in locks.glob("*.output.lock")):
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


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end(finished, tmp_path, number, fault_row):
    """No job goes on, no lock stays, nothing half-written is left: the next run needs no help."""
    project = finished.copy(tmp_path / "project")
    shutil.rmtree(project.folder / "results/train")
    (project.folder / "results/table.csv").unlink()
    (project.folder / "extra.yaml").write_text("{}")
    run = subprocess.Popen(
        project.command(),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not _jobs(run.pid):
        assert run.poll() is None
        time.sleep(0.05)
    time.sleep(random.uniform(0, 2))
    # A terminal that is closed tells all of its processes; Snakemake alone is the harder case.
    os.killpg(run.pid, number) if number != signal.SIGHUP else os.kill(run.pid, number)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 128 + number, said
    deadline = time.monotonic() + LONGEST_END_S
    while _jobs(run.pid):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    assert list((project.folder / ".snakemake").glob("locks/*")) == []
    assert [p for p in (project.folder / "results").rglob(".*") if p.is_file()] == []
    if number == signal.SIGHUP:
        message = "the jobs that run end, and no lock stays; the same command continues"
        fault_row(
            "Killed", "SIGHUP to Snakemake (the terminal is closed)", message, 129, "those jobs"
        )


def _jobs(session: int) -> list[str]:
    """Give the jobs of a session that run."""
    seen = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            alive = (process / "stat").read_text().rpartition(")")[2].split()
            if b"microexpr" in words and int(alive[3]) == session and alive[0] != "Z":
                seen.append(process.name)
    return seen
