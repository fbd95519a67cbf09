"""Stage figures: the tables of a run as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr.config.base import Settings
from microexpr.config.data import LabelledKind
from microexpr.config.training import FeatureModes
from microexpr.stages import File, Stage, Table


class FigureSettings(Settings):
    """What the figures follow from."""

    data: LabelledKind
    train: FeatureModes


STAGE = Stage(
    "figures",
    "draw the tables of a run",
    settings=FigureSettings,
    inputs={
        "metrics": Table("metrics.csv"),
        "predictions": Table("predictions.csv"),
        "confusion": Table("confusion.csv"),
        "epochs": Table("logs of the epochs: all methods, N and chunks (.epochs.csv)", many=True),
    },
    outputs={"folder": File("folder of the figures")},
)


def run(
    settings: FigureSettings,
    *,
    metrics: Path,
    predictions: Path,
    confusion: Path,
    epochs: list[Path],
    folder: Path,
) -> None:
    """Draw accuracy, recall, subjects, confusion matrices and training curves.

    The files are ``accuracy``, ``recall``, ``subjects``, and for each method and N
    ``confusion_<method>_N<n>`` and ``training_<method>_N<n>``, each as PDF, SVG and PNG.

    Raises
    ------
    DataError
        When a table cannot be read or was changed after it was written.
    """
    import pandas as pd

    from microexpr.evaluation.metrics import read_confusion, read_epochs, read_metrics
    from microexpr.figures import style, tables
    from microexpr.protocol.predictions import read
    from microexpr.runtime.progress import track

    labels, mode = settings.data.labels, settings.train.feature_modes[0]
    synthetic = settings.data.kind == "demo"
    measured, answers = read_metrics(metrics), read([predictions], labels)
    counts = read_confusion(confusion)
    curves = pd.concat([read_epochs(path) for path in epochs], ignore_index=True)
    look: dict[str, Any] = {"feature_mode": mode, "synthetic": synthetic}
    with style.paper():
        style.save(tables.accuracy_against_n(measured, **look), folder / "accuracy")
        style.save(tables.recall_against_n(measured, **look), folder / "recall")
        style.save(tables.subject_accuracy(answers, **look), folder / "subjects")
        counts = counts[counts["feature_mode"] == mode]
        for name, title, mine in track(tables.cells(counts), "confusion matrices"):
            figure = tables.confusion_matrix(mine, classes=labels, title=title, synthetic=synthetic)
            style.save(figure, folder / f"confusion_{name}")
        for name, title, mine in track(tables.cells(curves), "training curves"):
            figure = tables.training_curves(mine, title=title, synthetic=synthetic)
            style.save(figure, folder / f"training_{name}")
