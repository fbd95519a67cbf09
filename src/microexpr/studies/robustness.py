"""How far scores move when folds and seeds are drawn again, or when key frames are wrong.

Both are variants of the configuration, see :func:`microexpr.studies.variants.study_changes`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from microexpr.evaluation.pooled import Basis, Evaluation
from microexpr.evaluation.rows import METRICS, SCORES, score_row, study_table
from microexpr.protocol import predictions

NAME = re.compile(r"(.+)-(redraw|onset|apex|offset)(\d+)")
NOISE_FLOOR = [
    *("method", "against", "feature_mode", "n", "metric", "mean", "sd", "least", "largest"),
    *("above", "redraws", "clips", "subjects", "protocol", "backbone", "cut", "data"),
]
KEY_FRAMES = [
    *("method", "key_frame", "error_frames", "feature_mode", "n", *SCORES),
    *("difference", "difference_low", "difference_high", "p", "p_holm"),
    *("confidence", "clips", "subjects", "seeds", "protocol", "backbone", "cut", "data"),
]


def noise_floor(frame: pd.DataFrame, basis: Basis) -> pd.DataFrame:
    """Tabulate how scores, and differences of two methods, spread over the draws.

    A row is a metric of a method, or of its difference from `against` under the same draw: mean,
    sd, least and largest; `above` is the share of draws in which the difference is above zero.
    """
    basis = replace(basis, origin=replace(basis.origin, protocol="group_kfold"))
    draws = frame["method"].str.extract(NAME)
    scores: dict[str, list[dict[str, Any]]] = {}
    for _, rows in frame.groupby(draws[2].astype(int)):
        basis.check(rows)
        evaluation = Evaluation(rows, basis)
        for key in evaluation.predicted:
            scores.setdefault(key[0].rpartition("-")[0], []).append(score_row(evaluation, key))
    tables = {method: pd.DataFrame(rows) for method, rows in scores.items()}
    methods = predictions.method_order(tables)
    found = []
    for method, against in [*((m, "") for m in methods), *combinations(methods, 2)]:
        mine = tables[method]
        for metric in METRICS:
            values = mine[metric] - tables[against][metric] if against else mine[metric]
            found.append(
                mine.iloc[0].to_dict()
                | {"method": method, "against": against, "metric": metric, "redraws": len(values)}
                | {"mean": values.mean(), "sd": values.std(ddof=1)}
                | {"least": values.min(), "largest": values.max()}
                | {"above": (values > 0).mean() if against else None}
            )
    return pd.DataFrame(found, columns=NOISE_FLOOR)


def key_frame_table(
    frame: pd.DataFrame, basis: Basis, names: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Score each system without an error and with each, compared with that without.

    `names` are the variants of each system, the first one without an error.
    """
    tables = []
    for method, variants in names.items():
        wanted = [f"{method}-{variant}" if variant else method for variant in variants]
        mine = frame[frame["method"].isin(wanted)]
        basis.check(mine)
        evaluation = Evaluation(mine, basis)
        keys = {key[0]: key for key in evaluation.predicted}
        own = [{"key_frame": "", "error_frames": 0}]
        for name in wanted[1:]:
            _, key_frame, error = NAME.fullmatch(name).groups()  # type: ignore[union-attr]
            own.append({"key_frame": key_frame, "error_frames": int(error)})
        about = [row | {"method": method} for row in own]
        tables.append(study_table(evaluation, [keys[w] for w in wanted], about, KEY_FRAMES))
    return pd.concat(tables, ignore_index=True)
