"""Training a part: some folds, all feature modes and seeds; a killed run resumes fold by fold."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microexpr.errors import MicroexprWarning
from microexpr.protocol import Fold, predictions
from microexpr.runtime import resume
from microexpr.runtime.files import write_json
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.training.feature_modes import pooled_features
from microexpr.training.fold import FoldResult, train_fold
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.trained import read_header
from microexpr.training.windows import Recipe


@dataclass(frozen=True)
class Part:
    """Result of a part.

    Parameters
    ----------
    predictions : DataFrame
        One row a test clip, fold, feature mode and seed; see :mod:`microexpr.protocol.predictions`.
    log : DataFrame
        One row an epoch: feature mode, n, seed, fold, epoch, loss, accuracy, seconds.
    """

    predictions: pd.DataFrame
    log: pd.DataFrame


def train_part(
    store: FeatureStore,
    folds: Sequence[Fold],
    recipe: Recipe,
    *,
    method: str,
    protocol: str,
    progress_dir: str | os.PathLike[str],
    source_sha256: str = "",
    models_dir: str | os.PathLike[str] | None = None,
    fine_tuned: FineTunedBlocks | None = None,
    device: str = "cpu",
) -> Part:
    """Train folds under every feature mode and seed of ``recipe.train``.

    Each finished fold leaves a file in `progress_dir`, named by a checksum over the features, the
    fold, the settings and the code. A run that was killed takes it up from there; its result does
    not depend on where it stopped. The files may be deleted when the part is complete.

    Parameters
    ----------
    store : FeatureStore
        Features of all clips.
    folds : sequence of Fold
        Those of this part.
    recipe : Recipe
        Its ``feature_mode`` and ``seed`` are replaced by each of ``train.feature_modes`` and ``train.seeds``.
    method, protocol : str
        Names for the table.
    progress_dir : path-like
        Where finished folds are kept.
    source_sha256 : str
        Fingerprint of the code: other code trains again.
    models_dir : path-like, optional
        Where to write each fold's model, as ``<feature_mode>_<seed>_<fold>.safetensors``.
    fine-tuned blocks : Trunk, optional
        Untrained blocks above the cut, on `device`.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    CacheError
        When a file of `progress_dir` is damaged.
    MicroexprError
        See :func:`microexpr.training.fold.train_fold`.
    """
    _warn_of_dropped(store, recipe)
    runs = [
        (replace(recipe, feature_mode=feature_mode, seed=seed), fold)
        for feature_mode in recipe.train.feature_modes
        for seed in recipe.train.seeds
        for fold in folds
    ]
    origin = origin_of(store, fine_tuned, device, source_sha256)
    pooled = None
    rows: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    for run, fold in released(track(runs, f"train {method} N={recipe.n}")):
        settings = run.plain() | fold.plain(store.clip_ids, store.labels) | origin
        digest, file = resume.digest(settings), resume.place(progress_dir, settings)
        name = f"{run.feature_mode}_{run.seed}_{fold.name}.safetensors"
        model = None if models_dir is None else Path(models_dir) / name
        if not (file.is_file() and (model is None or _is_of(model, digest))):
            pooled = pooled_features(store, fine_tuned, device) if pooled is None else pooled
            result = train_fold(
                store, fold, run, fine_tuned=fine_tuned, pooled=pooled, device=device
            )
            if model is not None:
                result.model.save(model, **settings, digest=digest, method=method)
            write_json(file, _plain(result, settings))
        done = resume.read(file)
        about = {"method": method, "feature_mode": run.feature_mode, "n": run.n, "seed": run.seed}
        answers = zip(*(done[k] for k in ("predicted", "n_windows", "probabilities")), strict=True)
        rows += predictions.rows(
            store, fold, answers, classes=run.labels, **about, protocol=protocol
        )
        about |= {"fold": fold.name}
        epochs += [about | {"epoch": i} | values for i, values in enumerate(done["log"], 1)]
    return Part(pd.DataFrame(rows), pd.DataFrame(epochs))


def origin_of(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, device: str, source_sha256: str
) -> dict[str, str]:
    """Give what results of all folds follow from besides their settings, as plain values."""
    return {
        "features": store.digest,
        "start_weights": "" if fine_tuned is None else fine_tuned.digest(),
        "source_sha256": source_sha256,
        "device": device,
    }


def _warn_of_dropped(store: FeatureStore, recipe: Recipe) -> None:
    """Name the clips that ``windows.short: drop`` leaves out."""
    counts = recipe.window_table(store).counts
    dropped = [f"{store.clip_ids[i]} ({store.lengths[i]})" for i in np.nonzero(counts == 0)[0]]
    if dropped:
        tested = "tested as a whole" if recipe.clip_decision == "whole_clip" else "not answered"
        warnings.warn(
            f"windows.short: no window of {recipe.n} frames in {len(dropped)} of {len(store)} "
            f"clips, which are not trained on and {tested}: {', '.join(dropped)}",
            MicroexprWarning,
            stacklevel=3,
        )


def _is_of(model: Path, digest: str) -> bool:
    return model.is_file() and read_header(model)["digest"] == digest


def _plain(result: FoldResult, settings: dict[str, Any]) -> dict[str, Any]:
    answers = result.answers
    return {
        "settings": settings,
        "n_windows": answers.n_windows.tolist(),
        "predicted": answers.predicted.tolist(),
        # JSON has no NaN: a clip without an answer has null.
        "probabilities": [
            None if n == 0 else p.tolist()
            for n, p in zip(answers.n_windows, answers.probabilities, strict=True)
        ],
        "log": [asdict(epoch) for epoch in result.log],
    }
