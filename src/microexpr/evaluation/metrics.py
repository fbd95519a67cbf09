"""Metrics on all tested clips, McNemar's test, Holm's correction; readers of tables of results."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_table

ALL = "all"  # the class of a metric over all classes
OVERALL = ("accuracy", "uf1", "uar", "auc")
PER_CLASS = ("precision", "recall", "f1", "support")
NO_PREDICTION = ""  # the prediction of a clip that no window of N frames fits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Cell = tuple[str, str]  # metric and class
Scores = dict[Cell, Floats]


def count(truth: Ints, predicted: Ints, subjects: Ints, *, classes: int) -> Ints:
    """Count clips by subject, label and prediction, (R, S, K, K + 1); the last prediction is none.

    `truth` and `subjects` are numbers of each clip, (C,), from 0; `predicted` is the class in each
    of R repeats (seeds, or draws of a random control), (R, C); K = `classes` for no prediction.
    """
    repeats, size = len(predicted), (int(subjects.max()) + 1) * classes * (classes + 1)
    cell = (subjects * classes + truth) * (classes + 1) + predicted
    cell = cell + size * np.arange(repeats)[:, None]
    counts = np.bincount(cell.ravel(), minlength=repeats * size)
    return counts.reshape(repeats, -1, classes, classes + 1)


def scores(counts: Floats | Ints, names: Sequence[str]) -> Scores:
    """Compute the metrics of many runs at once: every tested clip of a run, all folds together.

    `counts`, (..., K, K + 1), are confusion counts from :func:`count`; a clip without a prediction
    counts as wrong, a class without a tested clip as 0. Of `ALL` classes: accuracy, uf1 and uar
    (mean F1 and recall, as in MEGC 2019); of each class: precision (0 where never predicted),
    recall, f1 and support.
    """
    clips: Floats = np.asarray(counts, dtype=float)
    hits = np.diagonal(clips, axis1=-2, axis2=-1)
    return class_scores(hits, clips.sum(axis=-1), clips[..., :-1].sum(axis=-2), names)


def class_scores(hits: Floats, support: Floats, predicted: Floats, names: Sequence[str]) -> Scores:
    """Compute :func:`scores` from clips of each class: found, labelled and predicted, (..., K)."""
    recall, f1 = ratio(hits, support), ratio(2 * hits, support + predicted)
    each = (ratio(hits, predicted), recall, f1, support)
    result = {
        ("accuracy", ALL): ratio(hits.sum(axis=-1), support.sum(axis=-1)),
        ("uf1", ALL): f1.mean(axis=-1),
        ("uar", ALL): recall.mean(axis=-1),
    }
    for metric, values in zip(PER_CLASS, each, strict=True):
        result |= {(metric, name): values[..., k] for k, name in enumerate(names)}
    return result


def ratio(above: Floats | Ints, below: Floats | Ints) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Test by McNemar's exact test whether two methods classify the same C clips equally well.

    Return the clips that only the first, only the second classifies correctly, b and c, and the
    two-sided binomial probability of b in b + c. It takes clips as independent.
    """
    b, c = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return b, c, float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0


def holm(p: Sequence[float]) -> Floats:
    """Return p-values that hold for the whole family of tests: Holm's step-down correction."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


# Columns of text; all others hold numbers.
ORIGIN = ("protocol", "subject_independent", "backbone", "weights_sha256", "data")
TEXT = {
    "metrics": ("method", "feature_mode", "metric", "class", *ORIGIN),
    "controls": ("method", "control", "feature_mode", "below", "protocol", "backbone", "data"),
    "comparisons": ("role", "metric", "method_a", "method_b", "feature_mode", *ORIGIN),
    "confusion": ("method", "feature_mode", "label", "predicted"),
    "epochs": ("method", "feature_mode", "fold"),
}


def read_results(path: AnyPath, kind: str) -> pd.DataFrame:
    """Read ``metrics.csv`` or another table of `TEXT`; n is float. DataError: it is none."""
    return read_table(path, text=TEXT[kind])
