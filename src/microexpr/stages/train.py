"""Stage train: some folds of one method and one N."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microexpr import backbones
from microexpr.cache.provenance import check_code
from microexpr.config import Config
from microexpr.errors import CacheError, ConfigError
from microexpr.fingerprints.code import Code
from microexpr.protocol import (
    COMPLETE,
    SUBJECT_INDEPENDENT,
    Fold,
    check_folds,
    predictions,
    read_folds,
)
from microexpr.runtime.files import sha256_of
from microexpr.runtime.tables import write_table
from microexpr.training.chunks import train_chunk
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore, open_features
from microexpr.training.windows import InnerSplit, Recipe


def run(
    config: Config,
    features: Sequence[Path],
    output: Path,
    *,
    manifest_path: Path,
    folds_path: Path,
    method: str,
    n: int,
    chunk: int = 0,
    models_dir: Path | None = None,
    device: str = "cpu",
) -> None:
    """Train and test the folds of a part, under every feature mode and seed.

    Parameters
    ----------
    config : Config
        Sections ``windows``, ``features``, ``train`` and ``select``, and
        ``protocol.clip_decision``.
    features : sequence of Path
        Caches of kind features: all shards of the method.
    output : Path
        Predictions (CSV). The log of the epochs is written beside it as ``.epochs.csv``, and
        finished folds are kept in ``.progress/`` until all are finished.
    manifest_path : Path
        ``manifest.csv``: subjects and labels.
    folds_path : Path
        ``folds.csv``.
    method : str
        Name of the method.
    n : int
        Frames a window.
    part : int
        Of ``train.chunks``: this one trains folds chunk, chunk + chunks, ...
    models_dir : Path, optional
        Keep each fold's model there, as ``<feature_mode>_<seed>_<fold>.safetensors``; the folder
        appears when all are finished.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError, CacheError, ProtocolError, DataError
        When the part does not exist, the features do not fit together, or a fold would leak.
    """
    with open_features(features, manifest_path) as store:
        folds = folds_of_chunk(config, folds_path, store, chunk)
        train_folds(
            config,
            store,
            folds,
            output,
            stage="train",
            method=method,
            n=n,
            models_dir=models_dir,
            device=device,
        )


def train_folds(
    config: Config,
    store: FeatureStore,
    folds: Sequence[Fold],
    output: Path,
    *,
    stage: str,
    method: str,
    n: int,
    models_dir: Path | None = None,
    device: str,
) -> None:
    """Train and test some folds, and write predictions and the log of the epochs.

    Parameters
    ----------
    config, output, method, n, models_dir, device
        As :func:`run`.
    store : FeatureStore
        Features of all clips.
    folds : sequence of Fold
        Their parts are indices into the clips of `store`.
    stage : str
        Name of the stage whose code the results follow from.

    Raises
    ------
    MicroexprError
        As :func:`run`.
    """
    progress = output.with_suffix(".progress")
    # Beside the finished folds: a killed run finds both.
    unfinished = progress / "models" if models_dir else None
    result = train_chunk(
        store,
        folds,
        recipe(config, n),
        method=method,
        protocol=config.protocol.name,
        progress_dir=progress,
        source_sha256=Code(stage, network=config.features.backbone).accepted,
        models_dir=unfinished,
        fine_tuned=fine_tuned(config, device),
        device=device,
    )
    write_table(output.with_suffix(".epochs.csv"), result.log)
    predictions.write(output, result.predictions)
    if models_dir and unfinished:
        shutil.rmtree(models_dir, ignore_errors=True)
        unfinished.replace(models_dir)
    shutil.rmtree(progress, ignore_errors=True)


def folds_of_chunk(config: Config, path: Path, store: FeatureStore, chunk: int) -> list[Fold]:
    """Read the folds, see that they keep the protocol's promise, and take those of a part.

    Raises
    ------
    CacheError
        When the features are not those of the configuration.
    ConfigError
        When there is no such part.
    ProtocolError
        When the folds leak, or are not of these clips.
    """
    check_features(config, store)
    chunks, name = config.train.chunks, config.protocol.name
    if not 0 <= chunk < chunks:
        raise ConfigError(f"train.chunks: there is no chunk {chunk} of {chunks}")
    folds = read_folds(path, store.clip_ids)
    check_folds(
        folds,
        store.clip_ids,
        store.subjects,
        subject_independent=SUBJECT_INDEPENDENT[name],
        complete=COMPLETE[name],
    )
    return folds[chunk::chunks]


def check_features(config: Config, store: FeatureStore) -> None:
    """See that features are of the configured network and weights, and of this code.

    Raises
    ------
    CacheError
        Naming what differs.
    """
    settings, origin = config.features, store.origin
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


def recipe(config: Config, n: int) -> Recipe:
    """Collect what determines a fold's result, for the first feature mode and seed."""
    select = config.select
    nested = InnerSplit(select.folds, config.protocol.seed) if select.epoch == "nested" else None
    return Recipe(
        labels=tuple(config.data.labels),
        n=n,
        feature_mode=config.train.feature_modes[0],
        seed=config.train.seeds[0],
        windows=config.windows,
        train=config.train,
        clip_decision=config.protocol.clip_decision,
        choose_epoch=nested,
    )


def fine_tuned(config: Config, device: str) -> FineTunedBlocks | None:
    """Load the blocks above the cut; None where there are none."""
    settings = config.features
    weights = settings.weights
    network = backbones.build(
        settings.backbone,
        weights_path=weights and weights.path,
        weights_sha256=weights and weights.sha256,
    )
    return (
        FineTunedBlocks(network, settings.cut).to(device)
        if settings.cut < network.n_blocks
        else None
    )
