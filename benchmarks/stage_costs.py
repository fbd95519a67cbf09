"""What a stage costs: wall and CPU seconds, peak memory and bytes on disk of its process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microexpr.pipeline.environment import MALLOC

MB = 1e6
FPS = 100.0
COUNTER = 100_000  # of a clip's first frame


@dataclass(frozen=True)
class Cost:
    """One run of one stage.

    Parameters
    ----------
    wall_s, cpu_s : float
        CPU seconds are those of all its threads, in user and system mode.
    peak_bytes : int
        Largest resident memory of the process, as the kernel counted it.
    disk_bytes : int
        Size of what it wrote.
    frames : int
        Of the data set.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    disk_bytes: int
    frames: int

    @classmethod
    def of_rounds(cls, runs: Sequence[Cost]) -> Cost:
        """Take the fastest of equal runs, in wall and in CPU seconds, and the largest peak."""
        return cls(
            min(run.wall_s for run in runs),
            min(run.cpu_s for run in runs),
            max(run.peak_bytes for run in runs),
            max(run.disk_bytes for run in runs),
            runs[0].frames,
        )

    def row(self) -> str:
        """Return cells of a table: frames/s, CPU s, peak MB, MB on disk."""
        return (
            f"{self.frames / self.wall_s:.0f} | {self.cpu_s:.1f} | "
            f"{self.peak_bytes / MB:.0f} | {self.disk_bytes / MB:.1f}"
        )


HEADER = "frames/s | CPU s | peak MB | MB on disk"


def measure(stage: Sequence[object], output: Path, *, frames: int, folder: Path) -> Cost:
    """Run ``python -m microexpr stage ...`` in a folder, with one thread and what jobs inherit.

    The caller must be small itself: until a child runs its own program it counts as its parent.

    Parameters
    ----------
    stage : sequence
        The stage, and its options.
    output : Path
        The file it writes.
    frames : int
        Of the data set.
    folder : Path
        Where it runs; its ``config.yaml`` is the configuration.
    """
    command = [sys.executable, "-m", "microexpr", "stage", *map(str, stage)]
    command += ["--config", "config.yaml"]
    log = folder / "stage.log"
    os.sync()  # what an earlier run left to be written is not this one's wall time
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=file,
            stderr=file,
            env=dict(os.environ, OMP_NUM_THREADS="1", **{k: str(v) for k, v in MALLOC.items()}),
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{stage[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
    return Cost(
        time.perf_counter() - start,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        (folder / output).stat().st_size,
        frames,
    )


def write_config(folder: Path, **sections: Any) -> None:
    """Write ``config.yaml``; JSON is YAML."""
    (folder / "config.yaml").write_text(json.dumps(sections), encoding="utf-8")


def draw_faces(folder: Path, *, subjects: int, clips_per_class: int, frames: int) -> list[Path]:
    """Draw clips with the demo's generator, 640x480 px at 100 fps, and return their folders."""
    folder.mkdir(parents=True, exist_ok=True)
    lengths = dict.fromkeys(("min_frames", "median_frames", "max_frames"), frames)
    settings = {"subjects": subjects, "clips_per_class": clips_per_class, **lengths}
    write_config(folder, demo=settings)
    command = [sys.executable, "-m", "microexpr", "demo", "tree", "--config", "config.yaml"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return sorted((folder / "tree/SMIC_all_raw/HS").glob("s*/micro/*/*"), key=_natural)


def _natural(clip: Path) -> tuple[int, str]:
    return int(clip.parents[2].name[1:]), clip.name


def link_clip(frames: Sequence[Path], root: Path, clip: Path) -> None:
    """Make a clip of SMIC's layout below `root` from links to frames, in their order.

    Parameters
    ----------
    frames : sequence of Path
        Images; one may occur many times.
    root : Path
        Becomes ``data.root``.
    clip : Path
        A clip's folder whose subject, class and name are taken over.
    """
    folder = root / "SMIC_all_raw/HS" / clip.parents[2].name / "micro" / clip.parent.name
    folder = folder / clip.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        (folder / f"image{COUNTER + number}{frame.suffix}").symlink_to(frame.absolute())


def images(clip: Path) -> list[Path]:
    """List the frames of a clip that the generator wrote, in order of time."""
    return sorted(clip.glob("*.png"), key=lambda path: int(path.stem.removeprefix("image")))
