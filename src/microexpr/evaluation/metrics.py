"""Metrics on all tested clips, their intervals, paired tests; readers of the tables that hold them.

Clips of one subject are alike, so intervals resample subjects. A resample gives each subject a
weight, and a metric is a function of weighted confusion counts. Percentile intervals are coarse
with few subjects, and have no width where every subject scores 0 or 1: no sign of certainty.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_table

ALL = "all"  # the class of a metric over all classes
OVERALL = ("accuracy", "balanced_accuracy", "uf1", "uar")
PER_CLASS = ("precision", "recall", "f1", "support")
NO_PREDICTION = ""  # the prediction of a clip that no window of N frames fits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Resampled = dict[tuple[str, str], Floats]


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


def subject_weights(subjects: int, *, resamples: int, seed: int) -> Ints:
    """Draw how often each subject occurs in each resample: (resamples, subjects), seeded."""
    draw = np.random.default_rng(seed)
    return draw.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)


def scores(counts: Floats | Ints, names: Sequence[str], tested: NDArray[np.bool_]) -> Resampled:
    """Compute the metrics of many runs at once: every tested clip of a run, all folds together.

    `counts`, (..., K, K + 1), are confusion counts from :func:`count`, weighted or not; a clip
    without a prediction counts as wrong. A class that is not among the `tested`, (K,) bool, counts
    as 0; one that only a resample lacks is NaN, and left out of that resample's means. Of `ALL`
    classes: accuracy, balanced_accuracy (mean recall of the tested classes), uf1 and uar (mean F1
    and recall of all, as in MEGC 2019); of each class: precision (0 where never predicted), recall,
    f1 and support.
    """
    K = len(names)
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
    support = counts.sum(axis=-1)
    predicted = counts[..., :K].sum(axis=-2)
    precision = _ratio(hits, predicted, 0.0)
    recall = np.where(tested, _ratio(hits, support, np.nan), 0.0)
    f1 = np.where(support > 0, _ratio(2 * hits, support + predicted, 0.0), np.nan)
    f1 = np.where(tested, f1, 0.0)
    result = {
        ("accuracy", ALL): hits.sum(axis=-1) / support.sum(axis=-1),
        ("balanced_accuracy", ALL): np.nanmean(recall[..., tested], axis=-1),
        ("uf1", ALL): np.nanmean(f1, axis=-1),
        ("uar", ALL): np.nanmean(recall, axis=-1),
    }
    for metric, values in zip(
        PER_CLASS, (precision, recall, f1, support.astype(float)), strict=True
    ):
        result |= {(metric, name): values[..., k] for k, name in enumerate(names)}
    return result


def bootstrap(counts: Ints, weights: Ints, names: Sequence[str]) -> Resampled:
    """Resample subjects with `weights`, (B, S); each of B values is the mean over the repeats.

    All repeats see the same resample, so the spread is that of the subjects, not of the seeds. The
    same weights for two methods make their difference paired.
    """
    repeats, subjects, *square = counts.shape
    flat = counts.transpose(1, 0, 2, 3).reshape(subjects, -1)
    totals = (weights.astype(float) @ flat).reshape(len(weights), repeats, *square)
    tested = counts[0].sum(axis=(0, 2)) > 0
    return {key: v.mean(axis=1) for key, v in scores(totals, names, tested).items()}


def bootstrap_draws(counts: Ints, weights: Ints, names: Sequence[str]) -> Resampled:
    """Resample subjects and draws of a random control together: repeat r sees resample r."""
    totals = np.einsum("rs,rskp->rkp", weights, counts)
    return scores(totals, names, counts[0].sum(axis=(0, 2)) > 0)


def percentile_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Return the percentiles that hold the central share `confidence` of the defined values."""
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


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


def _ratio(above: Floats, below: Floats | Ints, undefined: float) -> Floats:
    out = np.full(above.shape, undefined)
    return np.divide(above, below, out=out, where=below > 0)


# Columns of text; all others hold numbers.
ORIGIN = ("protocol", "subject_independent", "backbone", "weights_sha256", "data")
TEXT = {
    "metrics": ("method", "feature_mode", "metric", "class", *ORIGIN),
    "comparisons": ("method_a", "method_b", "feature_mode", *ORIGIN),
    "confusion": ("method", "feature_mode", "label", "predicted"),
    "epochs": ("method", "feature_mode", "fold"),
}


def read_results(path: AnyPath, kind: str) -> pd.DataFrame:
    """Read ``metrics.csv`` or another table of `TEXT`; n is float. DataError: it is none."""
    return read_table(path, text=TEXT[kind])
