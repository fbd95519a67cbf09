"""Stage leak: the clips of one method split by window, by clip and by subject."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from microexpr.config import Config
from microexpr.fingerprints.code import Code
from microexpr.runtime.tables import write_table
from microexpr.stages.train import check_features, fine_tuned, recipe
from microexpr.studies.leak import train_leaking
from microexpr.training.store import open_features


def run(
    config: Config,
    features: Sequence[Path],
    output: Path,
    *,
    manifest_path: Path,
    method: str,
    device: str = "cpu",
) -> None:
    """Train under each split and write the answers.

    Parameters
    ----------
    config : Config
        As for the stage train, with ``protocol.folds``, ``protocol.seed`` and section ``leak``.
    features : sequence of Path
        Caches of kind features: all shards of the method.
    output : Path
        Answers (CSV), see :func:`microexpr.studies.leak.train_leaking`. Finished folds are
        kept in ``.progress/`` until all are finished.
    manifest_path : Path
        ``manifest.csv``: subjects and labels.
    method : str
        Name of the method.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    CacheError, ProtocolError, DataError, ConfigError
        When the features do not fit together or the clips cannot be split so.
    """
    settings, protocol = config.leak, config.protocol
    progress = output.with_suffix(".progress")
    with open_features(features, manifest_path) as store:
        check_features(config, store)
        frame = train_leaking(
            store,
            replace(recipe(config, settings.n), feature_mode=settings.feature_mode),
            test_share=settings.test_share,
            folds=protocol.folds,
            seed=protocol.seed,
            progress_dir=progress,
            source_sha256=Code("leak", network=config.features.backbone).accepted,
            fine_tuned=fine_tuned(config, device),
            device=device,
        )
    about = {"method": method, "feature_mode": settings.feature_mode, "n": settings.n}
    write_table(output, frame.assign(**about)[[*about, *frame.columns]])
    shutil.rmtree(progress, ignore_errors=True)
