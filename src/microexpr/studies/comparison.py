"""``comparison.csv``: the systems of other authors, each beside the figure that was published.

All systems predict the same clips in the same folds, and their intervals come from the same
resamples of the subjects. Each is compared with one method of this pipeline that is named in
advance. Published figures stand in columns of their own: they were measured on other clips or under
another protocol, and no interval or test refers to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from microexpr.baselines import Published
from microexpr.errors import ConfigError, ProtocolError
from microexpr.evaluation.basis import Basis
from microexpr.evaluation.pooled import MAJORITY, Evaluation, System
from microexpr.evaluation.rows import (
    METRICS,
    SCORES,
    check_same_folds,
    score_row,
    study_rows,
    study_table,
)
from microexpr.protocol import predictions

POSTER = Published(
    accuracy=0.7576,
    protocol="not stated; the poster's cells fit one fold of 66 clips with a fourth class",
    source="Bai, Goecke and Herath, ICIP 2021, doi:10.1109/ICIP42928.2021.9506793",
)
ANOTHER_PROTOCOL = "as published, another protocol: {}"
COLUMNS = [
    *("method", "feature_mode", "n"),
    *SCORES,
    *("against", "b", "c", "p", "p_holm", "difference", "difference_low", "difference_high"),
    *("confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "data"),
    *(f"published_{metric}" for metric in METRICS),
    *("published_protocol", "published_source"),
]


@dataclass(frozen=True)
class Reference:
    """The method that all systems are compared with: its cell, and what its authors print."""

    method: str
    feature_mode: str
    n: int
    published: Published

    @property
    def key(self) -> System:
        """Its cell, as in predictions."""
        return self.method, self.feature_mode, self.n


def comparison(
    frame: pd.DataFrame,
    basis: Basis,
    *,
    reference: Reference,
    published: Mapping[str, Published],
    with_backbone: Sequence[str],
) -> pd.DataFrame:
    """Score every system and compare it with the reference.

    Parameters
    ----------
    frame : DataFrame
        Predictions of the systems and of the reference, from `predictions.read`.
    basis : Basis
        Manifest, classes, origin, statistics.
    reference : Reference
        Other cells of its method are left out.
    published : mapping of str to Published
        The systems, in the order of the rows.
    with_backbone : sequence of str
        Those that see the frames through ``features.backbone``.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; the reference first, then a row per system, then the most frequent
        class. A system is the first, the reference the second of
        :func:`microexpr.evaluation.rows.paired_tests`, and all systems are one family of tests.

    Raises
    ------
    ConfigError
        When the predictions lack the reference or a system.
    DataError, ProtocolError
        As `predictions.check`, and when two systems test a clip in different folds.
    """
    is_reference = pd.Series(True, index=frame.index)
    for column, value in zip(predictions.SYSTEM, reference.key, strict=True):
        is_reference &= frame[column] == value
    chosen = frame[frame["method"].isin(list(published)) | is_reference]
    _check(chosen, basis, reference, published)
    evaluation = Evaluation(chosen, basis)
    systems = {key[0]: key for key in evaluation.predicted}
    rows = study_rows(evaluation, reference.key, [systems[name] for name in published])
    seen = (reference.method, *with_backbone)
    against = f"{reference.method} {reference.feature_mode} N={reference.n}"
    for row, figures in zip(rows, (reference.published, *published.values()), strict=True):
        row.update(_published(figures))
        row["backbone"] = basis.origin.backbone if row["method"] in seen else ""
    for row in rows[1:]:
        row["against"] = against
    rows.append(score_row(evaluation, (MAJORITY, "", None)) | {"backbone": ""})
    return study_table(rows, COLUMNS)


def _published(published: Published) -> dict[str, Any]:
    figures = {f"published_{metric}": getattr(published, metric) for metric in METRICS}
    return {
        **{name: np.nan if value is None else value for name, value in figures.items()},
        "published_protocol": ANOTHER_PROTOCOL.format(published.protocol),
        "published_source": published.source,
    }


def _check(
    frame: pd.DataFrame, basis: Basis, reference: Reference, published: Mapping[str, Published]
) -> None:
    """Refuse what cannot be compared. Seeds may differ: each system is checked alone."""
    groups = frame.groupby(predictions.SYSTEM, sort=False)
    runs = {cast(System, key): run for key, run in groups}
    if reference.key not in runs:
        raise ConfigError(
            "compare.against: no predictions of method {}, feature mode {}, N {}".format(
                *reference.key
            )
        )
    absent = [name for name in published if name not in {method for method, _, _ in runs}]
    if absent:
        raise ConfigError(f"compare.systems: no predictions of {absent[0]}")
    for run in runs.values():
        basis.check(run)
    check_same_folds(frame)
    if len({frozenset(run["clip_id"]) for run in runs.values()}) > 1:
        raise ProtocolError("the systems are tested on different clips")
