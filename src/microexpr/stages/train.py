"""Stage train: some folds of one method and one N, or inner folds of their training parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Config, Train
from microexpr.config.training import InnerTrainingSettings, TrainingSettings
from microexpr.fingerprints.code import Code
from microexpr.stages import FeatureCaches, Folds, Manifest, Option, Writes


class TrainSettings(TrainingSettings):
    """What training follows from."""

    train: Train

    @classmethod
    def variant(cls, config: Config, *, inner: bool = False, **chosen: Any) -> type[TrainSettings]:
        """Return what is read; the inner folds where something is chosen on them."""
        return InnerSettings if inner or config.select.epoch == "nested" else TrainSettings


class InnerSettings(InnerTrainingSettings, TrainSettings):
    """The same with inner folds, on which N, alpha or the epoch is chosen."""

    train: Train


def train(
    settings: TrainSettings,
    *,
    features: FeatureCaches,
    folds: Folds,
    manifest: Manifest,
    predictions: Annotated[
        Path, Writes("predictions (.csv); the epochs' log is written beside, .epochs.csv")
    ],
    models: Annotated[Path | None, Writes("folder that keeps each fold's model [none]")] = None,
    method: Annotated[str, Option("name of the method in the predictions")],
    n: Annotated[int, Option("frames per window")],
    chunk: Annotated[int, Option("which of train.chunks: folds chunk, chunk + chunks, ...")] = 0,
    inner: Annotated[
        bool, Option("train on inner folds of each fold's training part", decisive=True)
    ] = False,
    device: str = "cpu",
) -> None:
    """Train and test some folds of one method and N.

    Each fold of a chunk is trained under every feature mode and seed. ConfigError, CacheError,
    ProtocolError or DataError: there is no such chunk, the features do not fit together, a fold
    would leak, or a training part cannot be split.
    """
    from microexpr.training import chunks
    from microexpr.training.store import open_features

    with open_features(features, manifest) as store:
        chunks.check_features(settings.features, store)
        chosen = chunks.folds_of_chunk(
            folds,
            store,
            protocol=settings.protocol.name,
            chunk=chunk,
            chunks=settings.train.chunks,
        )
        if inner:
            assert isinstance(settings, InnerSettings)
            chosen = [
                part for fold in chosen for part in chunks.inner_folds_of(settings, store, fold)
            ]
        chunks.train_folds(
            settings,
            store,
            chosen,
            predictions,
            method=method,
            n=n,
            source_sha256=Code("train", network=settings.features.backbone).accepted,
            models=models,
            device=device,
        )
