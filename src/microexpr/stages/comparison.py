"""Stage comparison: the compared systems beside one of our methods, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr import baselines
from microexpr.baselines import Published
from microexpr.config import Config
from microexpr.datasets import manifest, title
from microexpr.evaluation.basis import Basis, Origin, Statistics
from microexpr.protocol import predictions
from microexpr.runtime.tables import write_table
from microexpr.studies import comparison

POSTER = Published(
    accuracy=0.7576,
    protocol="not stated; the poster's cells fit one fold of 66 clips with a fourth class",
    source="Bai, Goecke and Herath, ICIP 2021, doi:10.1109/ICIP42928.2021.9506793",
)


def run(config: Config, sources: Sequence[Path], output: Path, *, manifest_path: Path) -> None:
    """Score the systems, compare them with ``compare.against``, and write the table.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``features``, ``train``, ``protocol``, ``evaluate`` and ``compare``.
    sources : sequence of Path
        Predictions of the systems and of the method that they are compared with.
    output : Path
        ``comparison.csv``.
    manifest_path : Path
        ``manifest.csv``: who must have been tested.

    Raises
    ------
    ConfigError, DataError, ProtocolError
        When predictions are missing or do not fit together.
    """
    against = config.compare.against
    table = comparison.comparison(
        predictions.read(sources, config.data.labels),
        Basis(
            manifest.read(manifest_path),
            config.data.labels,
            Origin(
                protocol=config.protocol.name,
                backbone=config.features.backbone,
                cut=config.features.cut,
                weights_sha256="",
                data=title(config.data),
            ),
            Statistics.of(config.evaluate),
        ),
        reference=comparison.Reference(
            against.method, config.train.feature_modes[0], against.n, POSTER
        ),
        published={name: baselines.published(name) for name in config.compare.systems},
        with_backbone=[baselines.OWN_NETWORK],
    )
    write_table(output, table)
