"""Stage ablation: one factor at a time from one method, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.datasets import manifest, title
from microexpr.evaluation.basis import Basis, Origin, Statistics
from microexpr.protocol import predictions
from microexpr.runtime.tables import write_table
from microexpr.studies import ablation
from microexpr.studies.ablation_table import ablation_table


def run(
    config: Config,
    sources: Sequence[Path],
    output: Path,
    *,
    manifest_path: Path,
    features: Sequence[Path],
    full: bool = False,
) -> None:
    """Score the rows of the ablation and compare them with the default.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``features``, ``train``, ``protocol``, ``evaluate`` and ``ablation``.
    sources : sequence of Path
        Predictions of all rows.
    output : Path
        ``ablation.csv``.
    manifest_path : Path
        ``manifest.csv``: who must have been tested.
    features : sequence of Path
        Caches of features, at least one of each network; they name the weights.
    full : bool
        The product of all levels.

    Raises
    ------
    ConfigError, CacheError, DataError, ProtocolError
        When the levels are impossible, or predictions are missing or do not fit together.
    """
    weights = dict(_weights(path) for path in features)
    backbone, cut = config.features.backbone, config.features.cut
    table = ablation_table(
        predictions.read(sources, config.data.labels),
        Basis(
            manifest.read(manifest_path),
            config.data.labels,
            Origin(
                protocol=config.protocol.name,
                backbone=backbone,
                cut=cut,
                weights_sha256=weights.get((backbone, cut), ""),
                data=title(config.data),
            ),
            Statistics.of(config.evaluate),
        ),
        ablation.rows(config, full=full),
        config=config,
        weights=weights,
    )
    write_table(output, table)


def _weights(path: Path) -> tuple[tuple[str, int], str]:
    with open_cache(path, "features") as cache:
        about = cache[cache.clip_ids[0]].attributes
        network = str(about["backbone"]), int(about["cut"])
        return network, str(cache.attributes["weights_sha256"])
