"""Predictions of classifiers that are right with a known probability, for tests of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from microexpr.config import Evaluate
from microexpr.datasets.manifest import Clip
from microexpr.evaluation.pooled import Basis, Origin
from microexpr.protocol import Fold, predictions

CLASSES = ["negative", "positive", "surprise"]
ORIGIN = Origin("loso", "mobilenet_vggface2", 13, "0f" * 32, "synthetic")
STATISTICS = Evaluate(draws=300)


def manifest(subjects: int = 12, per_class: int = 2) -> list[Clip]:
    return [
        Clip(
            clip_id=f"s{s}_{label[:2]}_{i:02d}",
            subject=f"s{s}",
            label=label,
            kind="images",
            source=f"s{s}/{label}/{i}",
            frames=30,
            first=1,
            last=30,
            fps=100,
        )
        for s in range(1, subjects + 1)
        for label in CLASSES
        for i in range(1, per_class + 1)
    ]


def basis(
    clips: Sequence[Clip], origin: Origin = ORIGIN, statistics: Evaluate = STATISTICS
) -> Basis:
    return Basis(clips, CLASSES, origin, statistics)


def columns(clips: Sequence[Clip]) -> list[list[str]]:
    """Clips, subjects and labels, as folds are made from them."""
    return [[getattr(clip, key) for clip in clips] for key in ("clip_id", "subject", "label")]


def predicted(
    clips: Sequence[Clip],
    folds: Sequence[Fold],
    skill: Callable[[str], float],
    *,
    n: int,
    method: str = "pmm",
    seed: int = 0,
) -> pd.DataFrame:
    """Predictions that are right for a clip with the probability `skill(fold name)`."""
    rng = np.random.default_rng([n, seed])
    rows = []
    for fold in folds:
        for clip in (clips[i] for i in fold.test):
            share = np.full(3, 0.1)
            right = rng.random() < skill(fold.name)
            share[(CLASSES.index(clip.label) + (0 if right else 1)) % 3] = 0.8
            about = (clip.clip_id, clip.subject, clip.label, method, "raw", n, seed, "loso")
            rows.append((*about, fold.name, 9, CLASSES[share.argmax()], *share))
    return pd.DataFrame(rows, columns=[*predictions.COLUMNS, *(f"p_{name}" for name in CLASSES)])
