"""Stage tabulate_ablation: one factor at a time from one method, in one table."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.evaluation import TableSettings
from microexpr.stages import MANIFEST, Cache, Option, Stage, Table
from microexpr.studies.ablation import AblationSettings, rows


class TabulateAblationSettings(TableSettings, AblationSettings):
    """What the table follows from."""


STAGE = Stage(
    "tabulate_ablation",
    "compare the rows of the ablation with the default, in a table",
    settings=TabulateAblationSettings,
    inputs={
        "predictions": Table("predictions of all rows (.csv)", many=True),
        "features": Cache(
            "features: at least one of each network, they name the weights", many=True
        ),
        "manifest": MANIFEST,
    },
    outputs={"table": Table("ablation.csv")},
    options={"full": Option("all combinations of levels", bool, default=False)},
)


def run(
    settings: TabulateAblationSettings,
    *,
    predictions: list[Path],
    features: list[Path],
    manifest: Path,
    table: Path,
    full: bool = False,
) -> None:
    """Score the rows of the ablation and compare them with the default.

    Raises
    ------
    ConfigError, CacheError, DataError, ProtocolError
        When the levels are impossible, or predictions are missing or do not fit together.
    """
    from microexpr.evaluation.pooled import Basis
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import ablation_table, weights_of

    weights = weights_of(features)
    network = settings.features.backbone, settings.features.cut
    found = ablation_table(
        read(predictions, settings.data.labels),
        Basis.of(settings, manifest, weights.get(network, "")),
        rows(settings, full=full),
        weights=weights,
    )
    write_table(table, found)
