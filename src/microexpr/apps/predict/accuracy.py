"""What is known of a model's accuracy: the row of metrics.csv for its method, out of fold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from microexpr.config.training import Runs
from microexpr.errors import ConfigError
from microexpr.evaluation.metrics import read_metrics
from microexpr.protocol import SUBJECT_INDEPENDENT

ALL = "all"
OVERALL = ("accuracy", "uf1", "uar")
NOTE = (
    "Out of fold: each clip was predicted by a model that was not trained on it. The exported "
    "model was trained on all clips: nothing is left to test it on."
)
LEAK = "The same subjects were trained on and tested: expect less on other people."


def accuracy(
    path: str | os.PathLike[str], labels: Sequence[str], runs: Runs, *, method: str, n: int
) -> dict[str, Any]:
    """Read what the folds gave for a method and N from ``metrics.csv``.

    `labels` are ``data.labels``, `runs` is section ``train``.

    Returns
    -------
    dict
        Values with intervals, and what they rest on; ready for JSON.

    Raises
    ------
    DataError
        When the file cannot be read, is no table of metrics, or was changed after it was written.
    ConfigError
        When it has no such method or N.
    """
    feature_mode = runs.feature_modes[0]
    frame = read_metrics(path)
    mine = frame[
        (frame["method"] == method) & (frame["feature_mode"] == feature_mode) & (frame["n"] == n)
    ]
    floor = frame[(frame["method"] == "majority") & (frame["metric"] == "accuracy")]
    if mine.empty or floor.empty:
        raise ConfigError(
            f"model: {path} has no row of method {method}, feature mode {feature_mode}, "
            f"n {n}: model.method must be in magnify.methods and model.n in windows.n"
        )
    cells = mine.set_index(["metric", "class"])
    first = mine.iloc[0]
    leaks = not SUBJECT_INDEPENDENT[str(first["protocol"])]
    return {
        **{metric: _estimate(cells, (metric, ALL)) for metric in OVERALL},
        "recall": {name: _estimate(cells, ("recall", name)) for name in labels},
        "majority": float(floor.iloc[0]["value"]),
        "confidence": float(first["confidence"]),
        "clips": int(first["clips"]),
        "subjects": int(first["subjects"]),
        "method": method,
        "n": n,
        "feature_mode": feature_mode,
        "protocol": str(first["protocol"]),
        "subject_independent": not leaks,
        "backbone": str(first["backbone"]),
        "cut": int(first["cut"]),
        "seeds": list(runs.seeds),
        "data": str(first["data"]),
        "note": f"{NOTE} {LEAK}" if leaks else NOTE,
    }


def _estimate(cells: pd.DataFrame, key: tuple[str, str]) -> dict[str, float | None]:
    """Return value and interval; JSON has no NaN, and one subject gives no interval."""
    row = cells.loc[[key]].iloc[0]
    return {
        name: None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high")
    }


def sentence(found: dict[str, Any]) -> str:
    """Return the accuracy in one line, for people."""
    value = found["accuracy"]
    text = f"out-of-fold accuracy {value['value']:.2f}"
    if value["low"] is not None:
        text += f" ({found['confidence']:.0%} interval {value['low']:.2f}-{value['high']:.2f})"
    text += (
        f", majority {found['majority']:.2f}; {found['clips']} clips of {found['subjects']} "
        f"subjects, {found['protocol']}, {found['backbone']}, method {found['method']}, "
        f"N = {found['n']}"
    )
    if not found["subject_independent"]:
        text += "; subjects leak"
    return text
