"""Metrics on all tested clips, their intervals, paired tests; readers of the tables that hold them.

Clips of one subject are alike, so intervals resample subjects, not clips. A resample gives each
subject a weight, and a metric is a function of the weighted confusion counts: 2000 resamples are a
matrix product. Percentile intervals are coarse with few subjects, and have no width where every
subject scores 0 or 1: that is the method, not certainty.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from microexpr.errors import DataError, MicroexprWarning
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_table

ALL = "all"  # the class of a metric over all classes
OVERALL = ("accuracy", "balanced_accuracy", "uf1", "uar")
PER_CLASS = ("precision", "recall", "f1", "support")
NO_PREDICTION = ""  # the prediction of a clip that no window of N frames fits

Scores = dict[tuple[str, str], float]


def score(labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Scores:
    """Score one run: every tested clip once, all folds together.

    An empty prediction (no window fits the clip) counts as wrong. `classes` are those of the data
    set.

    Returns
    -------
    dict of (metric, class) to float
        The class is ``all`` for accuracy, balanced_accuracy (mean recall of the classes with a
        tested clip), uf1 and uar (mean F1 and recall of all classes, as in MEGC 2019), and
        a class name for precision, recall, f1 and support. Undefined ratios are 0: the precision
        of a class that is never predicted, recall and F1 of a class without a tested clip.

    Raises
    ------
    DataError
        Without a clip, or with a name that is no class.

    Warns
    -----
    MicroexprWarning
        When a class has no tested clip and so lowers uf1 and uar.
    """
    _check_names(labels, predicted, classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=list(classes), zero_division=0
    )
    tested = support > 0
    if not tested.all():
        name = classes[int(np.argmin(tested))]
        warnings.warn(
            f"class {name} has no tested clip: it counts as 0 in uf1 and uar",
            MicroexprWarning,
            stacklevel=2,
        )
    right = np.asarray(labels, dtype=object) == np.asarray(predicted, dtype=object)
    overall = (right.mean(), recall[tested].mean(), f1.mean(), recall.mean())
    scores: Scores = {
        (name, ALL): float(value) for name, value in zip(OVERALL, overall, strict=True)
    }
    for name, values in zip(PER_CLASS, (precision, recall, f1, support), strict=True):
        scores |= {(name, c): float(v) for c, v in zip(classes, values, strict=True)}
    return scores


def confusion(
    labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Count clips by label and prediction: columns label, predicted, clips; DataError as `score`.

    Every pair of classes has a row, also where it is 0, and every label one more for the clips
    without a prediction (empty predicted).
    """
    _check_names(labels, predicted, classes)
    names = [*classes, NO_PREDICTION]
    counts: NDArray[np.int64] = confusion_matrix(labels, predicted, labels=names)
    rows = [
        (label, name, int(counts[i, k]))
        for i, label in enumerate(classes)
        for k, name in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=["label", "predicted", "clips"])


def _check_names(labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> None:
    if len(labels) != len(predicted) or len(labels) == 0:
        raise DataError(f"{len(labels)} labels and {len(predicted)} predictions to score")
    unknown = set(labels) - {*classes}, set(predicted) - {*classes, NO_PREDICTION}
    for word, names in zip(("label", "prediction"), unknown, strict=True):
        if names:
            raise DataError(f"{word} {min(names)!r} is none of {list(classes)}")


# Columns of text; all others hold numbers.
ORIGIN = ("protocol", "subject_independent", "backbone", "weights_sha256", "data")
METRICS = ("method", "feature_mode", "metric", "class", *ORIGIN)
COMPARISONS = ("method_a", "method_b", "feature_mode", *ORIGIN)
CONFUSION = ("method", "feature_mode", "label", "predicted")
EPOCHS = ("method", "feature_mode", "fold")


def read_metrics(path: AnyPath) -> pd.DataFrame:
    """Read ``metrics.csv``; n is float, NaN where there is none.

    Raises
    ------
    DataError
        When the file is missing, is another table, or was changed after it was written.
    """
    return read_table(path, text=METRICS)


def read_comparisons(path: AnyPath) -> pd.DataFrame:
    """Read ``comparisons.csv``; DataError as `read_metrics`."""
    return read_table(path, text=COMPARISONS)


def read_confusion(path: AnyPath) -> pd.DataFrame:
    """Read ``confusion.csv``; DataError as `read_metrics`."""
    return read_table(path, text=CONFUSION)


def read_epochs(path: AnyPath) -> pd.DataFrame:
    """Read the log of a training, ``.epochs.csv``; DataError as `read_metrics`."""
    return read_table(path, text=EPOCHS)


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Resampled = dict[tuple[str, str], Floats]


def count(truth: Ints, predicted: Ints, subjects: Ints, *, classes: int) -> Ints:
    """Count clips by subject, label and prediction.

    Parameters
    ----------
    truth, subjects : (C,) int
        Class and subject (0 .. S-1) of each clip.
    predicted : (R, C) int
        Predicted class in each of R repeats (seeds, or draws of a random control); K = `classes`
        where there is no prediction.

    Returns
    -------
    (R, S, K, K + 1) int
        Rows of the last two axes are labels, columns predictions, the last one none.
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
    """Compute the metrics of `metrics.score` from many confusion counts at once.

    Parameters
    ----------
    counts : (..., K, K + 1)
        Confusion counts, weighted or not.
    names : sequence of K str
        The classes.
    tested : (K,) bool
        Classes with a tested clip. One that only a resample lacks is left out of that resample's
        means, one that the data lack counts as 0, as in `microexpr.evaluation.metrics.score`.

    Returns
    -------
    dict of (metric, class) to (...) float
        Without support; NaN is recall or F1 of a class that a resample lacks.
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
    for metric, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        result |= {(metric, name): values[..., k] for k, name in enumerate(names)}
    return result


def bootstrap(counts: Ints, weights: Ints, names: Sequence[str]) -> Resampled:
    """Resample subjects; each of B values per metric is the mean over the repeats.

    `counts` is (R, S, K, K + 1), from `count`: all repeats see the same resample, so the spread is
    that of the subjects, not of the seeds. `weights` is (B, S), from `subject_weights`: the same
    weights for two methods make their difference paired.
    """
    repeats, subjects, *square = counts.shape
    flat = counts.transpose(1, 0, 2, 3).reshape(subjects, -1)
    totals = (weights.astype(float) @ flat).reshape(len(weights), repeats, *square)
    tested = counts[0].sum(axis=(0, 2)) > 0
    return {key: v.mean(axis=1) for key, v in scores(totals, names, tested).items()}


def bootstrap_draws(counts: Ints, weights: Ints, names: Sequence[str]) -> Resampled:
    """Resample subjects and draws together, for a random control: repeat r sees resample r.

    `counts` is (B, S, K, K + 1) with as many repeats as `weights` has rows; the result has (B,)
    values per metric, spread by the subjects and by chance.
    """
    totals = np.einsum("rs,rskp->rkp", weights, counts)
    return scores(totals, names, counts[0].sum(axis=(0, 2)) > 0)


def percentile_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Return the percentiles that hold the central share `confidence` of resampled values.

    Resamples in which the value is undefined do not count.
    """
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Test by McNemar's exact test whether two methods classify the same C clips equally well.

    Returns
    -------
    b, c : int
        Clips that only the first, only the second method classifies correctly.
    p : float
        Two-sided binomial probability of b in b + c; 1 without a discordant clip. It takes clips
        as independent; the bootstrap interval of the difference does not.
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
