"""Stage inner: train and test inside the training part of each fold, to choose N and alpha."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.protocol import Fold
from microexpr.protocol.splits import inner_folds
from microexpr.stages.train import folds_of_chunk, train_folds
from microexpr.training.store import FeatureStore, open_features


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
    device: str = "cpu",
) -> None:
    """Split the training part of each fold by subject; train and test these inner folds.

    The parameters are those of :func:`microexpr.stages.train.run`, and ``select.folds`` and
    ``protocol.seed`` are read as well. In the predictions the folds are called
    ``<fold>-inner<k>``.

    Raises
    ------
    ConfigError, CacheError, ProtocolError, DataError
        As the stage train, and when a training part cannot be split so.
    """
    with open_features(features, manifest_path) as store:
        outer = folds_of_chunk(config, folds_path, store, chunk)
        folds = [inner for fold in outer for inner in split_fold(config, store, fold)]
        train_folds(config, store, folds, output, stage="inner", method=method, n=n, device=device)


def split_fold(config: Config, store: FeatureStore, fold: Fold) -> list[Fold]:
    """Split the training part of a fold by subject.

    Raises
    ------
    ProtocolError
        When it cannot be split so.
    """
    return inner_folds(
        fold,
        store.clip_ids,
        store.subjects,
        store.labels,
        classes=config.data.labels,
        folds=config.select.folds,
        seed=config.protocol.seed,
    )
