"""Stage inner: train and test inside the training part of each fold, to choose N and alpha."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.evaluation import predictions
from microexpr.protocol.folds import Fold
from microexpr.protocol.splits import inner_folds
from microexpr.provenance import fingerprint
from microexpr.stages.train import folds_of_part, recipe, trunk
from microexpr.training.parts import train_part
from microexpr.training.store import FeatureStore, open_features


def run(
    config: Config,
    features: Sequence[Path],
    output: Path,
    *,
    folds_path: Path,
    method: str,
    n: int,
    part: int = 0,
    device: str = "cpu",
) -> None:
    """Split the training part of each fold by subject; train and test these inner folds.

    Parameters
    ----------
    config : Config
        As for the stage train, with ``select.folds`` and ``protocol.seed``.
    features : sequence of Path
        Caches of kind features: all shards of the method.
    output : Path
        Predictions (CSV) whose folds are called ``<fold>-inner<k>``. Finished folds are kept in
        ``.progress/`` until all are finished.
    folds_path : Path
        ``folds.csv``.
    method : str
        Name of the arm.
    n : int
        Frames a window.
    part : int
        As for the stage train.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError, CacheError, ProtocolError, DataError
        As the stage train, and when a training part cannot be split so.
    """
    progress = output.with_suffix(".progress")
    with open_features(features) as store:
        outer = folds_of_part(config, folds_path, store, part)
        result = train_part(
            store,
            [inner for fold in outer for inner in _split(config, store, fold)],
            recipe(config, n),
            method=method,
            protocol=config.protocol.name,
            progress_dir=progress,
            source_sha256=fingerprint(__name__),
            trunk=trunk(config, device),
            device=device,
        )
    predictions.write(output, result.predictions)
    shutil.rmtree(progress, ignore_errors=True)


def _split(config: Config, store: FeatureStore, fold: Fold) -> list[Fold]:
    return inner_folds(
        fold,
        store.clip_ids,
        store.subjects,
        store.labels,
        classes=config.data.labels,
        folds=config.select.folds,
        seed=config.protocol.seed,
    )
