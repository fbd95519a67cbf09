"""Reading what the stages evaluate and train wrote: which columns are text, in one place."""

from __future__ import annotations

import pandas as pd

from microexpr.tables import AnyPath, read_table

ORIGIN = ("protocol", "subject_independent", "backbone", "weights_sha256", "data")
METRICS = ("method", "reading", "metric", "class", *ORIGIN)
COMPARISONS = ("method_a", "method_b", "reading", *ORIGIN)
CONFUSION = ("method", "reading", "label", "predicted")
EPOCHS = ("method", "reading", "fold")


def read_metrics(path: AnyPath) -> pd.DataFrame:
    """Read ``metrics.csv``.

    Returns
    -------
    DataFrame
        See :meth:`microexpr.evaluation.pooled.Evaluation.metrics`; n is float, NaN where there is
        none.

    Raises
    ------
    DataError
        When the file is missing, is another table, or was changed after it was written.
    """
    return read_table(path, text=METRICS)


def read_comparisons(path: AnyPath) -> pd.DataFrame:
    """Read ``comparisons.csv``, see :func:`microexpr.evaluation.comparisons.comparisons`.

    Raises
    ------
    DataError
        As `read_metrics`.
    """
    return read_table(path, text=COMPARISONS)


def read_confusion(path: AnyPath) -> pd.DataFrame:
    """Read ``confusion.csv``, see :meth:`microexpr.evaluation.pooled.Evaluation.confusions`.

    Raises
    ------
    DataError
        As `read_metrics`.
    """
    return read_table(path, text=CONFUSION)


def read_epochs(path: AnyPath) -> pd.DataFrame:
    """Read the log of a training, ``.epochs.csv``, see :class:`microexpr.training.parts.Part`.

    Raises
    ------
    DataError
        As `read_metrics`.
    """
    return read_table(path, text=EPOCHS)
