"""``comparison.csv``: the systems of other authors, each beside the figure that was published.

All systems answer for the same clips in the same folds, and their intervals come from the same
resamples of the subjects. Each is compared with one method of this pipeline that is named in advance.
Published figures stand in columns of their own: they were measured on other clips or under another
protocol, and no interval or test refers to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from microexpr.baselines.base import Published
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError, ProtocolError
from microexpr.evaluation.comparisons import compare_pair
from microexpr.evaluation.intervals import holm
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import MAJORITY, Evaluation, Origin, Statistics, System
from microexpr.protocol import predictions

METRICS = ("accuracy", "uf1", "uar")
ANOTHER_PROTOCOL = "as published, another protocol: {}"
COLUMNS = [
    *("method", "feature_mode", "n"),
    *(f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")),
    "accuracy_sd_seeds",
    *("against", "b", "c", "p", "p_holm", "difference", "difference_low", "difference_high"),
    *("confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "data"),
    *(f"published_{metric}" for metric in METRICS),
    *("published_protocol", "published_source"),
]


@dataclass(frozen=True)
class Reference:
    """The method that all systems are compared with.

    Parameters
    ----------
    method, feature mode, n
        Its cell of the table.
    published : Published
        What its authors print.
    """

    method: str
    feature_mode: str
    n: int
    published: Published

    @property
    def key(self) -> System:
        """As in predictions."""
        return self.method, self.feature_mode, self.n


def comparison(
    frame: pd.DataFrame,
    clips: Sequence[Clip],
    *,
    classes: Sequence[str],
    reference: Reference,
    published: Mapping[str, Published],
    with_backbone: Sequence[str],
    origin: Origin,
    statistics: Statistics,
) -> pd.DataFrame:
    """Score every system and compare it with the reference.

    Parameters
    ----------
    frame : DataFrame
        Predictions of the systems and of the reference, from `predictions.read`.
    clips : sequence of Clip
        The manifest.
    classes : sequence of str
        All class names.
    reference : Reference
        Other cells of its method are left out.
    published : mapping of str to Published
        The systems, in the order of the rows.
    with_backbone : sequence of str
        Those that see the frames through ``features.backbone``.
    origin : Origin
        How the predictions came about.
    statistics : Statistics
        How intervals are made.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; the reference first, then a row a system, then the majority class.
        difference is the accuracy minus the reference's, its interval the paired bootstrap over
        subjects. b and c are the clips that only the system, only the reference answers rightly, p
        the exact McNemar test on them, p_holm corrected for the number of systems. With several
        seeds a clip counts as right when more than half of them are.

    Raises
    ------
    ConfigError
        When the predictions lack the reference or a system.
    DataError, ProtocolError
        As `predictions.check`, and when two systems test a clip in different folds.
    """
    chosen = frame[frame["method"].isin(list(published)) | _is(frame, reference)]
    _check(chosen, clips, reference, published, classes=classes, protocol=origin.protocol)
    evaluation = Evaluation(chosen, clips, classes=classes, origin=origin, statistics=statistics)
    rows = _Rows(evaluation, reference)
    found = {method: (method, feature_mode, n) for method, feature_mode, n in evaluation.answers}
    tests = [rows.test(found[name]) for name in published]
    corrected = holm([test["p"] for test in tests])
    table = [rows.row(reference.key) | _figures(reference.published)]
    for name, test, p in zip(published, tests, corrected, strict=True):
        table.append(rows.row(found[name]) | test | {"p_holm": p} | _figures(published[name]))
    for row in table:
        seen = row["method"] in (reference.method, *with_backbone)
        row["backbone"] = origin.backbone if seen else ""
    table.append(rows.row((MAJORITY, "", 0)) | {"feature_mode": "", "n": pd.NA, "backbone": ""})
    return pd.DataFrame(table, columns=COLUMNS).astype(
        dict.fromkeys(("n", "b", "c", "seeds"), "Int64")
    )


class _Rows:
    """Rows of the table from one evaluation."""

    def __init__(self, evaluation: Evaluation, reference: Reference) -> None:
        self.evaluation, self.reference = evaluation, reference
        metrics = evaluation.metrics()
        metrics = metrics[(metrics["class"] == ALL) & metrics["metric"].isin(METRICS)]
        keys = [metrics["method"], metrics["feature_mode"], metrics["n"].fillna(0).astype(int)]
        self.metrics = metrics.set_index([*keys, metrics["metric"]])

    def row(self, key: System) -> dict[str, Any]:
        """Metrics with intervals of a system or of the majority class."""
        values = {metric: self.metrics.loc[(*key, metric)] for metric in METRICS}
        scores = {
            metric + end: value[column]
            for metric, value in values.items()
            for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        return {
            **dict(zip(("method", "feature_mode", "n"), key, strict=True)),
            **scores,
            "accuracy_sd_seeds": values["accuracy"]["sd_seeds"],
            **self.evaluation.extent(int(values["accuracy"]["seeds"])),
        }

    def test(self, key: System) -> dict[str, Any]:
        """Compare a system with the reference."""
        found = compare_pair(self.evaluation, key, self.reference.key)
        method, feature_mode, n = self.reference.key
        return {
            "against": f"{method} {feature_mode} N={n}",
            **{name: found[name] for name in ("b", "c", "p", "difference")},
            "difference_low": found["low"],
            "difference_high": found["high"],
        }


def _figures(published: Published) -> dict[str, Any]:
    figures = {f"published_{m}": getattr(published, m) for m in METRICS}
    return {
        **{name: np.nan if value is None else value for name, value in figures.items()},
        "published_protocol": ANOTHER_PROTOCOL.format(published.protocol),
        "published_source": published.source,
    }


def _is(frame: pd.DataFrame, reference: Reference) -> pd.Series:
    return (
        (frame["method"] == reference.method)
        & (frame["feature_mode"] == reference.feature_mode)
        & (frame["n"] == reference.n)
    )


def _check(
    frame: pd.DataFrame,
    clips: Sequence[Clip],
    reference: Reference,
    published: Mapping[str, Published],
    *,
    classes: Sequence[str],
    protocol: str,
) -> None:
    """Refuse what cannot be compared. Seeds may differ: each system is checked alone."""
    runs = dict(_by_system(frame))
    if reference.key not in runs:
        method, feature_mode, n = reference.key
        raise ConfigError(
            f"compare.against: no predictions of method {method}, feature mode {feature_mode}, N {n}"
        )
    absent = [name for name in published if name not in {method for method, _, _ in runs}]
    if absent:
        raise ConfigError(f"compare.systems: no predictions of {absent[0]}")
    for run in runs.values():
        predictions.check(run, clips, classes=classes, protocol=protocol)
    folds = frame.groupby("clip_id")["fold"].nunique()
    if (folds > 1).any():
        raise ProtocolError(
            f"clip {folds.index[np.argmax(folds > 1)]} is tested in different folds by the systems"
        )
    tested = {frozenset(run["clip_id"]) for run in runs.values()}
    if len(tested) > 1:
        raise ProtocolError("the systems are tested on different clips")


def _by_system(frame: pd.DataFrame) -> Iterator[tuple[System, pd.DataFrame]]:
    yield from frame.groupby(predictions.SYSTEM, sort=False)
