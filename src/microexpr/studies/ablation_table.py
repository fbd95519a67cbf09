"""What each part is worth: ``ablation.csv``.

The poster's four figures stand in a column of their own: they were measured under another protocol,
on other data, and no interval or test refers to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr.cache import open_cache
from microexpr.config import overlaid
from microexpr.errors import DataError
from microexpr.evaluation.basis import Basis
from microexpr.evaluation.pooled import Evaluation
from microexpr.evaluation.rows import SCORES, study_rows, study_table
from microexpr.protocol import predictions
from microexpr.studies.ablation import POSTER, Row

NOTE = "as published, another protocol"
COLUMNS = [
    *("factor", "level", "magnification", "head", "feature_mode", "weights", "blocks", "n"),
    *SCORES,
    *("difference", "difference_low", "difference_high", "b", "c", "p", "p_holm"),
    *("confidence", "clips", "subjects", "seeds", "protocol", "subject_independent"),
    *("backbone", "cut", "weights_sha256", "data", "changes", "poster_accuracy", "poster_note"),
]
Weights = Mapping[tuple[str, int], str]  # checksum of the weights, by backbone and cut


def weights_of(paths: Iterable[Path]) -> Weights:
    """Read the checksums of the weights from caches of features, at least one of each network."""
    found = {}
    for path in paths:
        with open_cache(path, "features") as cache:
            about = cache[cache.clip_ids[0]].attributes
            network = str(about["backbone"]), int(about["cut"])
            found[network] = str(cache.attributes["weights_sha256"])
    return found


def ablation_table(
    frame: pd.DataFrame,
    basis: Basis,
    rows: Sequence[Row],
    *,
    weights: Weights,
) -> pd.DataFrame:
    """Score every row and compare it with the first one, the default.

    Parameters
    ----------
    frame : DataFrame
        Predictions of all rows, from `predictions.read`; others are left out.
    basis : Basis
        The origin is that of the default's predictions.
    rows : sequence of Row
        From `microexpr.studies.ablation.rows`.
    weights : mapping
        Of every network.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: the row is the first, the default the second system of
        :func:`microexpr.evaluation.rows.paired_tests`, and all rows are one family of tests.

    Raises
    ------
    DataError, ProtocolError
        As `predictions.check`, and when a row or the weights of its network are missing.
    """
    systems = [row.system for row in rows]
    keys = list(frame[predictions.SYSTEM].itertuples(index=False, name=None))
    if missing := set(systems) - set(keys):
        raise DataError(
            "the predictions lack method {}, feature mode {}, n {}".format(*min(missing))
        )
    chosen = frame[[key in systems for key in keys]]
    basis.check(chosen)
    scored = study_rows(Evaluation(chosen, basis), systems[0], systems[1:])
    about = [_about(row, weights) for row in rows]
    return study_table([a | b for a, b in zip(scored, about, strict=True)], COLUMNS)


def _about(row: Row, weights: Weights) -> dict[str, Any]:
    """Return the columns that say what a row changes, and what the poster prints for it."""
    network = row.network
    if network not in weights:
        raise DataError("no cache of features of {}, cut {}".format(*network))
    published = POSTER.get((row.factor, row.level), "")
    return {
        "factor": row.factor,
        "level": row.level,
        **row.levels,
        "backbone": network[0],
        "cut": network[1],
        "weights_sha256": weights[network],
        "changes": json.dumps(overlaid({}, *row.changes), sort_keys=True) if row.changes else "",
        "poster_accuracy": published,
        "poster_note": NOTE if published else "",
    }
