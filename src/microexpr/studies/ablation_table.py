"""What each part is worth: ``ablation.csv``.

The poster's four figures stand in a column of their own: they were measured under another protocol,
on other data, and no interval or test refers to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from microexpr.config import Config, overlaid
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError
from microexpr.evaluation.comparisons import compare_pair
from microexpr.evaluation.intervals import holm
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import Evaluation, Origin, Statistics
from microexpr.protocol import predictions
from microexpr.studies.ablation import POSTER, Row

METRICS = ("accuracy", "uf1", "uar")
NOTE = "as published, another protocol"
COLUMNS = [
    *("factor", "level", "magnification", "head", "feature_mode", "weights", "blocks", "n"),
    *(f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")),
    "accuracy_sd_seeds",
    *("difference", "difference_low", "difference_high", "b", "c", "p", "p_holm"),
    *("confidence", "clips", "subjects", "seeds", "protocol", "subject_independent"),
    *("backbone", "cut", "weights_sha256", "data", "changes", "poster_accuracy", "poster_note"),
]
Weights = Mapping[tuple[str, int], str]  # checksum of the weights, by backbone and cut


def ablation_table(
    frame: pd.DataFrame,
    clips: Sequence[Clip],
    rows: Sequence[Row],
    *,
    config: Config,
    weights: Weights,
    origin: Origin,
    statistics: Statistics,
) -> pd.DataFrame:
    """Score every row and compare it with the first one, the default.

    Parameters
    ----------
    frame : DataFrame
        Predictions of all rows, from `predictions.read`; others are left out.
    clips : sequence of Clip
        The manifest.
    rows : sequence of Row
        From `microexpr.studies.ablation.rows`.
    config : Config
        What the rows' changes refer to.
    weights : mapping
        Of every network.
    origin : Origin
        How the default's predictions came about.
    statistics : Statistics
        How intervals are made.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. difference is the accuracy minus the default's, its interval the paired
        bootstrap over subjects. b and c are the clips that only the row, only the default answers
        rightly, p the exact McNemar test on them, p_holm corrected for the number of rows.

    Raises
    ------
    DataError, ProtocolError
        As `predictions.check`, and when a row or the weights of its network are missing.
    """
    systems = {row.system for row in rows}
    keys = list(frame[predictions.SYSTEM].itertuples(index=False, name=None))
    chosen = frame[[key in systems for key in keys]]
    if missing := systems - set(keys):
        raise DataError(
            "the predictions lack method {}, feature mode {}, n {}".format(*min(missing))
        )
    classes = config.data.labels
    predictions.check(chosen, clips, classes=classes, protocol=origin.protocol)
    evaluation = Evaluation(chosen, clips, classes=classes, origin=origin, statistics=statistics)
    metrics = evaluation.metrics()
    metrics = metrics[metrics["class"] == ALL].set_index([*predictions.SYSTEM, "metric"])
    table = [_row(row, metrics, evaluation, config=config, weights=weights) for row in rows]
    tests = [compare_pair(evaluation, row.system, rows[0].system) for row in rows[1:]]
    corrected = holm([test["p"] for test in tests])
    for values, test, p in zip(table[1:], tests, corrected, strict=True):
        values.update({key: test[key] for key in ("difference", "b", "c", "p")}, p_holm=p)
        values.update(difference_low=test["low"], difference_high=test["high"])
    made = pd.DataFrame(table, columns=COLUMNS)
    return made.astype(dict.fromkeys(("b", "c"), "Int64"))


def _row(
    row: Row, metrics: pd.DataFrame, evaluation: Evaluation, *, config: Config, weights: Weights
) -> dict[str, Any]:
    values: dict[str, Any] = {"factor": row.factor, "level": row.level, "n": row.run.n}
    for metric in METRICS:
        cell = metrics.loc[(*row.system, metric)]
        values |= {metric: cell["value"], f"{metric}_low": cell["low"]}
        values[f"{metric}_high"] = cell["high"]
    accuracy = metrics.loc[(*row.system, "accuracy")]
    features = config.changed(*row.changes).features
    network = features.backbone, features.cut
    if network not in weights:
        raise DataError("no cache of features of {}, cut {}".format(*network))
    published = POSTER.get((row.factor, row.level), "")
    return {
        **values,
        **row.levels,
        "accuracy_sd_seeds": accuracy["sd_seeds"],
        **evaluation.extent(int(accuracy["seeds"])),
        "backbone": network[0],
        "cut": network[1],
        "weights_sha256": weights[network],
        "changes": json.dumps(overlaid({}, *row.changes)) if row.changes else "",
        "poster_accuracy": published,
        "poster_note": NOTE if published else "",
    }
