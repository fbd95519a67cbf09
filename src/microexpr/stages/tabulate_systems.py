"""Stage tabulate_systems: the compared systems beside one of our methods, in one table."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.evaluation import TableSettings
from microexpr.config.studies import ComparedSystems
from microexpr.config.training import FeatureModes
from microexpr.stages import MANIFEST, Stage, Table


class TabulateSystemsSettings(TableSettings):
    """What the table follows from."""

    train: FeatureModes
    compare: ComparedSystems


STAGE = Stage(
    "tabulate_systems",
    "compare the compared systems with one of our methods, in a table",
    settings=TabulateSystemsSettings,
    inputs={
        "systems": Table("predictions of the systems (.csv)", many=True),
        "method": Table("predictions of our method (.csv)", many=True),
        "manifest": MANIFEST,
    },
    outputs={"table": Table("comparison.csv")},
)


def run(
    settings: TabulateSystemsSettings,
    *,
    systems: list[Path],
    method: list[Path],
    manifest: Path,
    table: Path,
) -> None:
    """Score the systems, compare them with ``compare.against``, and write the table.

    Raises
    ------
    ConfigError, DataError, ProtocolError
        When predictions are missing or do not fit together.
    """
    from microexpr import baselines
    from microexpr.evaluation.pooled import Basis
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import POSTER_FIGURE, Reference, comparison

    against = settings.compare.against
    mode = settings.train.feature_modes[0]
    found = comparison(
        read([*systems, *method], settings.data.labels),
        Basis.of(settings, manifest),
        reference=Reference(against.method, mode, against.n, POSTER_FIGURE),
        published={name: baselines.published(name) for name in settings.compare.systems},
        with_backbone=[baselines.OWN_NETWORK],
    )
    write_table(table, found)
