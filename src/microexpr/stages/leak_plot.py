"""Stage leak_plot: what a leak feigns, as a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.datasets import title
from microexpr.evaluation.basis import Statistics
from microexpr.figures.tables import draw_leak
from microexpr.runtime.tables import write_table
from microexpr.studies.leak_table import leak_table, read_predictions


def run(config: Config, answers: Sequence[Path], output: Path) -> None:
    """Tabulate and draw the answers of stage leak.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``features`` and ``evaluate``.
    answers : sequence of Path
        Of all ``leak.methods``.
    output : Path
        ``leak.csv``; ``leak.pdf`` and ``leak.png`` are written beside it.

    Raises
    ------
    DataError
        When a file cannot be read.
    """
    features = config.features
    table = leak_table(
        read_predictions(answers),
        statistics=Statistics.of(config.evaluate),
        about={"backbone": features.backbone, "cut": features.cut, "data": title(config.data)},
    )
    draw_leak(table, [output.with_suffix(suffix) for suffix in (".pdf", ".png")])
    write_table(output, table)
