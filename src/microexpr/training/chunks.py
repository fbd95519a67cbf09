"""Training a chunk: some folds, all feature modes and seeds; an interrupted run resumes by fold."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microexpr.config.training import FeatureMode
from microexpr.errors import MicroexprWarning
from microexpr.protocol import Fold, predictions
from microexpr.runtime import resume
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fold import train_fold
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.trained import read_header
from microexpr.training.windows import Recipe


@dataclass(frozen=True)
class ChunkResult:
    """Predictions, as in :mod:`microexpr.protocol.predictions`, and the log: one row per epoch.

    Columns of the log: method, feature_mode, n, seed, fold, epoch, loss, accuracy, seconds.
    """

    predictions: pd.DataFrame
    log: pd.DataFrame


def train_chunk(
    store: FeatureStore,
    folds: Sequence[Fold],
    recipe: Recipe,
    *,
    feature_modes: Sequence[FeatureMode],
    seeds: Sequence[int],
    method: str,
    protocol: str,
    progress_dir: str | os.PathLike[str],
    source_sha256: str = "",
    models_dir: str | os.PathLike[str] | None = None,
    fine_tuned: FineTunedBlocks | None = None,
    device: str = "cpu",
) -> ChunkResult:
    """Train folds under every feature mode and seed.

    Each finished fold leaves a file in `progress_dir`, see :mod:`microexpr.runtime.resume`. These
    files may be deleted when the chunk is complete.

    Parameters
    ----------
    store, folds : FeatureStore, sequence of Fold
        Features of all clips, and the folds of this chunk.
    recipe : Recipe
        How; for its own feature mode and seed, each of `feature_modes` and `seeds` is taken.
    method, protocol : str
        Names for the table.
    progress_dir : path-like
        Folder for finished folds.
    source_sha256 : str
        Fingerprint of the code; a fold of other code is trained again.
    models_dir : path-like, optional
        Folder for each fold's model, ``<feature_mode>_<seed>_<fold>.safetensors``.
    fine_tuned, device
        As :func:`microexpr.training.fold.train_fold`.

    Raises
    ------
    CacheError
        If a file of `progress_dir` is damaged.
    MicroexprError
        As :func:`microexpr.training.fold.train_fold`.
    """
    _warn_of_dropped(store, recipe)
    runs = [
        (replace(recipe, feature_mode=feature_mode, seed=seed), fold)
        for feature_mode in feature_modes
        for seed in seeds
        for fold in folds
    ]
    origin = origin_of(store, fine_tuned, device, source_sha256)
    pooled = None
    rows: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    for run, fold in released(track(runs, f"train {method} N={recipe.n}")):
        settings = run.plain() | fold.plain(store.clip_ids, store.labels) | origin
        digest = resume.digest(settings)
        name = f"{run.feature_mode}_{run.seed}_{fold.name}.safetensors"
        model = None if models_dir is None else Path(models_dir) / name
        kept = model is None or (model.is_file() and read_header(model)["digest"] == digest)
        done = resume.read(progress_dir, settings) if kept else None
        if done is None:
            pooled = pooled_sums(store, fine_tuned, device) if pooled is None else pooled
            result = train_fold(
                store, fold, run, fine_tuned=fine_tuned, pooled=pooled, device=device
            )
            if model is not None:
                result.model.save(model, **settings, digest=digest, method=method)
            plain = {"settings": settings, "log": [asdict(epoch) for epoch in result.log]}
            done = resume.keep(progress_dir, settings, plain | result.predictions.plain())
        about: dict[str, Any] = {"method": method, "feature_mode": run.feature_mode}
        about |= {"n": run.n, "seed": run.seed}
        rows += predictions.rows(store, fold, done, classes=run.labels, **about, protocol=protocol)
        about |= {"fold": fold.name}
        epochs += [about | {"epoch": i} | values for i, values in enumerate(done["log"], 1)]
    return ChunkResult(pd.DataFrame(rows), pd.DataFrame(epochs))


def origin_of(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, device: str, source_sha256: str
) -> dict[str, str]:
    """Return what the results of all folds depend on besides their settings, as plain values."""
    return {
        "features": store.digest,
        "start_weights": "" if fine_tuned is None else fine_tuned.digest(),
        "source_sha256": source_sha256,
        "device": device,
    }


def _warn_of_dropped(store: FeatureStore, recipe: Recipe) -> None:
    """Warn of the clips that ``windows.short: drop`` leaves out."""
    counts = recipe.window_table(store).counts
    dropped = [f"{store.clip_ids[i]} ({store.lengths[i]})" for i in np.nonzero(counts == 0)[0]]
    if dropped:
        whole = recipe.clip_decision == "whole_clip"
        tested = "tested as a whole" if whole else "get no prediction"
        warnings.warn(
            f"windows.short: no window of {recipe.n} frames in {len(dropped)} of {len(store)} "
            f"clips, which are not trained on and {tested}: {', '.join(dropped)}",
            MicroexprWarning,
            stacklevel=3,
        )
