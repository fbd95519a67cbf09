"""Training a chunk: some folds, all feature modes and seeds; an interrupted run resumes by fold."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from microexpr.backbones.weights import network_of
from microexpr.cache.provenance import check_code
from microexpr.config import Features
from microexpr.config.training import InnerTrainingSettings, TrainingSettings
from microexpr.errors import CacheError, ConfigError
from microexpr.protocol import Fold, check_folds, predictions, read_folds
from microexpr.runtime import resume
from microexpr.runtime.files import AnyPath, sha256_of
from microexpr.runtime.notices import notice
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.runtime.tables import write_table
from microexpr.training.feature_modes import FineTunedBlocks, pooled_sums
from microexpr.training.fold import split_training, train_fold
from microexpr.training.model import read_header
from microexpr.training.store import FeatureStore
from microexpr.training.windows import InnerSplit, Recipe


def recipe_of(settings: TrainingSettings, n: int, method: str) -> Recipe:
    """Return the recipe of a training of `method`, for the first feature mode and seed."""
    best_on_test = settings.select.epoch == predictions.BEST_EPOCH
    if best_on_test and not method.endswith(predictions.BEST_EPOCH):
        raise ConfigError(
            f"select.epoch: best_epoch_on_test is no way to choose for {method}; use last or nested"
        )
    return Recipe(
        labels=tuple(settings.data.labels),
        n=n,
        feature_mode=settings.train.feature_modes[0],
        seed=settings.train.seeds[0],
        windows=settings.windows,
        train=settings.train,
        clip_decision=settings.protocol.clip_decision,
        choose_epoch=_inner_split(settings) if settings.select.epoch == "nested" else None,
        best_epoch_on_test=best_on_test,
    )


def fine_tuned_blocks(settings: Features, device: str) -> FineTunedBlocks | None:
    """Load the blocks above the cut; None if there are none."""
    network, cut = network_of(settings), settings.cut
    return FineTunedBlocks(network, cut).to(device) if cut < network.n_blocks else None


def check_features(settings: Features, store: FeatureStore) -> None:
    """Raise a CacheError if features are not of the configured network, weights and this code."""
    if not (origin := store.origin):
        return
    check_code("features", "features", str(origin["source_sha256"]))
    wanted: dict[str, object] = {"backbone": settings.backbone, "cut": settings.cut}
    if settings.weights:
        wanted["weights_sha256"] = sha256_of(settings.weights.path)
    for key, value in wanted.items():
        if origin[key] not in (None, value):
            raise CacheError(
                f"features.{key}: the caches were made with {origin[key]}, the configuration says "
                f"{value}; rebuild them: snakemake --forcerun features"
            )


def folds_of_chunk(
    settings: TrainingSettings,
    path: Path,
    store: FeatureStore,
    *,
    chunk: int,
    chunks: int,
    inner: bool,
) -> list[Fold]:
    """Read ``folds.csv``, check it, and return the folds, or inner folds, of a chunk."""
    if not 0 <= chunk < chunks:
        raise ConfigError(f"train.chunks: there is no chunk {chunk} of {chunks}")
    folds = read_folds(path, store.clip_ids)
    check_folds(folds, store.clip_ids, store.subjects, protocol=settings.protocol.name)
    chosen = folds[chunk::chunks]
    if not inner:
        return chosen
    labels, split = settings.data.labels, _inner_split(settings)
    return [part for fold in chosen for part in split_training(store, fold, labels, split)]


def _inner_split(settings: TrainingSettings) -> InnerSplit:
    assert isinstance(settings, InnerTrainingSettings)
    return InnerSplit(settings.select.folds, settings.protocol.seed)


def train_folds(
    settings: TrainingSettings,
    store: FeatureStore,
    folds: Sequence[Fold],
    output: Path,
    *,
    method: str,
    n: int,
    source_sha256: str,
    models: Path | None = None,
    device: str,
) -> None:
    """Train and test folds, see :func:`train_chunk`; write predictions, ``.epochs.csv``, models.

    Finished folds stay in ``.folds/``: a job that is killed, or that trains one more N or seed,
    trains the others only. With `models` they stay until all are finished.
    """
    finished = output.with_suffix(".folds")
    unfinished = finished / "models" if models else None
    result = train_chunk(
        store,
        folds,
        recipe_of(settings, n, method),
        method=method,
        protocol=settings.protocol.name,
        progress_dir=finished,
        source_sha256=source_sha256,
        models_dir=unfinished,
        fine_tuned=fine_tuned_blocks(settings.features, device),
        device=device,
    )
    write_table(output.with_suffix(".epochs.csv"), result.log)
    predictions.write(output, result.predictions)
    if models and unfinished:
        shutil.rmtree(models, ignore_errors=True)
        unfinished.replace(models)
        shutil.rmtree(finished, ignore_errors=True)


class ChunkResult(NamedTuple):
    """Predictions, and the log with one row per epoch: loss, accuracy, seconds."""

    predictions: pd.DataFrame
    log: pd.DataFrame


def train_chunk(
    store: FeatureStore,
    folds: Sequence[Fold],
    recipe: Recipe,
    *,
    method: str,
    protocol: str,
    progress_dir: AnyPath,
    source_sha256: str = "",
    models_dir: AnyPath | None = None,
    fine_tuned: FineTunedBlocks | None = None,
    device: str = "cpu",
) -> ChunkResult:
    """Train folds under every feature mode and seed of `recipe.train`, as `fold.train_fold` does.

    Finished folds are kept in `progress_dir`, by the fingerprint `source_sha256` of the code; each
    fold's model is written to `models_dir`, ``<feature_mode>_<seed>_<fold>.safetensors``.
    """
    _warn_of_dropped(store, recipe)
    choices = product(recipe.train.feature_modes, recipe.train.seeds, folds)
    runs = [(replace(recipe, feature_mode=mode, seed=seed), fold) for mode, seed, fold in choices]
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
            pooled = pooled or pooled_sums(store, fine_tuned, device)
            options: dict[str, Any] = {"fine_tuned": fine_tuned, "pooled": pooled, "device": device}
            result = train_fold(store, fold, run, **options)
            if model is not None:
                result.model.save(model, **settings, digest=digest, method=method)
            plain = {"settings": settings, "log": [asdict(epoch) for epoch in result.log]}
            done = resume.keep(progress_dir, settings, plain | result.predictions.plain())
        about = {"method": method} | {k: settings[k] for k in ("feature_mode", "n", "seed")}
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
        notice(
            f"windows.short: no window of {recipe.n} frames in {len(dropped)} of {len(store)} "
            f"clips, which are not trained on and {tested}: {', '.join(dropped)}"
        )
