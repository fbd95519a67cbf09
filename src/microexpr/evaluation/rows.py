"""Rows of the tables of all studies, paired tests, and controls compared with their methods."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, cast

import numpy as np
import pandas as pd

from microexpr.config.evaluation import Primary
from microexpr.evaluation import intervals
from microexpr.evaluation.metrics import ALL, holm, mcnemar
from microexpr.evaluation.pooled import Evaluation, Key, System
from microexpr.protocol.predictions import method_order
from microexpr.training.controls import split_control

METRICS = ("accuracy", "uf1", "uar")
SCORES = (
    *(f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")),
    "accuracy_sd_seeds",
)
WHOLE = ("n", "b", "c", "tests", "seeds")  # columns of whole numbers, some of whose cells are empty
TESTS = ("difference", "difference_low", "difference_high", "p", "p_holm", "tests")
MCNEMAR = ("b", "c", "p_mcnemar")
PRIMARY, EXPLORATORY = "primary", "exploratory"
COMPARISONS = [
    *("role", "method_a", "method_b", "feature_mode", "n", "metric"),
    *(*TESTS, *MCNEMAR, "confidence", "clips", "subjects", "seeds"),
    *("protocol", "subject_independent", "backbone", "cut", "weights_sha256", "data"),
]
CONTROLS = [
    *("method", "control", "feature_mode", "n", "accuracy", "control_accuracy", "control_low"),
    *("control_high", "difference", "difference_low", "difference_high", "below", "chance"),
    *("confidence", "clips", "subjects", "protocol", "backbone", "data"),
]


def study_table(
    evaluation: Evaluation,
    keys: Sequence[Key],
    own: Sequence[dict[str, Any]],
    columns: Sequence[str],
) -> pd.DataFrame:
    """Score a reference and some systems, and compare each system with the reference.

    `keys` are the reference, which is named in advance; the systems, one family of tests; and last
    controls, which are compared with nothing. `own` holds the study's columns for each key.
    """
    systems = [cast(System, key) for key in keys if key in evaluation.predicted]
    tests = paired_tests(evaluation, [(system, systems[0]) for system in systems[1:]])
    compared = [{}, *tests, *({} for _ in keys[len(systems) :])]
    rows = [
        score_row(evaluation, key) | test | more
        for key, test, more in zip(keys, compared, own, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype({name: "Int64" for name in WHOLE if name in table})


def score_row(evaluation: Evaluation, key: Key) -> dict[str, Any]:
    """Return the columns of one system or control that stand on its own predictions."""
    found = {row["metric"]: row for row in evaluation.rows(key) if row["class"] == ALL}
    scores = {
        metric + end: found[metric][column]
        for metric in METRICS
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return found["accuracy"] | scores | {"accuracy_sd_seeds": found["accuracy"]["sd_seeds"]}


def paired_tests(
    evaluation: Evaluation, pairs: Iterable[tuple[System, System]], metric: str = "accuracy"
) -> list[dict[str, Any]]:
    """Compare two systems of each pair on the same clips; all pairs are one family of tests.

    difference is that of the metric (first minus second, mean over seeds), with its interval over
    subjects; p is that of the permutation test over subjects, see `intervals.paired_test`, p_holm
    corrected for the number of `tests`. b and c are the clips that only the first, only the second
    classifies correctly (in most of several seeds), p_mcnemar McNemar's exact test on them, which
    takes clips as independent.
    """
    tests: list[dict[str, Any]] = []
    truth, draws, seed = evaluation.truth, evaluation.draws, evaluation.seed
    for pair in pairs:
        predicted = [evaluation.predicted[key] for key in pair]
        about = metric, truth, predicted, evaluation.subjects, evaluation.classes
        found = intervals.paired_interval(*about, level=evaluation.level)
        p = intervals.paired_test(*about, draws=draws, seed=seed)
        mostly = [(x == truth).mean(axis=0) > 0.5 for x in predicted]
        counted = dict(zip(MCNEMAR, mcnemar(mostly[0], mostly[1]), strict=True))
        values = found.value, found.low, found.high, p
        tests.append(dict(zip(TESTS, values, strict=False)) | counted)
    corrected = holm([test["p"] for test in tests])
    return [
        test | {"p_holm": p, "tests": len(tests)} for test, p in zip(tests, corrected, strict=True)
    ]


def comparisons(evaluation: Evaluation, primary: Primary | None = None) -> pd.DataFrame:
    """Compare every two methods at each N and in each feature mode: ``comparisons.csv``.

    The first row is the `primary` comparison, tested alone. All others are exploratory and one
    family, over which p_holm is corrected.
    """
    systems = list(evaluation.predicted)
    pairs = [
        ((a, mode, n), (b, mode, n))
        for a, b in combinations(method_order(method for method, _, _ in systems), 2)
        for mode, n in dict.fromkeys((mode, n) for _, mode, n in systems)
        if (a, mode, n) in systems and (b, mode, n) in systems
    ]
    families = [(EXPLORATORY, "accuracy", pairs)]
    if primary and primary.method != primary.against:
        cell = primary.feature_mode, primary.n
        first, second = (primary.method, *cell), (primary.against, *cell)
        if primary.metric == "accuracy":
            pairs[:] = [pair for pair in pairs if {*pair} != {first, second}]
        families.insert(0, (PRIMARY, primary.metric, [(first, second)]))
    rows = []
    for role, metric, family in families:
        tests = paired_tests(evaluation, family, metric)
        for ((a, mode, n), (b, _, _)), test in zip(family, tests, strict=True):
            about = {"role": role, "method_a": a, "method_b": b, "feature_mode": mode, "n": n}
            seeds = len(evaluation.predicted[a, mode, n])
            rows.append(about | {"metric": metric} | test | evaluation.extent(seeds))
    return pd.DataFrame(rows, columns=COMPARISONS)


def controls_table(evaluation: Evaluation, names: Sequence[str]) -> pd.DataFrame:
    """Compare each of the controls `names` with its method on the same clips: ``controls.csv``.

    below is true where the interval of the difference, method less control, lies above zero; chance
    is the share of the most frequent class.
    """
    rows, truth = [], evaluation.truth
    for key, predicted in evaluation.beside.items():
        method, control = split_control(key[0])
        own = cast(System, (method, *key[1:]))
        if key[0] not in names or own not in evaluation.predicted:
            continue
        pair = (evaluation.predicted[own], predicted)
        found = intervals.paired_interval(
            "accuracy", truth, pair, evaluation.subjects, evaluation.classes, level=evaluation.level
        )
        alone, _ = evaluation.estimates(key)["accuracy", ALL]
        values = (method, control, *key[1:], alone.value + found.value, *alone[:3], *found[:3])
        chance = np.bincount(truth).max() / len(truth)
        cells = dict(zip(CONTROLS, (*values, str(found.low > 0).lower(), chance), strict=False))
        rows.append(cells | evaluation.extent(len(predicted)))
    return pd.DataFrame(rows, columns=CONTROLS)
