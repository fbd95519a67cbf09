"""Stage figures: the tables of a run as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from microexpr.config import Config
from microexpr.evaluation.metrics import read_confusion, read_epochs, read_metrics
from microexpr.evaluation.names import method_name
from microexpr.figures import style, tables
from microexpr.protocol.predictions import read
from microexpr.runtime.progress import track


def run(
    config: Config,
    epochs: Sequence[Path],
    folder: Path,
    *,
    metrics: Path,
    predictions: Path,
    confusion: Path,
) -> None:
    """Draw accuracy, recall, subjects, confusion matrices and training curves.

    Parameters
    ----------
    config : Config
        Sections ``data`` and ``train``.
    epochs : sequence of Path
        ``.epochs.csv`` of all methods, N and parts.
    folder : Path
        ``results/figures``: ``accuracy``, ``recall``, ``subjects``, and for each method and N
        ``confusion_<method>_N<n>`` and ``training_<method>_N<n>``, each as PDF, SVG and PNG.
    metrics, predictions, confusion : Path
        Tables of stage evaluate.

    Raises
    ------
    DataError
        When a table cannot be read or was changed after it was written.
    """
    feature_mode, synthetic = config.train.feature_modes[0], config.data.kind == "demo"
    look = {"feature_mode": feature_mode, "synthetic": synthetic}
    measured, answers = read_metrics(metrics), read([predictions], config.data.labels)
    counts = read_confusion(confusion)
    curves = pd.concat([read_epochs(path) for path in epochs], ignore_index=True)
    with style.paper():
        style.save(tables.accuracy_against_n(measured, **look), folder / "accuracy")
        style.save(tables.recall_against_n(measured, **look), folder / "recall")
        style.save(tables.subject_accuracy(answers, **look), folder / "subjects")
        counts = counts[counts["feature_mode"] == feature_mode]
        for name, mine in track(_cells(counts).items(), "confusion matrices"):
            figure = tables.confusion_matrix(
                mine, classes=config.data.labels, title=_title(mine), synthetic=synthetic
            )
            style.save(figure, folder / f"confusion_{name}")
        for name, mine in track(_cells(curves).items(), "training curves"):
            figure = tables.training_curves(mine, title=_title(mine), synthetic=synthetic)
            style.save(figure, folder / f"training_{name}")


def _cells(frame: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Split by method and N; the keys are parts of file names."""
    return {f"{m}_N{n}": rows for (m, n), rows in frame.groupby(["method", "n"], sort=False)}


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{method_name(first['method'])}, N = {first['n']}"
