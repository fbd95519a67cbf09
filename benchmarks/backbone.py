"""How close the frozen blocks come to the processor's own rate of matrix products, on one thread.

    python benchmarks/backbone.py [--batches 1 2 4 8 16] [--rounds 5] [--json FILE]

A round measures, one right after the other, a product of square float32 matrices and the blocks at
each batch size; shares are taken within a round and the median over rounds is printed. Operations
are counted exactly, two for each multiplication. bfloat16 is measured where the processor has it;
its cost in accuracy is the change of a trained classifier's logits.

Limit: ResNet-50 B1..B8 in float32 reach 70 % at their best batch size. Exit status 1 where missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build
from microexpr.config import Demo, Train, Windows
from microexpr.demo.clip import Portrait, Scenario, frames
from microexpr.demo.identity import Identity
from microexpr.demo.plan import plan
from microexpr.face.transform import whole_frame_transform
from microexpr.protocol import Fold
from microexpr.training.fold import train_fold
from microexpr.training.store import FeatureStore
from microexpr.training.windows import Recipe

CUTS = {"random_resnet50": (8,), "mobilenet_vggface2": (6, 13)}
SIDE = 2048  # of the square matrices
SIZE_PX = 224
LIMIT = 0.70
DTYPES = {"float32": None, "bfloat16": torch.bfloat16}
Blocks = Callable[[torch.Tensor], torch.Tensor]


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def sgemm_flop_s() -> float:
    """Return the rate of a product of square float32 matrices; the faster of two."""
    a = torch.rand(SIDE, SIDE)
    return 2 * SIDE**3 / min(seconds(lambda: a @ a) for _ in range(2))


def blocks(network: Backbone, cut: int, cast: torch.dtype | None) -> Blocks:
    """Compute what the stage does: uint8 faces to the maps of a cut."""

    def run(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast("cpu", cast, enabled=cast is not None):
            return network.front(network.preprocess(images), cut).float()

    return run


def operations(network: Backbone, cut: int) -> int:
    """Return the floating-point operations per frame."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.front(torch.zeros(1, 3, SIZE_PX, SIZE_PX), cut)
    return counter.get_total_flops()


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 itself."""
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512_bf16" in info.read_text(encoding="ascii", errors="ignore")


def rates(name: str, cut: int, batches: list[int], rounds: int) -> list[dict[str, Any]]:
    """Measure frames/s and share of the matrix rate, for each number type and batch size."""
    network = build(name)
    flops = operations(network, cut)
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    kinds = DTYPES if has_bfloat16() else {"float32": None}
    for number in range(rounds + 1):  # the first one warms up
        for kind, cast in kinds.items():
            run, rate = blocks(network, cut, cast), sgemm_flop_s()
            for batch in batches:
                images = torch.zeros(batch, SIZE_PX, SIZE_PX, 3, dtype=torch.uint8)
                frames_s = batch / seconds(partial(run, images))
                if number:
                    sample = frames_s, frames_s * flops / rate
                    found.setdefault((kind, batch), []).append(sample)
    rows = []
    for (kind, batch), samples in found.items():
        frames_s, share = (median(values) for values in zip(*samples, strict=True))
        about = {"network": f"{name} B1..B{cut}", "gflop_per_frame": flops / 1e9}
        rows.append(
            {**about, "numbers": kind, "batch": batch, "frames_s": frames_s, "share": share}
        )
        print(
            f"| {about['network']} | {flops / 1e9:.2f} | {kind} | {batch} | {frames_s:.1f} | "
            f"{share:.0%} |",
            flush=True,
        )
    return rows


def demo_faces() -> dict[str, torch.Tensor]:
    """Draw clips of the demo, uint8 (T, 224, 224, 3): the face alone, shrunk."""
    length = dict.fromkeys(("min_frames", "median_frames", "max_frames"), 16)
    settings = Demo(subjects=4, clips_per_class=1, **length)
    crop, found = whole_frame_transform(400, 400, SIZE_PX), {}
    for clip in plan(settings):
        portrait = Portrait.of(Identity.of(settings.seed, clip.subject_number))
        drawn = frames(Scenario.draw(clip, settings, portrait.who), settings, portrait)
        faces = [torch.from_numpy(crop.apply(frame[None, 40:440, 120:520])) for frame in drawn]
        found[clip.clip_id] = torch.cat(faces)
    return found


def logit_difference(cut: int) -> dict[str, float]:
    """Train on float32 features of three subjects; compare the logits of the fourth's windows."""
    network, clips = build("mobilenet_vggface2"), demo_faces()
    names = list(clips)
    about = {
        "subjects": [name.split("_")[0] for name in names],
        "labels": [["negative", "positive", "surprise"][i % 3] for i in range(len(names))],
    }
    stores = {}
    for kind, cast in DTYPES.items():
        run = blocks(network, cut, cast)
        features = {
            name: torch.cat([run(part) for part in images.split(4)]).half().numpy()
            for name, images in clips.items()
        }
        stores[kind] = FeatureStore.from_arrays(features, **about)
    train, test = tuple(range(len(names) - 3)), tuple(range(len(names) - 3, len(names)))
    recipe = Recipe(
        labels=("negative", "positive", "surprise"),
        n=8,
        feature_mode="onset_difference",
        seed=0,
        windows=Windows(),
        train=Train(),
        clip_decision="mean_softmax",
    )
    model = train_fold(stores["float32"], Fold("s4", train, test), recipe).model
    table = recipe.window_table(stores["float32"])
    windows = torch.cat([torch.from_numpy(table.of(clip)) for clip in test])
    rows, index = torch.unique(windows, return_inverse=True)
    model.classifier.eval()
    with torch.no_grad():
        logits = {
            kind: model.classifier(model.frames(store)(rows), index)
            for kind, store in stores.items()
        }
    exact, rounded = logits["float32"], logits["bfloat16"]
    return {
        "windows": len(exact),
        "largest_logit": float(exact.abs().max()),
        "largest_difference": float((exact - rounded).abs().max()),
        "largest_probability_difference": float(
            (exact.softmax(1) - rounded.softmax(1)).abs().max()
        ),
        "changed_decisions": int((exact.argmax(1) != rounded.argmax(1)).sum()),
    }


def main() -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"load average: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, one thread used")
    print(f"float32 products of {SIDE} x {SIDE}: {sgemm_flop_s() / 1e9:.0f} Gflop/s\n")
    print("| blocks | Gflop per frame | numbers | batch | frames/s | of the matrix rate |")
    print("|---" * 6 + "|")
    rows = [
        row
        for name, cuts in CUTS.items()
        for cut in cuts
        for row in rates(name, cut, arguments.batches, arguments.rounds)
    ]
    if has_bfloat16():
        print(
            "\nbfloat16, trained on float32 features of the demo:", json.dumps(logit_difference(13))
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    judged = [r for r in rows if "resnet50" in r["network"] and r["numbers"] == "float32"]
    best = max(judged, key=lambda row: row["share"])
    held = best["share"] >= LIMIT
    print(
        f"\n{best['network']}: {best['share']:.0%} at batch {best['batch']}, limit {LIMIT:.0%}: "
        f"{'held' if held else 'MISSED'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
