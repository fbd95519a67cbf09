"""Run every stage on a disk that is full, then on one that is read-only; a program of its own.

Started in a mount namespace: ``unshare --mount python full_disk.py FOLDER``. FOLDER becomes a small
disk that is gone when this program ends. The working folder is a finished project. What happened
is printed as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from microexpr.cli import main

CONFIG = ("--config", "config/ci.yaml")
FACES = "results/faces/s3.h5"
FEATURES = [f"results/features/mobilenet_vggface2/none/{s}.h5" for s in ("s1-s2", "s3")]
PARTS = [
    f"results/train/{m}/N{n}/part{p}.csv" for m in ("pmm", "none") for n in (7, 9) for p in (0, 1)
]


def stages(disk: Path, frames: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that writes, with its output on the disk."""
    manifest, folds = "results/manifest.csv", "results/folds.csv"
    out = disk / "out.h5"
    training = ("--folds", folds, "--method", "none", "--n", 7)
    return {
        "index": ["index", disk / "manifest.csv"],
        "demo": ["demo", disk / "demo", "--subjects", "s3"],
        "decode": ["decode", manifest, out, "--subjects", "s3"],
        "crop": ["crop", frames, out],
        "magnify": ["magnify", FACES, out, "--method", "pmm"],
        "features": ["features", FACES, out],
        "split": ["split", manifest, disk / "folds.csv"],
        "train": ["train", *FEATURES, "--output", disk / "p.csv", *training],
        "evaluate": [
            *("evaluate", *PARTS, "--manifest", manifest),
            *("--features", FEATURES[0], "--folder", disk),
        ],
    }


def run(arguments: list[object], log: Path) -> int:
    """Run a command in a child, which ends as any process does; give its exit code."""
    child = os.fork()
    if child == 0:
        sys.stderr = sys.stdout = log.open("w")
        os.dup2(sys.stderr.fileno(), 2)
        sys.exit(main([str(argument) for argument in (*arguments, *CONFIG)]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def clear(disk: Path) -> None:
    """Remove what the stage before left."""
    for path in disk.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def everything(disk: Path, frames: Path, full: str) -> dict[str, dict[str, object]]:
    """Run all stages; give exit code, message and files left of each."""
    found, log = {}, disk.with_name("log")
    for stage, arguments in stages(disk, frames).items():
        if full != "read-only":
            clear(disk)
        if full == "wholly":
            fill(disk)
        code = run(arguments, log)
        lines = [line for line in log.read_text().splitlines() if line]
        left = sorted(str(p.relative_to(disk)) for p in disk.rglob("*") if p.is_file())
        found[stage] = {"code": code, "lines": lines, "left": left}
    return found


def program(disk: Path) -> None:
    # Loaded once for all children.
    import torch  # noqa: F401, PLC0415

    import microexpr.stages.crop  # noqa: PLC0415
    import microexpr.stages.evaluate  # noqa: PLC0415
    import microexpr.stages.features  # noqa: PLC0415
    import microexpr.stages.magnify  # noqa: PLC0415
    import microexpr.stages.train  # noqa: F401, PLC0415

    frames, log = disk.with_name("frames.h5"), disk.with_name("log")
    arguments = ["decode", "results/manifest.csv", frames, "--subjects", "s3"]
    assert run(arguments, log) == 0, log.read_text()
    # The tables fit, no cache does.
    mount("-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk))
    found = {full: everything(disk, frames, full) for full in ("nearly", "wholly")}
    clear(disk)
    (disk / "out.h5").write_text("an older result")
    mount("-o", "remount,ro", str(disk))
    found["read-only"] = everything(disk, frames, "read-only")
    print(json.dumps(found))


if __name__ == "__main__":
    program(Path(sys.argv[1]))
