"""Stage train: some folds of one method and one N, or inner folds of their training parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr.config import Config
from microexpr.config.training import InnerTrainingSettings, Train, TrainingSettings
from microexpr.fingerprints.code import Code
from microexpr.stages import FOLDS, MANIFEST, Cache, File, Option, Stage, Table


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


STAGE = Stage(
    "train",
    "train and test some folds of one method and N",
    settings=TrainSettings,
    inputs={"features": Cache("features", many=True), "folds": FOLDS, "manifest": MANIFEST},
    outputs={
        "predictions": Table("predictions (.csv); the epochs' log is written beside, .epochs.csv"),
        "models": File("folder that keeps each fold's model [none]", optional=True),
    },
    options={
        "method": Option("name of the method in the predictions"),
        "n": Option("frames per window", int),
        "chunk": Option("which of train.chunks: folds chunk, chunk + chunks, ...", int, default=0),
        "inner": Option("train on inner folds of each fold's training part", bool, default=False),
    },
    decisive=("inner",),
    device=True,
)


def run(
    settings: TrainSettings,
    *,
    features: list[Path],
    folds: Path,
    manifest: Path,
    predictions: Path,
    method: str,
    n: int,
    chunk: int = 0,
    inner: bool = False,
    models: Path | None = None,
    device: str = "cpu",
) -> None:
    """Train and test the folds of a chunk, under every feature mode and seed.

    Raises
    ------
    ConfigError, CacheError, ProtocolError, DataError
        When there is no such chunk, the features do not fit together, a fold would leak, or a
        training part cannot be split.
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
