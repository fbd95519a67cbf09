"""Stage train_leak: the clips of one method split by window, by clip and by subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr.config.base import Settings
from microexpr.config.data import Labels
from microexpr.config.protocol import RandomFolds
from microexpr.config.studies import LeakyTraining
from microexpr.config.training import SeededLearning, WeightedNetwork, Windowing
from microexpr.fingerprints.code import Code
from microexpr.stages import MANIFEST, Cache, Option, Stage, Table


class TrainLeakSettings(Settings):
    """What the predictions under each split follow from."""

    data: Labels
    windows: Windowing
    features: WeightedNetwork
    train: SeededLearning
    protocol: RandomFolds
    leak: LeakyTraining


STAGE = Stage(
    "train_leak",
    "train under splits by window, by clip and by subject",
    settings=TrainLeakSettings,
    inputs={"features": Cache("features", many=True), "manifest": MANIFEST},
    outputs={"predictions": Table("predictions under each split (.csv)")},
    options={"method": Option("name of the method in the predictions")},
    device=True,
)


def run(
    settings: TrainLeakSettings,
    *,
    features: list[Path],
    manifest: Path,
    predictions: Path,
    method: str,
    device: str = "cpu",
) -> None:
    """Train under each split and write the predictions, see :mod:`microexpr.studies.leak`.

    Finished folds are kept in ``.progress/`` until all are finished.

    Raises
    ------
    CacheError, ProtocolError, DataError, ConfigError
        When the features do not fit together or the clips cannot be split so.
    """
    import shutil

    from microexpr.runtime.tables import write_table
    from microexpr.studies.leak import DECISION, train_leaking
    from microexpr.training.chunks import check_features, fine_tuned_blocks
    from microexpr.training.store import open_features
    from microexpr.training.windows import Recipe

    leak = settings.leak
    progress = predictions.with_suffix(".progress")
    recipe = Recipe(
        labels=tuple(settings.data.labels),
        n=leak.n,
        feature_mode=leak.feature_mode,
        seed=settings.train.seeds[0],
        windows=settings.windows,
        train=settings.train,
        clip_decision=DECISION,
    )
    with open_features(features, manifest) as store:
        check_features(settings.features, store)
        frame = train_leaking(
            store,
            recipe,
            seeds=settings.train.seeds,
            test_share=leak.test_share,
            folds=settings.protocol.folds,
            seed=settings.protocol.seed,
            progress_dir=progress,
            source_sha256=Code("train_leak", network=settings.features.backbone).accepted,
            fine_tuned=fine_tuned_blocks(settings.features, device),
            device=device,
        )
    about: dict[str, Any] = {"method": method, "feature_mode": leak.feature_mode, "n": leak.n}
    write_table(predictions, frame.assign(**about)[[*about, *frame.columns]])
    shutil.rmtree(progress, ignore_errors=True)
