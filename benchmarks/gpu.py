"""The heavy stages on a GPU, against the CPU and against the measured rates of the chip.

    python benchmarks/gpu.py [--clips 32] [--frames 34] [--size 224]

Prints JSON: milliseconds per clip of AMM and PMM, with the share of measured memory bandwidth and
the largest difference from the CPU; frames/s of ResNet-50 B1..B8 with the share of the measured
matrix rate, for float32, TF32 and bfloat16; seconds of training a fold on each device.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build
from microexpr.config import Train, Windows
from microexpr.magnify import amm, pmm
from microexpr.protocol import Fold
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fold import train_fold
from microexpr.training.store import FeatureStore
from microexpr.training.windows import Recipe

FILTER: dict[str, Any] = {"fps": 100.0, "passband_hz": (0.5, 10.0), "alpha": 10.0}


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Return the median wall time, the device's queue emptied before and after."""
    run()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def chip() -> dict[str, float]:
    """Measure rates: a copy (bytes read and written) and square products."""
    block = torch.empty(1 << 28, device="cuda")
    copy = 2 * block.nbytes / seconds(block.clone)
    rates = {"copy_gb_s": copy / 1e9}
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = torch.randn(8192, 8192, device="cuda", dtype=dtype)
        rates[f"{name}_tflop_s"] = 2 * 8192**3 / seconds(partial(torch.matmul, a, a)) / 1e12
    return rates


def magnification(frames: int, size: int, copy_gb_s: float) -> dict[str, dict[str, float]]:
    """Time AMM and PMM on one clip, and compare with the CPU."""
    clip = torch.rand(frames, size, size, generator=torch.Generator().manual_seed(0))
    there = clip.cuda()
    found = {}
    for name, method in (("amm", amm), ("pmm", pmm)):
        elapsed = seconds(partial(method, there, **FILTER))
        difference = (method(there, **FILTER).cpu() - method(clip, **FILTER)).abs().max()
        found[name] = {
            "ms_per_clip": 1e3 * elapsed,
            # Reading and writing the clip once is the least that any method must move.
            "share_of_bandwidth": 2 * clip.nbytes / elapsed / 1e9 / copy_gb_s,
            "largest_difference": float(difference),
        }
    return found


def features(rates: dict[str, float]) -> dict[str, dict[str, float]]:
    """Time the frozen blocks B1..B8 of ResNet-50 at several precisions."""
    network = build("random_resnet50").cuda()
    images = torch.randint(0, 256, (256, 224, 224, 3), dtype=torch.uint8, device="cuda")
    flops = 2 * _multiplications(network, images[:1])
    exact = network.front(network.preprocess(images[:8]), 8)
    found = {}
    for name, tf32, cast in (
        ("float32", False, None),
        ("tf32", True, None),
        ("bfloat16", True, torch.bfloat16),
    ):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32

        def run(count: int = 256, cast: torch.dtype | None = cast) -> torch.Tensor:
            with torch.inference_mode(), torch.autocast("cuda", cast, enabled=cast is not None):
                return network.front(network.preprocess(images[:count]), 8)

        elapsed = seconds(run) / 256
        error = (run(8).float() - exact).norm() / exact.norm()
        found[name] = {
            "frames_s": 1 / elapsed,
            "share_of_matrix_rate": flops / elapsed / 1e12 / rates[f"{name}_tflop_s"],
            "relative_difference": float(error),
        }
    return found


def _multiplications(network: Backbone, image: torch.Tensor) -> float:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    with FlopCounterMode(display=False) as counter:
        network.front(network.preprocess(image), 8)
    return counter.get_total_flops() / 2


def training(clips: int) -> dict[str, float]:
    """Train one fold on random features on each device."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(clips)]
    store = FeatureStore.from_arrays(
        {name: rng.standard_normal((33, 1024, 1, 1)).astype(np.float16) for name in names},
        subjects=[f"s{i % 8}" for i in range(clips)],
        labels=["negative", "positive", "surprise"] * (clips // 3) + ["negative"] * (clips % 3),
    )
    fold = Fold("s0", tuple(range(8, clips)), tuple(range(8)))
    recipe = Recipe(
        labels=("negative", "positive", "surprise"),
        n=14,
        feature_mode="raw",
        seed=0,
        windows=Windows(),
        train=Train(),
        clip_decision="mean_softmax",
    )
    found = {}
    for device in ("cpu", "cuda"):
        pooled = pooled_sums(store, None, device)
        found[f"{device}_s_per_fold"] = seconds(
            partial(train_fold, store, fold, recipe, fine_tuned=None, pooled=pooled, device=device),
            repeats=3,
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=72)
    parser.add_argument("--frames", type=int, default=34)
    parser.add_argument("--size", type=int, default=224, help="px")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: nothing to measure")
    rates = chip()
    report = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "chip": rates,
        "magnification": magnification(arguments.frames, arguments.size, rates["copy_gb_s"]),
        "features_resnet50_b1_b8": features(rates),
        "training": training(arguments.clips),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
