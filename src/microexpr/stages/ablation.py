"""Stage tabulate_ablation: one factor at a time from one method, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config.evaluation import TableSettings
from microexpr.stages import Manifest, Option, Reads, Writes
from microexpr.studies.ablation import AblationSettings, rows


class TabulateAblationSettings(TableSettings, AblationSettings):
    """What the table follows from."""


def tabulate_ablation(
    settings: TabulateAblationSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all rows (.csv)")],
    features: Annotated[
        list[Path],
        Reads(
            "caches of features: at least one of each network, they name the weights: all shards "
            "(.h5)"
        ),
    ],
    manifest: Manifest,
    table: Annotated[Path, Writes("ablation.csv")],
    full: Annotated[bool, Option("all combinations of levels")] = False,
) -> None:
    """Compare the rows of the ablation with the default, in a table."""
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
