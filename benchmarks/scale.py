"""How the pipeline's costs grow with the data set: 1, 2, 4 and 8 eighths of the size of SMIC-HS.

    python benchmarks/scale.py [--sizes 1 2 4 8] [--rounds 3] [--until STAGE] [--fine-tune]
                               [--work DIR] [--json FILE]

Size 8 is SMIC-HS itself: 16 subjects, 164 clips, 5,532 frames of 640x480 px at 100 fps, drawn by
the demo's generator. All subjects of a size lie in one shard, so that each stage sees all clips in
one process. Training has two folds of subjects at each size: leave-one-subject-out trains as many
folds as there are subjects, so its work grows with the square of them whatever the program does.

A machine changes its speed from minute to minute. So a stage runs at all sizes one after the other
before the next stage begins, in two rounds and more: until the two fastest runs of each size agree.
The fastest counts; of memory, the largest.

Limits: twice the frames take at most 2.1 times the time, and no stage's peak memory differs by more
than 10 % from the smallest size to the largest. Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

from stage_costs import HEADER, Cost, draw_faces, images, link_clip, measure, write_config

Costs = dict[str, dict[int, Cost]]  # of each stage, of each size

TIME_LIMIT, MEMORY_LIMIT = 2.1, 1.10
AGREE = 1.02  # CPU seconds of the second fastest run over those of the fastest
N = 14
SUBJECTS = 2  # of size 1
# Of four subjects in a row: clips each, and clips that have 34 frames, not 33. Four such groups
# hold 164 clips and 5,532 frames.
CLIPS = (10, 10, 10, 11)
LONG = (8, 7, 7, 8)
DRAWN_FRAMES = 34
FROZEN = {"backbone": "mobilenet_vggface2", "cut": 13}
FINE_TUNED = {"backbone": "mobilenet_vggface2", "cut": 6, "compression": "none"}


def link_size(clips: list[Path], size: int, root: Path) -> tuple[int, int]:
    """Make the tree of a size; return its number of clips and of frames."""
    n_clips = n_frames = 0
    for number in range(SUBJECTS * size):
        mine = [clip for clip in clips if clip.parents[2].name == f"s{number + 1}"]
        for index, clip in enumerate(mine[: CLIPS[number % 4]]):
            frames = images(clip)[: DRAWN_FRAMES - (index >= LONG[number % 4])]
            link_clip(frames, root, clip)
            n_clips, n_frames = n_clips + 1, n_frames + len(frames)
    return n_clips, n_frames


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline; the workflow's rules run the same commands.

    Parameters
    ----------
    name : str
        As it is shown.
    command : list
        After ``microexpr``.
    output : Path
        What it writes.
    fine_tuned : bool
        Whether the configuration asks for fine-tuned blocks.
    read_last : Path or None
        A cache that no later stage reads.
    """

    name: str
    command: list[object]
    output: Path
    fine_tuned: bool = False
    read_last: Path | None = None


def stages(size: int, *, fine_tune: bool) -> list[Stage]:
    """List the stages of a size, in order."""
    results, subjects = Path("results"), [f"s{number + 1}" for number in range(SUBJECTS * size)]
    manifest, folds, table = (results / f"{name}.csv" for name in ("manifest", "folds", "table"))
    frames, faces, amm, pmm, features = (
        results / f"{name}.h5" for name in ("frames", "faces", "amm", "pmm", "features")
    )
    predictions = results / "train.csv"
    listed = ["--manifest", manifest]
    decode = ["decode", *listed, "--frames", frames, "--root", "data", "--subjects", *subjects]
    magnify = ["magnify", "--faces", faces, "--magnified"]
    train = ["train", "--features", features, *listed, "--folds", folds]
    train += ["--predictions", predictions, "--method", "pmm", "--n", N]
    evaluate = ["evaluate", "--predictions", predictions, *listed, "--features", features]
    evaluate += ["--folder", results]
    found = [
        Stage("index", ["index", *listed], manifest),
        Stage("split", ["split", *listed, "--folds", folds], folds),
        Stage("decode", decode, frames),
        Stage("crop", ["crop", "--frames", frames, "--faces", faces], faces, read_last=frames),
        Stage("magnify amm", [*magnify, amm, "--method", "amm"], amm, read_last=amm),
        Stage("magnify pmm", [*magnify, pmm, "--method", "pmm"], pmm),
        Stage("features", ["features", "--images", pmm, "--features", features], features),
        Stage("train", train, predictions),
        Stage("evaluate", evaluate, table),
    ]
    if fine_tune:
        again = [stage for stage in found if stage.name in ("features", "train")]
        found += [replace(s, name=f"{s.name}, B7-B13 fine-tuned", fine_tuned=True) for s in again]
    return found


