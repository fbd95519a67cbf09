"""A clip of 20,000 frames of 640x480 px through decode, crop, magnify and features.

    python benchmarks/long_clip.py [--frames 20000] [--methods pmm] [--filters butterworth]
                                   [--work DIR] [--json FILE]

Three minutes at 100 fps: a demo clip played forward and backward again and again. Needs 18 GB of
disk for the decoded frames and 6 GB for the crops. Limit: no stage takes more than 1.5 GB of
memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path

from stage_costs import HEADER, MB, Cost, draw_faces, images, link_clip, measure, write_config

LIMIT_BYTES = 1.5e9
DRAWN_FRAMES = 34
METHODS = ("amm", "pmm", "filter_only")


def link_long(folder: Path, n_frames: int) -> None:
    """Make a data set of one clip from links to the frames of a short one."""
    clip, *_ = draw_faces(folder / "drawn", subjects=1, clips_per_class=1, frames=DRAWN_FRAMES)
    frames = images(clip)
    there_and_back = [*frames, *frames[-2:0:-1]]
    link_clip(list(islice(cycle(there_and_back), n_frames)), folder / "data", clip)


def settings(temporal_filter: str) -> dict[str, object]:
    """Return the configuration of the run."""
    return {
        "data": {"kind": "smic", "root": "data"},
        "magnify": {"temporal_filter": temporal_filter},
    }


def run(folder: Path, n_frames: int, methods: list[str], filters: list[str]) -> dict[str, Cost]:
    """Return the costs of the stages, in order; remove files that no later stage reads."""
    results = Path("results")
    manifest, frames, faces = (results / n for n in ("manifest.csv", "frames.h5", "faces.h5"))
    magnified, features = results / "magnified.h5", results / "features.h5"
    costs: dict[str, Cost] = {}

    def stage(name: str, command: list[object], output: Path) -> None:
        costs[name] = measure(command, output, frames=n_frames, folder=folder)
        print(f"| {name} | {costs[name].row()} |", flush=True)

    write_config(folder, **settings(filters[0]))
    stage("index", ["index", "--manifest", manifest], manifest)
    decode = ["decode", "--manifest", manifest, "--frames", frames]
    stage("decode", [*decode, "--root", "data", "--subjects", "s1"], frames)
    stage("crop", ["crop", "--frames", frames, "--faces", faces], faces)
    (folder / frames).unlink()
    for temporal_filter in filters:
        write_config(folder, **settings(temporal_filter))
        for method in methods:
            name = f"magnify {method}, {temporal_filter}"
            magnify = ["magnify", "--faces", faces, "--magnified", magnified]
            stage(name, [*magnify, "--method", method], magnified)
    stage("features", ["features", "--images", magnified, "--features", features], features)
    return costs


def main() -> int:
    """Run the stages and print their costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["pmm"])
    parser.add_argument("--filters", nargs="+", default=["butterworth"])
    parser.add_argument("--work", type=Path, help="folder for clip and caches, kept [temporary]")
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        link_long(folder, arguments.frames)
        print(f"one clip of {arguments.frames} frames, 640x480 px")
        print(f"| stage | {HEADER} |\n|---|---|---|---|---|")
        costs = run(folder, arguments.frames, arguments.methods, arguments.filters)
    if arguments.json:
        plain = {name: asdict(cost) for name, cost in costs.items()}
        arguments.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    name, peak = max(((n, c.peak_bytes) for n, c in costs.items()), key=lambda item: item[1])
    held = peak <= LIMIT_BYTES
    print(f"\nlargest peak: {peak / MB:.0f} MB, {name}; limit {LIMIT_BYTES / MB:.0f} MB: ", end="")
    print("held" if held else "MISSED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
