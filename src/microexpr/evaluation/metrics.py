"""Metrics of one run on all tested clips, and readers of the tables that hold them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
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