def link_sizes(clips: list[Path], sizes: list[int], folder: Path) -> dict[int, int]:
    """Make the tree of each size in a folder of its own; return the frames of each."""
    found = {}
    for size in sizes:
        n_clips, found[size] = link_size(clips, size, folder / f"size{size}/data")
        print(f"size {size}: {SUBJECTS * size} subjects, {n_clips} clips, {found[size]} frames")
    return found


def settled(runs: list[Cost]) -> bool:
    """Return whether the two fastest runs agree."""
    fastest = sorted(run.cpu_s for run in runs)[:2]
    return len(fastest) == 2 and fastest[1] <= AGREE * fastest[0]


def run_stage(
    of_sizes: dict[int, Stage], frames: dict[int, int], folder: Path, rounds: int
) -> dict[int, Cost]:
    """Measure a stage at each size, in at most `rounds` rounds; keep its output for the next."""
    runs: dict[int, list[Cost]] = {size: [] for size in of_sizes}
    while len(next(iter(runs.values()))) < rounds and not all(map(settled, runs.values())):
        for size, stage in of_sizes.items():
            root = folder / f"size{size}"
            write_config(root, **settings(fine_tuned=stage.fine_tuned))
            (root / stage.output).unlink(missing_ok=True)
            cost = measure(stage.command, stage.output, frames=frames[size], folder=root)
            runs[size].append(cost)
    costs = {size: Cost.of_rounds(found) for size, found in runs.items()}
    for size, stage in of_sizes.items():
        print(f"| {stage.name} | {frames[size]} | {costs[size].row()} |", flush=True)
        if stage.read_last:
            (folder / f"size{size}" / stage.read_last).unlink()
    return costs


def settings(*, fine_tuned: bool) -> dict[str, object]:
    """Return the configuration of a size."""
    # A fold of the smallest size trains on ten clips: a batch is the same at each size.
    train = {"batch_clips": 5} | ({"epochs": 1, "windows_per_clip": 1} if fine_tuned else {})
    return {
        "data": {"kind": "smic", "root": "data", "allow": ["short_clips"]},
        "magnify": {"methods": ["pmm"]},
        "windows": {"n": [N]},
        "features": FINE_TUNED if fine_tuned else FROZEN,
        "train": {"feature_modes": ["onset_difference"], **train},
        "protocol": {"name": "group_kfold", "folds": 2},
        "evaluate": {"controls": []},
    }


def verdict(found: Costs) -> list[str]:
    """Print how costs grow; return what misses its limit."""
    sizes, missed = sorted(next(iter(found.values()))), []
    steps = [(a, b) for a, b in pairwise(sizes) if b == 2 * a]
    print("\n## growth: time for twice the frames, wall (CPU); peak memory, largest over smallest")
    print("| stage | " + " | ".join(f"{a} to {b}" for a, b in steps) + " | memory |")
    print("|---" * (len(steps) + 2) + "|")
    for name, costs in found.items():
        cells = []
        for a, b in steps:
            small, large = costs[a], costs[b]
            doubled = 2 * small.frames / large.frames  # sizes differ by nearly, not exactly, 2
            wall, cpu = (
                doubled * getattr(large, kind) / getattr(small, kind)
                for kind in ("wall_s", "cpu_s")
            )
            cells.append(f"{wall:.2f} ({cpu:.2f})")
            if cpu > TIME_LIMIT or wall > TIME_LIMIT:
                missed.append(f"{name}, {a} to {b}: wall {wall:.2f}, CPU {cpu:.2f} times the time")
        memory = costs[sizes[-1]].peak_bytes / costs[sizes[0]].peak_bytes
        print(f"| {name} | " + " | ".join(cells) + f" | {memory:.2f} |")
        if memory > MEMORY_LIMIT:
            missed.append(f"{name}: {memory:.2f} times the memory")
    return missed


def main() -> int:
    """Run the sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3, help="at most, of each stage [3]")
    names = [stage.name for stage in stages(1, fine_tune=True)]
    parser.add_argument("--until", choices=names, help="the last stage to run [all]")
    parser.add_argument("--fine-tune", action="store_true", help="also one epoch of B7..B13")
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
        frames = link_sizes(clips, sorted(arguments.sizes), folder)
        print(f"\n| stage | frames | {HEADER} |\n|---|---|---|---|---|---|")
        found: Costs = {}
        plans = [stages(size, fine_tune=arguments.fine_tune) for size in frames]
        for of_all in zip(*plans, strict=True):
            of_sizes, name = dict(zip(frames, of_all, strict=True)), of_all[0].name
            found[name] = run_stage(of_sizes, frames, folder, arguments.rounds)
            if name == arguments.until:
                break
    print(f"load average after: {os.getloadavg()[0]:.1f}")
    missed = verdict(found)
    if arguments.json:
        plain = {name: {k: asdict(v) for k, v in costs.items()} for name, costs in found.items()}
        arguments.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    print("\nlimits missed: " + ("; ".join(missed) if missed else "none"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
