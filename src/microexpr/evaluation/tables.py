"""The files of results: tidy ones, and ``table.csv`` in the poster's shape.

Accuracy is the plain accuracy, the sum of right answers over all clips, as on the poster (whose
Averages are multiples of 1/66 and not means of the rows below them). A class row is the recall of
that class: the accuracy on its clips, the only per-class value of which Accuracy is the mean,
weighted by support. Whether the poster's class rows are recall or precision is not stated; both,
with F1, UF1 and UAR, are in ``metrics.csv``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, ProtocolError
from microexpr.evaluation import selection
from microexpr.evaluation.comparisons import comparisons
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import MAJORITY, Evaluation, Origin, Statistics
from microexpr.protocol import predictions
from microexpr.runtime.tables import write_table

ACCURACY = "Accuracy"
NESTED = "_nested"  # ends the method of a nested choice in metrics.csv
CONTROLS = ("single_frame", "permuted_labels")
ABOUT = ["clips", "subjects", "seeds", "protocol", "backbone", "feature_mode", "data"]
FILES = (
    "predictions.csv",
    "metrics.csv",
    "comparisons.csv",
    "confusion.csv",
    "table.csv",
    "table_feature_modes.csv",
)


def write_results(
    sources: Sequence[str | os.PathLike[str]],
    clips: Sequence[Clip],
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str],
    methods: Sequence[str],
    feature_modes: Sequence[str],
    n: Sequence[int],
    origin: Origin,
    statistics: Statistics,
    controls: Mapping[str, str] | None = None,
    inner: Sequence[str | os.PathLike[str]] = (),
    choices: selection.Choices | None = None,
) -> None:
    """Evaluate predictions and write all of `FILES` into a folder.

    Parameters
    ----------
    sources : sequence of path-like
        Files of predictions, in any order.
    clips : sequence of Clip
        The manifest.
    folder : path-like
        ``results``.
    classes, methods, feature modes, n
        ``data.labels``, ``magnify.methods``, ``train.feature_modes`` and ``windows.n``. The first
        feature mode fills ``table.csv``, the others ``table_feature_modes.csv``.
    origin : Origin
        How the predictions came about.
    statistics : Statistics
        How intervals are made.
    controls : mapping of str to str
        Controls that were trained: what their predictions call the method, by name.
    inner : sequence of path-like
        Files of predictions on inner folds.
    choices : mapping
        What is chosen on the inner folds, see `selection.nested`; ``selected.csv`` is written then.

    Raises
    ------
    DataError, ProtocolError
        As `predictions.read`, `check` and `check_grid`, and `selection.nested`; no file is written
        then.
    """
    controls, choices = controls or {}, choices or {}
    everything = predictions.read(sources, classes)
    candidates = {method for runs in choices.values() for method, _ in runs} - set(methods)
    others = [*controls.values(), *candidates]
    frame = everything[~everything["method"].isin(others)]
    predictions.check(frame, clips, classes=classes, protocol=origin.protocol)
    predictions.check_grid(frame, methods=methods, feature_modes=feature_modes, n=n)
    for method in others:
        part = everything[everything["method"] == method]
        if part.empty:
            raise DataError(f"the predictions lack method {method}")
        predictions.check(part, clips, classes=classes, protocol=origin.protocol)
    _check_same_folds(everything)
    further = {
        (name, feature_mode, frames): rows
        for name, method in controls.items()
        for (feature_mode, frames), rows in everything[everything["method"] == method].groupby(
            ["feature_mode", "n"]
        )
    }
    if choices:
        answers = predictions.read(inner, classes)
        chosen, selected = selection.nested(everything, answers, clips, choices, classes=classes)
        further |= chosen
    evaluation = Evaluation(
        frame, clips, classes=classes, origin=origin, statistics=statistics, further=further
    )
    metrics = evaluation.metrics()
    tables = [poster_table(metrics, classes=classes, n=n, feature_mode=r) for r in feature_modes]
    others = pd.concat(tables[1:]) if tables[1:] else tables[0].iloc[:0]
    compared = comparisons(evaluation)
    folder = Path(folder)
    predictions.write(folder / "predictions.csv", frame)
    if choices:
        write_table(folder / "selected.csv", selected)
    write_table(folder / "metrics.csv", metrics)
    write_table(folder / "comparisons.csv", compared)
    write_table(folder / "confusion.csv", evaluation.confusions())
    write_table(folder / "table_feature_modes.csv", others)
    write_table(folder / "table.csv", tables[0])


def poster_table(
    metrics: pd.DataFrame, *, classes: Sequence[str], n: Sequence[int], feature_mode: str
) -> pd.DataFrame:
    """Arrange one feature mode as on the poster: a column for each N, a row for each method and class.

    Parameters
    ----------
    metrics : DataFrame
        From `Evaluation.metrics`.
    classes : sequence of str
        Order of the class rows.
    n : sequence of int
        Order of the columns.
    feature_mode : str
        Which one.

    Returns
    -------
    DataFrame
        Columns method, class, one for each N, then `ABOUT`, then ``<N>_low`` and ``<N>_high``.
        The methods in the order of `predictions.METHODS`, Accuracy first, and last what a nested
        choice gets, where one was made: the same for every N where N itself was chosen. The last
        row is the accuracy of the commonest class, which is the same for every N.

    Raises
    ------
    DataError
        When the metrics lack a cell.
    """
    chosen = metrics[metrics["feature_mode"] == feature_mode]
    if chosen.empty:
        raise DataError(f"no metrics for feature mode {feature_mode!r}")
    rows = []
    beside = chosen["method"].isin(CONTROLS) | chosen["method"].str.endswith(NESTED)
    for method in predictions.method_order(chosen["method"][~beside]):
        mine = chosen[chosen["method"] == method].set_index(["n", "metric", "class"])
        for metric, name in (("accuracy", ALL), *(("recall", name) for name in classes)):
            cells = {}
            for frames in n:
                if (frames, metric, name) not in mine.index:
                    raise DataError(
                        f"no {metric} of method {method}, feature mode {feature_mode}, n {frames}, {name}"
                    )
                cells[frames] = mine.loc[frames, metric, name]
            rows.append(_row(method, ACCURACY if name == ALL else name.capitalize(), cells))
        rows += _nested_rows(chosen, method, n)
    floor = metrics[(metrics["method"] == MAJORITY) & (metrics["metric"] == "accuracy")].iloc[0]
    rows.append(_row(MAJORITY, ACCURACY, dict.fromkeys(n, floor)))
    return pd.DataFrame(rows)


def _nested_rows(metrics: pd.DataFrame, method: str, n: Sequence[int]) -> list[dict[str, object]]:
    mine = metrics[(metrics["method"] == method + NESTED) & (metrics["metric"] == "accuracy")]
    if mine.empty:
        return []
    if mine["n"].isna().all():
        return [_row(method, f"{ACCURACY}, N chosen", dict.fromkeys(n, mine.iloc[0]))]
    cells = {int(cell["n"]): cell for _, cell in mine.iterrows()}
    return [_row(method, f"{ACCURACY}, alpha chosen", {frames: cells[frames] for frames in n})]


def _check_same_folds(frame: pd.DataFrame) -> None:
    """Refuse runs that test a clip in different folds: they are not comparable."""
    folds = frame.groupby("clip_id")["fold"].nunique()
    if (folds > 1).any():
        name = folds.index[folds > 1][0]
        raise ProtocolError(f"clip {name} is tested in {folds[name]} different folds by the runs")


def _row(method: str, name: str, cells: dict[int, pd.Series]) -> dict[str, object]:
    about = next(iter(cells.values()))
    bounds = {
        f"{frames}_{side}": cell[side] for frames, cell in cells.items() for side in ("low", "high")
    }
    values = {str(frames): cell["value"] for frames, cell in cells.items()}
    return {"method": method, "class": name, **values, **about[ABOUT].to_dict(), **bounds}
