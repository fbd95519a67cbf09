"""Stage tabulate_leak: how much data leakage inflates accuracy, as a table and a figure."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.base import Settings
from microexpr.config.data import Release
from microexpr.config.evaluation import Bootstrap
from microexpr.config.training import Network
from microexpr.stages import Stage, Table


class TabulateLeakSettings(Settings):
    """What the table follows from."""

    data: Release
    features: Network
    evaluate: Bootstrap


STAGE = Stage(
    "tabulate_leak",
    "compare the accuracy under leaky and clean splits, in a table and a figure",
    settings=TabulateLeakSettings,
    inputs={"predictions": Table("predictions of stage train_leak: all methods (.csv)", many=True)},
    outputs={"table": Table("leak.csv; leak.pdf and leak.png are written beside it")},
)


def run(settings: TabulateLeakSettings, *, predictions: list[Path], table: Path) -> None:
    """Tabulate and draw the predictions under each split.

    Raises
    ------
    DataError
        When a file cannot be read.
    """
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
