"""Rows of the tables of all studies: metrics with intervals, paired tests, what a row rests on."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from microexpr.config import Evaluate
from microexpr.evaluation.metrics import ALL, holm, mcnemar, percentile_interval, subject_weights
from microexpr.evaluation.pooled import Evaluation, Key, System
from microexpr.protocol.predictions import method_order

METRICS = ("accuracy", "uf1", "uar")
SCORES = (
    *(f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")),
    "accuracy_sd_seeds",
)
WHOLE = ("n", "b", "c", "seeds")  # columns of whole numbers, some of whose cells are empty
COMPARISONS = [
    *("method_a", "method_b", "feature_mode", "n", "b", "c", "p", "p_holm"),
    *("difference", "low", "high", "confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "cut", "weights_sha256", "data"),
]


def study_table(
    evaluation: Evaluation,
    keys: Sequence[Key],
    own: Sequence[dict[str, Any]],
    columns: Sequence[str],
) -> pd.DataFrame:
    """Score a reference and some systems, and compare each system with the reference.

    `keys` are the reference, which is named in advance and not the best one; the systems, one
    family of tests; and last controls that look at no face, which are compared with nothing. `own`
    holds the study's columns for each key; `columns` orders them, :func:`score_row`'s and
    :func:`paired_tests`'.
    """
    systems = [cast(System, key) for key in keys if key in evaluation.predicted]
    tests = paired_tests(evaluation, [(system, systems[0]) for system in systems[1:]])
    compared = [{}, *tests, *({} for _ in keys[len(systems) :])]
    rows = [
        score_row(evaluation, key) | test | more
        for key, test, more in zip(keys, compared, own, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype({name: "Int64" for name in WHOLE if name in table})


def score_row(evaluation: Evaluation, key: Key) -> dict[str, Any]:
    """Return the columns of one system or control that stand on its own predictions."""
    found = {row["metric"]: row for row in evaluation.rows(key) if row["class"] == ALL}
    accuracy = found["accuracy"]
    scores = {
        metric + end: found[metric][column]
        for metric in METRICS
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return {
        **{name: accuracy[name] for name in ("method", "feature_mode", "n")},
        **scores,
        "accuracy_sd_seeds": accuracy["sd_seeds"],
        **evaluation.extent(accuracy["seeds"]),
    }


def paired_tests(
    evaluation: Evaluation, pairs: Iterable[tuple[System, System]]
) -> list[dict[str, Any]]:
    """Compare two systems of each pair on the same clips; all pairs are one family of tests.

    difference is that of the accuracies (first minus second, mean over seeds), with its paired
    bootstrap interval over subjects. b and c are the clips that only the first, only the second
    classifies correctly (in most of several seeds), p the exact McNemar test on them, p_holm
    corrected for the number of pairs.
    """
    tests = []
    for pair in pairs:
        right_a, right_b = (evaluation.predicted[key] == evaluation.truth for key in pair)
        b, c, p = mcnemar(right_a.mean(axis=0) > 0.5, right_b.mean(axis=0) > 0.5)
        values_a, values_b = (evaluation.resampled(key)["accuracy", ALL] for key in pair)
        low, high = evaluation.interval(values_a - values_b)
        difference = right_a.mean() - right_b.mean()
        bounds = {"difference_low": low, "difference_high": high}
        tests.append({"difference": difference, **bounds, "b": b, "c": c, "p": p})
    corrected = holm([test["p"] for test in tests])
    return [test | {"p_holm": p} for test, p in zip(tests, corrected, strict=True)]


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Compare every two methods; p_holm is corrected for the N of a pair and feature mode."""
    systems = list(evaluation.predicted)
    methods = method_order(method for method, _, _ in systems)
    rows = []
    for a, b in combinations(methods, 2):
        for mode in dict.fromkeys(mode for _, mode, _ in systems):
            sizes = [n for m, r, n in systems if (m, r) == (a, mode) and (b, mode, n) in systems]
            tests = paired_tests(evaluation, [((a, mode, n), (b, mode, n)) for n in sizes])
            for n, test in zip(sizes, tests, strict=True):
                about = {"method_a": a, "method_b": b, "feature_mode": mode, "n": n}
                bounds = {"low": test["difference_low"], "high": test["difference_high"]}
                seeds = len(evaluation.predicted[a, mode, n])
                rows.append(about | test | bounds | evaluation.extent(seeds))
    return pd.DataFrame(rows, columns=COMPARISONS)


class SubjectMeans:
    """Means over clips of `subjects`, with intervals over these unless `statistics` is None."""

    def __init__(self, subjects: ArrayLike, statistics: Evaluate | None) -> None:
        names, self._number = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
        self.subjects, self._statistics = len(names), statistics
        if statistics is not None and len(names) > 1:
            draws, seed = statistics.bootstrap, statistics.seed
            self._weights = subject_weights(len(names), resamples=draws, seed=seed)

    def interval(self, values: ArrayLike) -> tuple[float, float]:
        """Return the interval of the mean of C values; NaN where there is one subject."""
        if self._statistics is None or self.subjects < 2:
            return np.nan, np.nan
        sums = np.bincount(self._number, weights=np.asarray(values, dtype=float))
        means = (self._weights @ sums) / (self._weights @ np.bincount(self._number))
        return percentile_interval(means, self._statistics.confidence)
