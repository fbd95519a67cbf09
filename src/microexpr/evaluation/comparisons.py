"""Which differences between methods are real: ``comparisons.csv``."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from microexpr.evaluation.intervals import holm, mcnemar
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import Evaluation, System
from microexpr.protocol.predictions import method_order

COLUMNS = [
    *("method_a", "method_b", "feature_mode", "n", "b", "c", "p", "p_holm"),
    *("difference", "low", "high", "confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "cut", "weights_sha256", "data"),
]


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Compare every two methods on the same clips, for each feature mode and N.

    Parameters
    ----------
    evaluation : Evaluation
        Predictions that passed `microexpr.protocol.predictions.check`, so that clips are paired.

    Returns
    -------
    DataFrame
        difference is that of the accuracies (a minus b, mean over seeds), low and high its paired
        bootstrap interval over subjects. b and c are the clips that only a, only b answers
        rightly, p the exact McNemar test on them, p_holm corrected for the N of this pair and
        feature mode. With several seeds a clip counts as right when more than half of them are.
    """
    systems = list(evaluation.answers)
    methods = method_order(method for method, _, _ in systems)
    rows: list[dict[str, Any]] = []
    for a, b in combinations(methods, 2):
        for feature_mode in dict.fromkeys(feature_mode for _, feature_mode, _ in systems):
            sizes = [n for method, read, n in systems if (method, read) == (a, feature_mode)]
            family = [
                compare_pair(evaluation, (a, feature_mode, n), (b, feature_mode, n))
                for n in sizes
                if (b, feature_mode, n) in evaluation.answers
            ]
            corrected = holm([row["p"] for row in family])
            rows += [row | {"p_holm": p} for row, p in zip(family, corrected, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_pair(evaluation: Evaluation, a: System, b: System) -> dict[str, Any]:
    """Compare two systems on the same clips: all columns but p_holm."""
    right_a, right_b = (evaluation.answers[key] == evaluation.truth for key in (a, b))
    only_a, only_b, p = mcnemar(right_a.mean(axis=0) > 0.5, right_b.mean(axis=0) > 0.5)
    values_a, values_b = (evaluation.resampled[key]["accuracy", ALL] for key in (a, b))
    low, high = evaluation.interval(values_a - values_b)
    return {
        "method_a": a[0],
        "method_b": b[0],
        "feature_mode": a[1],
        "n": a[2],
        "b": only_a,
        "c": only_b,
        "p": p,
        "difference": right_a.mean() - right_b.mean(),
        "low": low,
        "high": high,
        **evaluation.extent(len(right_a)),
    }
