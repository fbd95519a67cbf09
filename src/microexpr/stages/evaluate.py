"""Stage evaluate: pooled predictions to tables with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.datasets import manifest, title
from microexpr.evaluation.basis import Basis, Origin, Statistics
from microexpr.evaluation.tables import write_results
from microexpr.studies import variants


def run(
    config: Config,
    predictions: Sequence[Path],
    *,
    manifest_path: Path,
    features: Path,
    folder: Path,
    inner: Sequence[Path] = (),
) -> None:
    """Evaluate all predictions together.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``magnify``, ``windows``, ``features``, ``train``, ``protocol``,
        ``select``, ``evaluate`` and ``ablation``.
    predictions : sequence of Path
        Of all methods, N and parts; of ``evaluate.controls``, and of all candidates where
        ``select`` asks for a nested choice.
    manifest_path : Path
        ``manifest.csv``: who must have been tested.
    features : Path
        One cache of features; it names the weights.
    folder : Path
        Where the tables of :data:`microexpr.evaluation.tables.FILES` are written.
    inner : sequence of Path
        Predictions of all candidates on inner folds.

    Raises
    ------
    DataError, ProtocolError
        When clips or runs are missing, occur twice, or do not fit together.
    """
    with open_cache(features, "features") as cache:
        weights_sha256 = str(cache.attributes["weights_sha256"])
    write_results(
        predictions,
        Basis(
            manifest.read(manifest_path),
            config.data.labels,
            Origin(
                protocol=config.protocol.name,
                backbone=config.features.backbone,
                cut=config.features.cut,
                weights_sha256=weights_sha256,
                data=title(config.data),
            ),
            Statistics.of(config.evaluate),
        ),
        folder,
        methods=config.magnify.methods,
        feature_modes=config.train.feature_modes,
        n=config.windows.n,
        controls={name: run.name for name, run in variants.controls(config).items()},
        inner=inner,
        choices={
            key: [(run.method, run.n) for run in runs]
            for key, runs in variants.choices(config).items()
        },
    )
