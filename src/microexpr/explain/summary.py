"""``regions.csv``: what maps say on average, with intervals over subjects.

Clips of one subject are alike, so subjects are resampled, as in every other table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from microexpr.evaluation.intervals import percentile_interval, subject_weights
from microexpr.evaluation.basis import Statistics
from microexpr.explain.regions import REGIONS

ALL = "all"
MOVING = "moving"
CORRELATION = "rank_correlation"
GROUP = ["method", "model", "block"]


def region_table(
    clips: pd.DataFrame, *, classes: Sequence[str], statistics: Statistics
) -> pd.DataFrame:
    """Average over clips.

    Parameters
    ----------
    clips : DataFrame
        ``clips.csv`` of all methods with a column method.
    classes : sequence of str
        Order of the classes.
    statistics : Statistics
        How intervals are made.

    Returns
    -------
    DataFrame
        One row a method, model, block, class (``all``: every class), fold (``all``: every fold),
        measure and region. ``share``: mean share of a map in the region; ``peak``: share of clips
        whose peak lies in it, which is the hit rate of the pointing game of Zhang et al. (2018).
        For generated clips, region ``moving``: ``share`` and ``peak`` on the pixels that really
        move, and ``peak_other_class``: the same peaks on what moves in clips of other classes.
        ``rank_correlation`` is that with the trained network's map of the same clip and block; it
        has no region. ``chance`` is the region's share of the crop. Intervals are over subjects,
        for all folds together only. Maps without any positive value are counted in ``empty`` and
        left out.
    """
    frame = clips.assign(subject=clips["subject"].astype(str))
    rows = [
        row
        for key, group in frame.groupby(GROUP, sort=False)
        for row in _rows(dict(zip(GROUP, key, strict=True)), group, classes, statistics)
    ]
    return pd.DataFrame(rows)


def _rows(
    system: dict[str, Any], group: pd.DataFrame, classes: Sequence[str], statistics: Statistics
) -> Iterator[dict[str, Any]]:
    folds = list(dict.fromkeys(group["fold"]))
    for name in (*classes, ALL):
        mine = group if name == ALL else group[group["label"] == name]
        for fold in (ALL, *folds):
            part = mine if fold == ALL else mine[mine["fold"] == fold]
            if len(part):
                about = {**system, "class": name, "fold": fold}
                # One fold has one subject or few: no interval.
                resamples = statistics if fold == ALL else None
                yield from (about | row for row in _measures(part, resamples))


def _measures(part: pd.DataFrame, statistics: Statistics | None) -> Iterator[dict[str, Any]]:
    seen = part[part["peak"] != ""]
    about = {"clips": len(seen), "subjects": seen["subject"].nunique()}
    about["empty"] = len(part) - len(seen)
    columns = {
        (measure, region): (
            seen[f"share_{region}"] if measure == "share" else (seen["peak"] == region) * 1.0,
            part[f"area_{region}"],
        )
        for measure in ("share", "peak")
        for region in REGIONS
    }
    columns[CORRELATION, ""] = seen["like_trained"], pd.Series([np.nan])
    if "hit" in part:
        for measure, column in (
            ("share", "mass"),
            ("peak", "hit"),
            ("peak_other_class", "elsewhere"),
        ):
            columns[measure, MOVING] = seen[column], part["area"]
    draws = _resampled(seen["subject"], columns, statistics)
    for (measure, region), (values, chance) in columns.items():
        low, high = draws.get((measure, region), (np.nan, np.nan))
        yield {
            "measure": measure,
            "region": region,
            "value": values.mean() if len(values) else np.nan,
            "low": low,
            "high": high,
            "chance": chance.mean(),
            **about,
        }


def _resampled(
    subjects: pd.Series,
    columns: dict[tuple[str, str], tuple[pd.Series, pd.Series]],
    statistics: Statistics | None,
) -> dict[tuple[str, str], tuple[float, float]]:
    """Intervals of the means, by measure; none without statistics or with a single subject."""
    names, number = np.unique(subjects, return_inverse=True)
    if statistics is None or len(names) < 2:
        return {}
    weights = subject_weights(len(names), resamples=statistics.resamples, seed=statistics.seed)
    counts = np.bincount(number)
    found = {}
    for key, (values, _) in columns.items():
        sums = np.bincount(number, weights=values)
        means = (weights @ sums) / (weights @ counts)
        found[key] = percentile_interval(means, statistics.confidence)
    return found
