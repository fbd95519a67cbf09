"""Stages of the study of data leakage: the same clips split by window, clip and subject."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Data, Features, Leak, Protocol, Train, Windows
from microexpr.config.base import Only, Settings, Without
from microexpr.config.data import TITLE
from microexpr.config.evaluation import Intervals
from microexpr.fingerprints.code import Code
from microexpr.stages import FeatureCaches, Manifest, Option, Reads, Writes


class TrainLeakSettings(Settings):
    """What the predictions under each split follow from."""

    data: Annotated[Data, Only("labels")]
    windows: Annotated[Windows, Without("n")]
    features: Annotated[Features, Only("backbone", "cut", "weights")]
    train: Annotated[Train, Without("feature_modes", "chunks")]
    protocol: Annotated[Protocol, Only("seed", "folds")]
    leak: Annotated[Leak, Without("methods")]


class TabulateLeakSettings(Settings):
    """What the table follows from."""

    data: Annotated[Data, Only(*TITLE)]
    features: Annotated[Features, Only("backbone", "cut")]
    evaluate: Intervals


def train_leak(
    settings: TrainLeakSettings,
    *,
    features: FeatureCaches,
    manifest: Manifest,
    predictions: Annotated[Path, Writes("predictions under each split (.csv)")],
    method: Annotated[str, Option("name of the method in the predictions")],
    device: str = "cpu",
) -> None:
    """Train under splits by window, by clip and by subject.

    See :mod:`microexpr.studies.leak`. Finished folds are kept in ``.progress/`` until all are
    finished.
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


def tabulate_leak(
    settings: TabulateLeakSettings,
    *,
    predictions: Annotated[
        list[Path], Reads("predictions of stage train_leak: all methods (.csv)")
    ],
    table: Annotated[Path, Writes("leak.csv; leak.pdf and leak.png are written beside it")],
) -> None:
    """Compare the accuracy under leaky and clean splits, in a table and a figure."""
    from microexpr.datasets import title
    from microexpr.evaluation.pooled import Statistics
    from microexpr.figures.tables import draw_leak
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import leak_table, read_predictions

    network = settings.features
    found = leak_table(
        read_predictions(predictions),
        statistics=Statistics.of(settings.evaluate),
        about={"backbone": network.backbone, "cut": network.cut, "data": title(settings.data)},
    )
    draw_leak(found, [table.with_suffix(suffix) for suffix in (".pdf", ".png")])
    write_table(table, found)
