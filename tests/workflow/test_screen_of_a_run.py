"""The screen of a run: a line a job, how far running jobs are, and what failed at the very end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import pytest

pytestmark = pytest.mark.workflow
TARGET = "results/faces/s1-s2.h5 results/faces/s3.h5"
CUT_SHORT = "microexpr stage decode: clip s1_ne_01: frame "


@pytest.fixture
def spoilt(finished, project):
    """Make the demo's files a user's SMIC copy, one image of s1 truncated."""
    shutil.copytree(
        finished.folder / "results/demo/SMIC_all_raw", project.folder / "own/SMIC_all_raw"
    )
    clip = next((project.folder / "own").rglob("s1_ne_01"))
    image = sorted(clip.iterdir())[3]
    image.write_bytes(image.read_bytes()[:3000])
    (project.folder / "extra.yaml").write_text("data: {kind: smic, root: own}")
    return project


def test_a_failed_clip_is_the_last_line_and_the_other_shard_is_made(spoilt):
    done = spoilt.run(extra="data: {kind: smic, root: own}", target=TARGET)
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    assert lines[-1].startswith(CUT_SHORT)
    assert lines[-2].startswith("Jobs: 1 failed, 3 of 5 done in ")
    assert lines[-2].endswith("Logs of failed jobs: results/logs/decode/s1-s2.log")
    told = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines]
    for line in ("started  decode s1-s2", "started  crop s3"):
        assert line in told
    assert re.search(r"^finished crop s3 in \d+ s \(3 of 5\)$", "\n".join(told), re.MULTILINE)
    assert (spoilt.folder / "results/faces/s3.h5").exists()
    # Nothing of Snakemake's own account is lost: it is in its log.
    (log,) = (spoilt.folder / ".snakemake/log").iterdir()
    text = log.read_text()
    for part in ("Snakemake version:", "rule decode:", "(command exited with non-zero exit code)"):
        assert part in text
        assert part not in done.stderr


def test_a_terminal_shows_running_jobs_until_they_end(spoilt):
    shown = on_terminal(spoilt, *spoilt.command(target=TARGET))
    assert "running  crop s3" in shown
    assert "of 5 jobs done, 1 failed" in shown
    screen = replayed(shown)
    assert not [line for line in screen if line.startswith(("running", "started"))]
    assert screen[-1].startswith(CUT_SHORT)
    assert "finished crop s3" in "\n".join(screen)


def test_verbose_and_quiet_are_obeyed(finished, tmp_path):
    copy = finished.copy(tmp_path / "copy")
    (copy.folder / "results/table.csv").unlink()
    loud = copy.run("--verbose")
    assert "rule evaluate:" in loud.stderr
    (copy.folder / "results/table.csv").unlink()
    silent = copy.run("--quiet", "all")
    assert silent.returncode == 0
    assert "evaluate" not in silent.stdout + silent.stderr
    (copy.folder / "results/table.csv").unlink()
    ordinary = copy.run()
    assert ordinary.stderr.splitlines()[-1].startswith("Jobs: 1 of 1 done in ")
    nothing = copy.run()
    assert "Nothing to be done" in nothing.stderr.splitlines()[-1]


def on_terminal(project, *command):
    """Run a command on a terminal of 30 lines and give all that it writes."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment() | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(mine, 65536):
            parts.append(part)
    except OSError:  # the other side has closed it
        pass
    finally:
        os.close(mine)
    process.wait(timeout=60)
    return b"".join(parts).decode()


def replayed(written):
    """Give the lines that a terminal shows in the end."""
    lines = []
    text = re.sub(r"\x1b\[[0-9;]*m", "", written).replace("\r", "")
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", text):
        if up := re.fullmatch(r"\x1b\[(\d+)F\x1b\[J", part):
            del lines[-int(up[1]) :]
        else:
            assert not part or part.endswith("\n")
            lines += part.splitlines()
    return lines
