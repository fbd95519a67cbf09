"""N and alpha chosen on the training clips of each fold: what a choice gets that sees no test clip.

The best cell of a table was found by looking at the test clips. Here each fold makes its own choice
from predictions on inner folds of its training clips.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import pandas as pd

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, ProtocolError
from microexpr.evaluation.pooled import Key
from microexpr.protocol.predictions import quality

Candidate = tuple[str, int]  # method and N, as in predictions
Choices = Mapping[tuple[str, int | None], Sequence[Candidate]]
Run = tuple[str, int, str, int, str]  # method, N, feature mode, seed, fold
Runs = Mapping[Run, pd.DataFrame]
RUN = ["method", "n", "feature_mode", "seed"]
INNER = "-inner"  # between the name of the outer fold and the number of the inner one
COLUMNS = [
    *("method", "n", "feature_mode", "seed", "fold", "chosen_method", "chosen_n"),
    *("inner_accuracy", "inner_log_likelihood", "inner_clips"),
]


def nested(
    outer: pd.DataFrame,
    inner: pd.DataFrame,
    clips: Sequence[Clip],
    choices: Choices,
    *,
    classes: Sequence[str],
) -> tuple[dict[Key, pd.DataFrame], pd.DataFrame]:
    """Choose for each fold, and put the chosen predictions together.

    `outer` and `inner` are predictions of every candidate on the folds, and on inner folds of their
    training clips; of equally good candidates the first counts. Return the rows of `outer` that
    each choice takes, as ``<method>_nested``, and a table of what each fold chose.
    """
    everyone = {clip.clip_id for clip in clips}
    runs = cast(Runs, dict(iter(outer.groupby([*RUN, "fold"], sort=False))))
    outer_fold = inner["fold"].str.rpartition(INNER)[0].rename("outer")
    inner_runs = cast(Runs, dict(iter(inner.groupby([*RUN, outer_fold], sort=False))))
    number = {name: k for k, name in enumerate(classes)} | {"": -1}
    systems: dict[Key, list[pd.DataFrame]] = {}
    chosen = []
    for (method, n), candidates in choices.items():
        for _, _, mode, seed, fold in [run for run in runs if run[:2] == candidates[0]]:
            rated = {}
            for candidate in candidates:
                run = (*candidate, mode, seed, fold)
                _check(run, runs, inner_runs, everyone)
                rows = inner_runs[run]
                truth, predicted = (rows[key].map(number) for key in ("label", "predicted"))
                shares = rows[[f"p_{name}" for name in classes]].to_numpy(float)
                rated[candidate] = quality(truth.to_numpy(), predicted.to_numpy(), shares)
            best = max(candidates, key=lambda candidate: rated[candidate])
            tested = runs[*best, mode, seed, fold]
            name = f"{method}_nested"
            systems.setdefault((name, mode, n), []).append(tested)
            count = len(everyone - set(tested["clip_id"]))
            chosen.append((name, n, mode, seed, fold, *best, *rated[best], count))
    table = pd.DataFrame(chosen, columns=COLUMNS).astype({"n": "Int64"})
    return {key: pd.concat(rows, ignore_index=True) for key, rows in systems.items()}, table


def _check(run: Run, runs: Runs, inner_runs: Runs, everyone: set[str]) -> None:
    """Refuse inner folds that are missing, leak, or do not use every training clip once."""
    if run not in runs or run not in inner_runs:
        raise DataError(
            "the predictions lack method {}, n {}, feature mode {}, seed {}, fold {} "
            "or its inner folds".format(*run)
        )
    rows, fold = inner_runs[run], run[-1]
    used, tested = set(rows["clip_id"]), set(runs[run]["clip_id"])
    if leaked := used & tested:
        raise ProtocolError(
            f"fold {fold}: a choice on inner folds would see clip {min(leaked)}, "
            "which the fold tests"
        )
    trained = everyone - tested
    if used != trained or len(rows) != len(used):
        raise ProtocolError(
            f"fold {fold}: its inner folds predict {len(rows)} clips, "
            f"{len(used & trained)} of the {len(trained)} that it trains on"
        )
