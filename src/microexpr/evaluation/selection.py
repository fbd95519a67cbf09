"""N and alpha chosen inside each training part: what a choice gets that never sees a test clip.

The best cell of a table is optimistic, because it was found by looking at the test clips. Here each
fold makes its own choice from predictions on inner folds of its training clips, and its test clips
keep the answers of that choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, ProtocolError
from microexpr.protocol.predictions import quality

Candidate = tuple[str, int]  # method and N, as in predictions
Choices = Mapping[tuple[str, int | None], Sequence[Candidate]]
INNER = "-inner"  # between the name of the outer fold and the number of the inner one
COLUMNS = [
    *("method", "n", "feature_mode", "seed", "fold", "chosen_method", "chosen_n"),
    *("inner_accuracy", "inner_log_likelihood", "inner_clips"),
]
Key = tuple[str, str, int | None]


def nested(
    outer: pd.DataFrame,
    inner: pd.DataFrame,
    clips: Sequence[Clip],
    choices: Choices,
    *,
    classes: Sequence[str],
) -> tuple[dict[Key, pd.DataFrame], pd.DataFrame]:
    """Choose for each fold, and put the chosen answers together.

    Parameters
    ----------
    outer, inner : DataFrame
        Predictions on the folds, and on the inner folds of their training parts, of every
        candidate; from `predictions.read`.
    clips : sequence of Clip
        The manifest.
    choices : mapping of (method, N or None) to sequence of (method, N)
        Candidates of each choice; of equally good ones the first counts.
    classes : sequence of str
        All class names.

    Returns
    -------
    systems : dict of (method, feature mode, N or None) to DataFrame
        Rows of `outer`, one a clip and seed; the method is called ``<method>_nested``.
    chosen : DataFrame
        Columns `COLUMNS`: what each fold chose, and how good that was on the inner folds.

    Raises
    ------
    ProtocolError
        When a choice would rest on a clip that the fold tests.
    DataError
        When predictions of a candidate are missing.
    """
    everyone = {clip.clip_id for clip in clips}
    keys = ["method", "n", "feature_mode", "seed"]
    groups = dict(iter(outer.groupby([*keys, "fold"], sort=False)))
    folds = inner["fold"].str.rpartition(INNER)[0].rename("outer")
    inner_groups = dict(iter(inner.groupby([*keys, folds], sort=False)))
    systems: dict[Key, list[pd.DataFrame]] = {}
    chosen = []
    for (method, n), candidates in choices.items():
        name = f"{method}_nested"
        cells = [key for key in groups if key[:2] == tuple(candidates[0])]
        for _, _, feature_mode, seed, fold in cells:
            rated = {}
            for candidate in candidates:
                key = (*candidate, feature_mode, seed, fold)
                if key not in groups or key not in inner_groups:
                    raise DataError(
                        "the predictions lack method {}, n {}, feature mode {}, seed {}, fold {} "
                        "or its inner folds".format(*key)
                    )
                tested = set(groups[key]["clip_id"])
                _check(inner_groups[key], fold, tested, everyone - tested)
                rated[candidate] = _quality(inner_groups[key], classes)
            best = max(candidates, key=rated.get)
            systems.setdefault((name, feature_mode, n), []).append(
                groups[*best, feature_mode, seed, fold]
            )
            values = (
                name,
                n,
                feature_mode,
                seed,
                fold,
                *best,
                *rated[best],
                len(everyone - tested),
            )
            chosen.append(dict(zip(COLUMNS, values, strict=True)))
    table = pd.DataFrame(chosen, columns=COLUMNS).astype({"n": "Int64"})
    return {key: pd.concat(rows, ignore_index=True) for key, rows in systems.items()}, table


def _check(rows: pd.DataFrame, fold: str, tested: set[str], trained: set[str]) -> None:
    used = set(rows["clip_id"])
    if leaked := used & tested:
        raise ProtocolError(
            f"fold {fold}: a choice on inner folds would see clip {min(leaked)}, "
            "which the fold tests"
        )
    if used != trained or len(rows) != len(used):
        raise ProtocolError(
            f"fold {fold}: its inner folds answer for {len(rows)} clips, "
            f"{len(used & trained)} of the {len(trained)} that it trains on"
        )


def _quality(rows: pd.DataFrame, classes: Sequence[str]) -> tuple[float, float]:
    number = {name: k for k, name in enumerate(classes)} | {"": -1}
    truth, predicted = (rows[c].map(number).to_numpy(np.int64) for c in ("label", "predicted"))
    return quality(truth, predicted, rows[[f"p_{name}" for name in classes]].to_numpy(float))
