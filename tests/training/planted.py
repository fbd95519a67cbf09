"""Features with a planted motion, for tests of training; as a script, a training to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from networks import small_backbone

from microexpr.config import Train, Windows
from microexpr.protocol import Fold
from microexpr.training.chunks import ChunkResult, train_chunk
from microexpr.training.feature_modes import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.windows import Recipe

LABELS = ("negative", "positive", "surprise")


def planted_store(
    subjects: int = 6, *, shape: tuple[int, int, int] = (24, 1, 1), permuted: bool = False
) -> FeatureStore:
    """Make six clips a subject: identity, noise, and a motion along the class's direction.

    The identity is four times larger than the motion, which rises and falls within the clip.
    """
    rng = np.random.default_rng(7)
    directions = np.zeros((3, *shape), np.float32)
    directions[np.arange(3), np.arange(3)] = 2.0
    classes = np.tile(np.arange(3), 2 * subjects)
    who = np.repeat([f"s{i + 1}" for i in range(subjects)], 6)
    features = {}
    for number, (subject, k) in enumerate(zip(who, classes, strict=True)):
        if number % 6 == 0:
            identity = rng.normal(0, 8, (1, *shape)).astype(np.float32)
        length = int(rng.integers(11, 22))
        profile = np.sin(np.linspace(0, np.pi, length))[:, None, None, None]
        noise = rng.normal(0, 0.3, (length, *shape))
        clip = identity + profile * directions[k] + noise
        features[f"{subject}_{number:02d}"] = clip.astype(np.float16)
    if permuted:
        classes = rng.permutation(classes)
    labels = [LABELS[k] for k in classes]
    return FeatureStore.from_arrays(features, subjects=list(who), labels=labels)


def loso(store: FeatureStore) -> list[Fold]:
    """Leave one subject out."""
    clips = range(len(store))
    return [
        Fold(
            subject,
            tuple(i for i in clips if store.subjects[i] != subject),
            tuple(i for i in clips if store.subjects[i] == subject),
        )
        for subject in dict.fromkeys(store.subjects)
    ]


def recipe(**changes) -> Recipe:
    """Make a small recipe; keys are those of Recipe, or of the section train."""
    fields = {"labels": LABELS, "n": 7, "feature_mode": "onset_difference", "seed": 0}
    fields |= {"clip_decision": "mean_softmax", "windows": Windows(), "choose_epoch": None}
    settings = {"epochs": 8, "batch_clips": 10, "windows_per_clip": 3}
    settings |= {"embed": 16, "hidden": 8, "lr": 0.02}
    fields |= {key: changes.pop(key) for key in list(changes) if key in fields}
    return Recipe(**fields, train=Train(**settings | changes))


def run(progress_dir: Path, *, tuned: bool, **options) -> ChunkResult:
    """Train a chunk of 2 feature modes x 2 seeds x 3 folds."""
    store = planted_store(3, shape=(6, 4, 4) if tuned else (24, 1, 1))
    fine_tuned = FineTunedBlocks(small_backbone(), 1) if tuned else None
    settings = recipe(epochs=3, feature_modes=["onset_difference", "raw"], seeds=[0, 5])
    about = {
        "method": "amm",
        "protocol": "loso",
        "progress_dir": progress_dir,
        "fine_tuned": fine_tuned,
    }
    return train_chunk(store, loso(store), settings, **about | options)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), tuned=sys.argv[2] == "fine_tuned")
