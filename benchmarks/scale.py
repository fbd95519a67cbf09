"""How the pipeline's costs grow with the data set: 1, 2, 4 and 8 eighths of the size of SMIC-HS.

    python benchmarks/scale.py [--sizes 1 2 4 8] [--retrain] [--work DIR] [--json FILE]

Size 8 is SMIC-HS itself: 16 subjects, 164 clips, 5,532 frames of 640x480 px at 100 fps, drawn by
the demo's generator. All subjects of a size lie in one shard, so that each stage sees all clips in
one process. Training has two folds of subjects at each size: leave-one-subject-out trains as many
folds as there are subjects, so its work grows with the square of them whatever the program does.

Bars: twice the frames take at most 2.1 times the time, and no stage's peak memory differs by more
than 10 % from the smallest size to the largest. Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from stage_costs import HEADER, Cost, draw_faces, images, link_clip, measure, write_config

TIME_BAR, MEMORY_BAR = 2.1, 1.10
N = 14
SUBJECTS = 2  # of size 1
# Of four subjects in a row: clips each, and clips that have 34 frames, not 33. Four such groups
# hold 164 clips and 5,532 frames.
CLIPS = (10, 10, 10, 11)
LONG = (8, 7, 7, 8)
DRAWN_FRAMES = 34
FROZEN = {"backbone": "mobilenet_vggface2", "cut": 13}
RETRAINED = {"backbone": "mobilenet_vggface2", "cut": 6, "compression": "none"}


def link_size(clips: list[Path], size: int, root: Path) -> tuple[int, int]:
    """Make the tree of a size; give its clips and frames."""
    n_clips = n_frames = 0
    for number in range(SUBJECTS * size):
        mine = [clip for clip in clips if clip.parents[2].name == f"s{number + 1}"]
        for index, clip in enumerate(mine[: CLIPS[number % 4]]):
            frames = images(clip)[: DRAWN_FRAMES - (index >= LONG[number % 4])]
            link_clip(frames, root, clip)
            n_clips, n_frames = n_clips + 1, n_frames + len(frames)
    return n_clips, n_frames


def commands(subjects: list[str]) -> dict[str, tuple[list[object], Path]]:
    """Command and output of each stage, in order; the workflow's rules run the same commands."""
    results = Path("results")
    manifest, folds, table = (results / f"{name}.csv" for name in ("manifest", "folds", "table"))
    frames, faces, amm, pmm, features = (
        results / f"{name}.h5" for name in ("frames", "faces", "amm", "pmm", "features")
    )
    predictions = results / "train.csv"
    train = ["train", features, "--folds", folds, "--output", predictions, "--method", "pmm"]
    evaluate = ["evaluate", predictions, "--manifest", manifest, "--features", features]
    return {
        "index": (["index", manifest], manifest),
        "split": (["split", manifest, folds], folds),
        "decode": (["decode", manifest, frames, "--subjects", *subjects], frames),
        "crop": (["crop", frames, faces], faces),
        "magnify amm": (["magnify", faces, amm, "--method", "amm"], amm),
        "magnify pmm": (["magnify", faces, pmm, "--method", "pmm"], pmm),
        "features": (["features", pmm, features], features),
        "train": ([*train, "--n", N], predictions),
        "evaluate": (evaluate, table),
    }


def run_size(size: int, clips: list[Path], folder: Path, *, retrain: bool) -> dict[str, Cost]:
    """Costs of all stages at one size."""
    folder.mkdir(parents=True, exist_ok=True)
    n_clips, n_frames = link_size(clips, size, folder / "data")
    print(f"\n## size {size}: {SUBJECTS * size} subjects, {n_clips} clips, {n_frames} frames")
    print(f"| stage | {HEADER} |\n|---|---|---|---|---|")
    found = commands([f"s{number + 1}" for number in range(SUBJECTS * size)])
    runs = [(name, name, False) for name in found]
    if retrain:
        runs += [(name, f"{name}, B7-B13 retrained", True) for name in ("features", "train")]
    costs = {}
    for name, shown, retrained in runs:
        write_config(folder, **settings(retrained=retrained))
        command, output = found[name]
        costs[shown] = measure(command, output, frames=n_frames, folder=folder)
        print(f"| {shown} | {costs[shown].row()} |", flush=True)
    for cache in (folder / "results").glob("*.h5"):
        cache.unlink()
    return costs


def settings(*, retrained: bool) -> dict[str, object]:
    """Configuration of a size."""
    # The training part of the smallest size is ten clips: a batch is the same at each size.
    train = {"batch_clips": 5} | ({"epochs": 1, "windows_per_clip": 1} if retrained else {})
    return {
        "data": {"kind": "smic", "root": "data", "allow": ["short_clips"]},
        "magnify": {"methods": ["pmm"]},
        "windows": {"n": [N]},
        "features": RETRAINED if retrained else FROZEN,
        "train": {"readings": ["onset_difference"], **train},
        "protocol": {"name": "group_kfold", "folds": 2},
        "evaluate": {"controls": []},
    }


def verdict(found: dict[int, dict[str, Cost]]) -> list[str]:
    """Print how costs grow; return what misses its bar."""
    sizes, missed = sorted(found), []
    steps = [(a, b) for a, b in pairwise(sizes) if b == 2 * a]
    print("\n## growth: time for twice the frames, wall (CPU); peak memory, largest over smallest")
    print("| stage | " + " | ".join(f"{a} to {b}" for a, b in steps) + " | memory |")
    print("|---" * (len(steps) + 2) + "|")
    for name in found[sizes[0]]:
        cells = []
        for a, b in steps:
            small, large = found[a][name], found[b][name]
            doubled = 2 * small.frames / large.frames  # sizes differ by nearly, not exactly, 2
            wall, cpu = (
                doubled * getattr(large, kind) / getattr(small, kind)
                for kind in ("wall_s", "cpu_s")
            )
            cells.append(f"{wall:.2f} ({cpu:.2f})")
            if cpu > TIME_BAR or wall > TIME_BAR:
                missed.append(f"{name}, {a} to {b}: wall {wall:.2f}, CPU {cpu:.2f} times the time")
        memory = found[sizes[-1]][name].peak_bytes / found[sizes[0]][name].peak_bytes
        print(f"| {name} | " + " | ".join(cells) + f" | {memory:.2f} |")
        if memory > MEMORY_BAR:
            missed.append(f"{name}: {memory:.2f} times the memory")
    return missed


def main() -> int:
    """Run the sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--retrain", action="store_true", help="also one epoch of B7..B13")
    parser.add_argument("--work", type=Path, help="folder for clips and caches, kept [temporary]")
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        clips = draw_faces(
            folder / "drawn",
            subjects=SUBJECTS * max(arguments.sizes),
            clips_per_class=4,
            frames=DRAWN_FRAMES,
        )
        print(f"load average before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
        found = {
            size: run_size(size, clips, folder / f"size{size}", retrain=arguments.retrain)
            for size in arguments.sizes
        }
    print(f"load average after: {os.getloadavg()[0]:.1f}")
    missed = verdict(found)
    if arguments.json:
        plain = {size: {k: asdict(v) for k, v in costs.items()} for size, costs in found.items()}
        arguments.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    print("\nbars missed: " + ("; ".join(missed) if missed else "none"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
