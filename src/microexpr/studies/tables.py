"""The tables of the studies: ``ablation.csv``, ``comparison.csv``, ``leak.csv``.

Rows are compared with one that is named in advance, on the same clips in the same folds. Published
figures stand in columns of their own: they were measured on other clips or under another protocol,
and no interval or test refers to them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from microexpr.baselines import Published
from microexpr.cache import open_cache
from microexpr.config import overlaid
from microexpr.errors import ConfigError, DataError, ProtocolError
from microexpr.evaluation.intervals import proportion_interval
from microexpr.evaluation.pooled import MAJORITY, Basis, Evaluation, Key, System
from microexpr.evaluation.rows import MCNEMAR, METRICS, SCORES, TESTS, study_table
from microexpr.protocol import PROTOCOLS, predictions
from microexpr.protocol.predictions import BEST_EPOCH, method_order
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_text, typed
from microexpr.studies.ablation import POSTER, Row

AS_PUBLISHED = "as published, another protocol"
ABLATION = [
    *("factor", "level", "magnification", "head", "feature_mode", "weights", "blocks", "n"),
    *SCORES,
    *(*TESTS, *MCNEMAR),
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
    frame: pd.DataFrame, basis: Basis, rows: Sequence[Row], *, weights: Weights
) -> pd.DataFrame:
    """Score every row and compare it with the first, the default; errors as `predictions.check`."""
    systems = [row.system for row in rows]
    keys = list(frame[predictions.SYSTEM].itertuples(index=False, name=None))
    if missing := set(systems) - set(keys):
        raise DataError(
            "the predictions lack method {}, feature mode {}, n {}".format(*min(missing))
        )
    chosen = frame[[key in systems for key in keys]]
    basis.check(chosen)
    own = [_changes(row, weights) for row in rows]
    return study_table(Evaluation(chosen, basis), systems, own, ABLATION)


def _changes(row: Row, weights: Weights) -> dict[str, Any]:
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
        "poster_note": AS_PUBLISHED if published else "",
    }


POSTER_FIGURE = Published(
    accuracy=0.7576,
    protocol="not stated; the poster's cells fit one fold of 66 clips with a fourth class",
    source="Bai, Goecke and Herath, ICIP 2021, doi:10.1109/ICIP42928.2021.9506793",
)
PUBLISHED = (*METRICS, "macro_precision")
COMPARISON = [
    *("method", "feature_mode", "n"),
    *SCORES,
    *("against", *TESTS, *MCNEMAR),
    *("confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "data"),
    *(f"published_{metric}" for metric in PUBLISHED),
    *("published_protocol", "published_source"),
]


def comparison(
    frame: pd.DataFrame,
    basis: Basis,
    *,
    reference: System,
    published: Mapping[str, Published],
    with_backbone: Sequence[str],
    best_epoch: pd.DataFrame,
) -> pd.DataFrame:
    """Score every system and compare it with the reference; the majority class follows.

    Other cells of the reference's method are left out. `published` is what is printed of that
    method and then of the systems, in the order of the rows; those `with_backbone` see the frames
    through ``features.backbone``. The last rows are `best_epoch`: what the same trainings would
    show if the epoch were chosen on the tested clips; no test refers to them.

    ConfigError: the reference or a system is missing. DataError, ProtocolError: as
    `predictions.check`, or two systems test a clip in different folds.
    """
    method, *names = published
    is_reference = (frame[predictions.SYSTEM] == [*reference]).all(axis=1)
    chosen = frame[frame["method"].isin(names) | is_reference]
    _check_systems(chosen, basis, reference, names)
    marked = best_epoch["method"].str.replace(f"-{BEST_EPOCH}", f"_{BEST_EPOCH}")
    groups = best_epoch.assign(method=marked).groupby(predictions.SYSTEM, sort=False)
    sins: dict[Key, pd.DataFrame] = {}
    order = [f"{name}_{BEST_EPOCH}" for name in published]
    for key, rows in sorted(groups, key=lambda group: [*order, group[0][0]].index(group[0][0])):
        basis.check(rows)
        if key[0] not in order:
            raise DataError(f"{key[0]}: its epoch was not chosen on the tested clips")
        sins[cast(Key, key)] = rows
    evaluation = Evaluation(chosen, basis, sins)
    systems = {key[0]: key for key in evaluation.predicted}
    own = [
        {f"published_{metric}": getattr(figures, metric) for metric in PUBLISHED}
        | {"published_protocol": f"{AS_PUBLISHED}: {figures.protocol}"}
        | {"published_source": figures.source}
        | {"against": "" if name == method else "{} {} N={}".format(*reference)}
        | ({} if name in (method, *with_backbone) else {"backbone": ""})
        for name, figures in published.items()
    ]
    keys = [*(systems[name] for name in published), (MAJORITY, "", None), *sins]
    return study_table(evaluation, keys, [*own, *({"backbone": ""},) * (1 + len(sins))], COMPARISON)


def _check_systems(
    frame: pd.DataFrame, basis: Basis, reference: System, names: Sequence[str]
) -> None:
    """Refuse what cannot be compared. Seeds may differ: each system is checked alone."""
    groups = frame.groupby(predictions.SYSTEM, sort=False)
    runs = {cast(System, key): run for key, run in groups}
    if reference not in runs:
        raise ConfigError(
            "compare.against: no predictions of method {}, feature mode {}, N {}".format(*reference)
        )
    absent = [name for name in names if name not in {method for method, _, _ in runs}]
    if absent:
        raise ConfigError(f"compare.systems: no predictions of {absent[0]}")
    for run in runs.values():
        basis.check(run)
    predictions.check_same_folds(frame)
    if len({frozenset(run["clip_id"]) for run in runs.values()}) > 1:
        raise ProtocolError("the systems are tested on different clips")


# What is on both sides, and who is tested.
SPLITS = {
    "windows": ("windows of one clip", "windows of clips that were trained on"),
    "clips": ("clips of one subject", "clips of subjects that were trained on"),
    BEST_EPOCH: ("the choice of the epoch", "clips of subjects never seen, best epoch on them"),
    "subjects": ("nothing", "clips of subjects never seen"),
}
PROTOCOL = {
    "windows": "split of windows",
    "clips": PROTOCOLS["clip_kfold"],
    BEST_EPOCH: PROTOCOLS["loso"],
    "subjects": PROTOCOLS["loso"],
}
LEAK_TEXT = ["method", "feature_mode", "split", "fold", "clip_id", "subject", "label", "predicted"]
LEAK = [*LEAK_TEXT, "n", "seed"]


def read_predictions(paths: Sequence[AnyPath]) -> pd.DataFrame:
    """Read the files of stage train_leak; raise a DataError that names one that is none of them."""
    frames = []
    for path in paths:
        frame = read_text(path)
        if not {*LEAK} <= {*frame} or {*frame["split"]} != {*SPLITS}:
            raise DataError(f"{path}: not the predictions of stage train_leak")
        frames.append(typed(frame, text=LEAK_TEXT, path=path))
    return pd.concat(frames, ignore_index=True)


def leak_table(
    predictions: pd.DataFrame, *, level: float, about: Mapping[str, Any]
) -> pd.DataFrame:
    """Tabulate the accuracy of each method and split, with intervals; `about` are more columns.

    answers counts predictions: under windows a clip has one in each fold that trains on it.
    """
    rows = []
    for method in method_order(predictions["method"]):
        for split, (shared, tested) in SPLITS.items():
            chosen = (predictions["method"] == method) & (predictions["split"] == split)
            mine = predictions[chosen]
            right = mine["predicted"] == mine["label"]
            found = proportion_interval(right, mine["subject"], level)
            labels = mine.drop_duplicates("clip_id")["label"]
            rows.append(
                {
                    "method": method,
                    "feature_mode": mine["feature_mode"].iloc[0],
                    "n": mine["n"].iloc[0],
                    "split": split,
                    "on_both_sides": shared,
                    "tested": tested,
                    "accuracy": found.value,
                    "low": found.low,
                    "high": found.high,
                    "majority": labels.value_counts(normalize=True).max(),
                    "confidence": level,
                    "answers": len(mine),
                    "clips": len(labels),
                    "subjects": found.subjects,
                    "seeds": mine["seed"].nunique(),
                    **about,
                }
            )
    return pd.DataFrame(rows)
