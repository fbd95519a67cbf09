"""Training as configured: which folds, with which settings and which fine-tuned blocks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microexpr.backbones.weights import network_of
from microexpr.cache.provenance import check_code
from microexpr.config.training import InnerTrainingSettings, TrainingSettings, WeightedNetwork
from microexpr.errors import CacheError, ConfigError
from microexpr.protocol import Fold, check_folds, predictions, read_folds
from microexpr.runtime.files import sha256_of
from microexpr.runtime.tables import write_table
from microexpr.training.chunks import train_chunk
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.windows import InnerSplit, Recipe


def recipe_of(settings: TrainingSettings, n: int) -> Recipe:
    """Return the recipe of a training, for the first feature mode and seed."""
    nested = None
    if settings.select.epoch == "nested":
        assert isinstance(settings, InnerTrainingSettings)
        nested = InnerSplit(settings.select.folds, settings.protocol.seed)
    return Recipe(
        labels=tuple(settings.data.labels),
        n=n,
        feature_mode=settings.train.feature_modes[0],
        seed=settings.train.seeds[0],
        windows=settings.windows,
        train=settings.train,
        clip_decision=settings.protocol.clip_decision,
        choose_epoch=nested,
    )


def fine_tuned_blocks(settings: WeightedNetwork, device: str) -> FineTunedBlocks | None:
    """Load the blocks above the cut; None if there are none."""
    network = network_of(settings)
    if settings.cut < network.n_blocks:
        return FineTunedBlocks(network, settings.cut).to(device)
    return None


def check_features(settings: WeightedNetwork, store: FeatureStore) -> None:
    """Raise a CacheError if features are not of the configured network, weights and this code."""
    origin = store.origin
    if not origin:
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
    path: Path, store: FeatureStore, *, protocol: str, chunk: int, chunks: int
) -> list[Fold]:
    """Read ``folds.csv``, check that its folds keep the protocol's promise, and return a chunk.

    It holds the folds chunk, chunk + chunks, ... of ``train.chunks``.

    Raises
    ------
    ConfigError
        If there is no such chunk.
    ProtocolError
        If the folds leak, or are not of the clips of `store`.
    """
    if not 0 <= chunk < chunks:
        raise ConfigError(f"train.chunks: there is no chunk {chunk} of {chunks}")
    folds = read_folds(path, store.clip_ids)
    check_folds(folds, store.clip_ids, store.subjects, protocol=protocol)
    return folds[chunk::chunks]


def inner_folds_of(settings: InnerTrainingSettings, store: FeatureStore, fold: Fold) -> list[Fold]:
    """Split the training clips of a fold by subject, see `protocol.splits.inner_folds`."""
    # scikit-learn takes longer to import than many a fold to train.
    from microexpr.protocol.splits import inner_folds  # noqa: PLC0415

    return inner_folds(
        fold,
        store.clip_ids,
        store.subjects,
        store.labels,
        classes=settings.data.labels,
        folds=settings.select.folds,
        seed=settings.protocol.seed,
    )


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
    """Train and test some folds under every feature mode and seed, and write the results.

    Parameters
    ----------
    settings, store, folds
        How, on the features of all clips, and indices into these.
    output : Path
        Predictions (CSV). The log of the epochs is written beside it as ``.epochs.csv``, and
        finished folds are kept in ``.progress/`` until all are finished.
    method, n : str, int
        Name of the method in the predictions; frames per window.
    models : Path, optional
        Folder for each fold's model; it appears when all are finished.
    source_sha256, device
        As :func:`microexpr.training.chunks.train_chunk`.
    """
    progress = output.with_suffix(".progress")
    # Beside the finished folds: a killed run finds both.
    unfinished = progress / "models" if models else None
    result = train_chunk(
        store,
        folds,
        recipe_of(settings, n),
        feature_modes=settings.train.feature_modes,
        seeds=settings.train.seeds,
        method=method,
        protocol=settings.protocol.name,
        progress_dir=progress,
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
    shutil.rmtree(progress, ignore_errors=True)
