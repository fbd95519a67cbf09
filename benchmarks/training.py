"""What gathered windows and cached features save in training.

    python benchmarks/training.py [--backbones random_resnet50 mobilenet_vggface2] [--clips 2]
                                  [--epochs 2] [--json FILE]

First table: an epoch in which each frame passes through the fine-tuned blocks once and windows
gather it by index, against one that feeds each window separately; ResNet-50 from B9 on, MobileNet
from B7 on, every window of each clip of 33 frames. Both train the same model on the same batches,
epoch by epoch in turns in one process; the largest difference of their losses is shown. Second
table: an epoch that starts from cached features against one that runs the whole network.

Limits: losses agree to 1e-4; feeding separately takes at least 8 times as long at N = 14,
continuous windows, ResNet-50. Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build
from microexpr.config import Train
from microexpr.training.feature_modes import (
    FRAMES_AT_ONCE,
    FeatureTransform,
    FineTunedBlocks,
    Frames,
    pooled_sums,
)
from microexpr.training.fitting import Batches, Epoch, fit
from microexpr.training.model import WindowClassifier
from microexpr.training.store import FeatureStore
from microexpr.training.windows import WindowTable

LENGTH, SIZE_PX, BATCH = 33, 224, 4
CUTS = {"random_resnet50": 8, "mobilenet_vggface2": 6}
LOSS_LIMIT, TIMES_LIMIT = 1e-4, 8.0
CPU = torch.device("cpu")
Source = Callable[[Tensor], Tensor]


class SeparateWindows(nn.Module):
    """Feeds each window by itself: a frame passes through everything once for each window.

    Parameters
    ----------
    classifier : WindowClassifier
    source : callable
        Returns the frames (F, C) of any rows (F,), each computed again.
    """

    def __init__(self, classifier: WindowClassifier, source: Source) -> None:
        super().__init__()
        self.classifier, self.examples = classifier, classifier.examples
        self._source = source

    def forward(self, rows: Tensor, index: Tensor) -> Tensor:
        """Classify windows ``rows[index]``, (W, N); logits (W, n_classes)."""
        frames = self._source(rows[index].flatten())
        return self.classifier(frames, torch.arange(len(frames)).view(index.shape))


def through(fine_tuned: FineTunedBlocks | None, maps_of: Source) -> Source:
    """Take rows to pooled features, some frames at once and checkpointed, as training does."""

    def pool(rows: Tensor) -> Tensor:
        if fine_tuned is None:
            return torch.cat([maps_of(part).flatten(1).float() for part in rows.split(BATCH)])
        parts = (maps_of(part) for part in rows.split(FRAMES_AT_ONCE))
        return torch.cat([checkpoint(fine_tuned, maps, use_reentrant=False) for maps in parts])

    return pool


@dataclass(frozen=True)
class Material:
    """Clips of noise, their features at a cut, and how to train on them."""

    network: Backbone
    cut: int
    images: Tensor
    store: FeatureStore
    settings: Train

    @classmethod
    def make(
        cls,
        network: Backbone,
        *,
        cut: int,
        clips: int,
        epochs: int,
        size_px: int = SIZE_PX,
    ) -> Material:
        """Compute the features of `clips` clips of 33 frames of noise."""
        generator = torch.Generator().manual_seed(0)
        shape = (clips * LENGTH, size_px, size_px, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        with torch.no_grad():
            maps = [network.front(network.preprocess(p), cut).half() for p in images.split(BATCH)]
        features = torch.cat(maps).contiguous().numpy()
        store = FeatureStore.from_arrays(
            {f"c{i}": features[i * LENGTH : (i + 1) * LENGTH] for i in range(clips)},
            subjects=[f"s{i}" for i in range(clips)],
            labels=["negative"] * clips,
        )
        settings = Train(
            epochs=epochs,
            batch_clips=clips,
            windows_per_clip=None,
            dropout=0.0,
            embed=512,
            hidden=512,
            lr=0.001,
            lr_fine_tuned=0.00001,
        )
        return cls(network, cut, images, store, settings)

    def maps(self, rows: Tensor) -> Tensor:
        """Return cached features of any rows."""
        return self.store.read(rows.numpy())

    def whole(self, rows: Tensor) -> Tensor:
        """Compute the features of any rows from the images."""
        parts = self.images[rows].split(BATCH)
        with torch.no_grad():
            found = [self.network.front(self.network.preprocess(p), self.cut) for p in parts]
        return torch.cat(found)

    def epochs(self, kind: str, n: int, modes: tuple[str, ...]) -> Iterator[Epoch]:
        """Train: ``gathered`` or ``separate`` from the cache, or ``whole`` from the images."""
        cut_off = self.cut < self.network.n_blocks
        fine_tuned = FineTunedBlocks(self.network, self.cut) if cut_off else None
        transform = FeatureTransform.fit(
            "raw", pooled_sums(self.store, fine_tuned), range(len(self.store)), standardise=True
        )
        torch.manual_seed(0)
        options = self.settings.model_dump(include={"embed", "hidden", "dropout"})
        model: Any = WindowClassifier(len(transform.scale), 3, **options)
        source: Any = Frames(transform, self.store, fine_tuned, CPU)
        if kind == "separate":
            pool = through(fine_tuned, self.maps)
            model = SeparateWindows(model, lambda rows: transform(pool(rows), None))
            source = nn.Identity()
        elif kind == "whole":
            pool = through(fine_tuned, self.whole)
            source = lambda rows: transform(pool(rows), None)  # noqa: E731
        clips = np.arange(len(self.store))
        table = WindowTable.build(self.store.lengths, n, clip_ids=self.store.clip_ids, modes=modes)
        return fit(
            model,
            source,
            Batches(table, clips, self.settings, np.random.default_rng(0)),
            torch.from_numpy(clips % 3),
            fine_tuned=fine_tuned,
            class_weights=None,
            settings=self.settings,
        )


def in_turns(one: Iterator[Epoch], other: Iterator[Epoch]) -> tuple[float, float, float]:
    """Return the seconds of the fastest epoch of each, and the largest difference of losses."""
    pairs = list(zip(one, other, strict=True))
    difference = max(abs(a.loss - b.loss) for a, b in pairs)
    return min(a.seconds for a, _ in pairs), min(b.seconds for _, b in pairs), difference


def gathering(material: Material) -> Iterator[dict[str, Any]]:
    """Compare gathered with separate windows for both modes and two N."""
    for mode in ("continuous", "even"):
        for n in (7, 14):
            table = WindowTable.build([LENGTH], n, clip_ids=["c0"], modes=(mode,))
            gathered, separate, difference = in_turns(
                material.epochs("gathered", n, (mode,)), material.epochs("separate", n, (mode,))
            )
            row = {
                "network": f"{material.network.name} from B{material.cut + 1}",
                "mode": mode,
                "n": n,
                "frames_ratio": table.rows.size / len(np.unique(table.rows)),
                "gathered_s": gathered,
                "separate_s": separate,
                "times": separate / gathered,
                "loss_difference": difference,
            }
            print(
                f"| {row['network']} | {mode} | {n} | {row['frames_ratio']:.2f} | {gathered:.2f} | "
                f"{separate:.2f} | {row['times']:.2f} | {difference:.1e} |",
                flush=True,
            )
            yield row


def starting(material: Material) -> dict[str, Any]:
    """Compare a cached start with the whole network in each epoch."""
    cached, whole, difference = in_turns(
        material.epochs("gathered", 14, ("continuous",)),
        material.epochs("whole", 14, ("continuous",)),
    )
    name = f"{material.network.name}, B1..B{material.cut} frozen"
    print(
        f"| {name} | {cached:.3f} | {whole:.3f} | {whole / cached:.2f} | {difference:.1e} |",
        flush=True,
    )
    return {"network": name, "cached_s": cached, "whole_s": whole, "times": whole / cached}


def verdict(rows: list[dict[str, Any]]) -> list[str]:
    """Return what misses its limit."""
    missed = []
    for row in rows:
        name = f"{row['network']}, {row['mode']}, N = {row['n']}"
        if row["loss_difference"] > LOSS_LIMIT:
            missed.append(f"{name}: losses differ by {row['loss_difference']:.1e}")
        judged = "resnet50" in name and row["mode"] == "continuous" and row["n"] == 14
        if judged and row["times"] < TIMES_LIMIT:
            missed.append(f"{name}: {row['times']:.2f} times, limit {TIMES_LIMIT:g}")
    return missed


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", choices=list(CUTS), default=list(CUTS))
    parser.add_argument("--clips", type=int, default=2, help="of a batch, and in all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"load average: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, one thread used")
    print("\n## an epoch, windows gathered by index against each fed separately")
    print(
        "| network | windows | N | frames fed, times | gathered s | separate s | times | losses |"
    )
    print("|---" * 8 + "|")
    sizes = {"clips": arguments.clips, "epochs": arguments.epochs}
    networks = {name: build(name).requires_grad_(False) for name in arguments.backbones}
    rows: list[dict[str, Any]] = []
    for name, network in networks.items():
        rows += gathering(Material.make(network, cut=CUTS[name], **sizes))
    print("\n## an epoch, cached start against the whole network; N = 14, continuous windows")
    print("| network | cached s | whole s | times | losses |")
    print("|---" * 5 + "|")
    starts = []
    for name, network in networks.items():
        for cut in (CUTS[name], network.n_blocks):
            starts.append(starting(Material.make(network, cut=cut, **sizes)))
    if arguments.json:
        found = {"gathering": rows, "starting": starts}
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    missed = verdict(rows)
    print("\nlimits missed: " + ("; ".join(missed) if missed else "none"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
