"""The builder of rows that all studies share, and names in place of identifiers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microexpr.backbones.networks import NETWORKS
from microexpr.config import Evaluate
from microexpr.evaluation import names
from microexpr.evaluation.metrics import holm
from microexpr.evaluation.pooled import MAJORITY, RANDOM, Evaluation
from microexpr.evaluation.rows import (
    SCORES,
    paired_tests,
    score_row,
    study_table,
)
from microexpr.magnify.methods import METHODS
from microexpr.protocol import COMPLETE
from microexpr.protocol.splits import MAKERS, make_folds
from microexpr.training.controls import split_control
from simulated import CLASSES, basis, columns, manifest, predicted

A, B, C = ((method, "raw", n) for method, n in (("amm", 7), ("pmm", 9), ("none", 14)))


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    clips = manifest(8)
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES)
    runs = [
        predicted(clips, folds, lambda _, skill=skill: skill, n=n, method=method)
        for (method, _, n), skill in ((A, 0.9), (B, 0.6), (C, 0.4))
    ]
    return Evaluation(pd.concat(runs), basis(clips, statistics=Evaluate(draws=200)))


def test_rows_of_a_study_hold_the_values_of_metrics(evaluation):
    more = ["clips", "subjects", "seeds", "protocol", "data", "p", "own"]
    own = [{"own": name} for name in "abc"]
    table = study_table(evaluation, [A, B, C], own, ["method", *SCORES, *more])
    metrics = evaluation.metrics().query("`class` == 'all'").set_index(["method", "metric"])
    rows = table.to_dict("records")
    assert [row["own"] for row in rows] == ["a", "b", "c"]
    for row in rows:
        for metric in ("accuracy", "uf1", "uar"):
            cell = metrics.loc[(row["method"], metric)]
            found = [row[metric + end] for end in ("", "_low", "_high")]
            assert found == [cell["value"], cell["low"], cell["high"]]
    assert [row["clips"] for row in rows] == [48] * 3
    tests = paired_tests(evaluation, [(B, A), (C, A)])
    assert [row["p"] for row in rows[1:]] == [test["p"] for test in tests]
    assert np.isnan(rows[0]["p"])


def test_pairs_are_one_family(evaluation):
    together = paired_tests(evaluation, [(B, A), (C, A)])
    alone = [paired_tests(evaluation, [pair])[0] for pair in ((B, A), (C, A))]
    assert [test["p"] for test in together] == [test["p"] for test in alone]
    assert [test["p_holm"] for test in together] == list(holm([test["p"] for test in alone]))
    assert [test["p_holm"] for test in alone] == [test["p"] for test in alone]
    (turned,) = paired_tests(evaluation, [(A, B)])
    first = together[0]
    assert (turned["b"], turned["c"]) == (first["c"], first["b"])
    assert turned["difference"] == -first["difference"]


def test_controls_have_rows_too(evaluation):
    row = score_row(evaluation, (MAJORITY, "", None))
    assert row["accuracy"] == pytest.approx(1 / 3)
    assert row["n"] is pd.NA
    assert score_row(evaluation, (RANDOM, "", None))["seeds"] == 200


def test_whole_numbers_stay_whole_beside_empty_cells(evaluation):
    keys = [A, B, (MAJORITY, "", None)]
    table = study_table(evaluation, keys, [{}, {}, {}], ["method", "n", "b"])
    (test,) = paired_tests(evaluation, [(B, A)])
    assert table.to_csv(index=False) == f"method,n,b\namm,7,\npmm,9,{test['b']}\nmajority,,\n"


def test_everything_that_people_read_has_a_name():
    for name in METHODS.own:
        if split_control(name)[1]:
            continue  # a placebo is called after the method that magnifies it
        assert names.method_name(name) == METHODS[name].label != ""
    for name in NETWORKS.own:
        assert names.network_name(name) == NETWORKS[name].label != ""
    assert set(MAKERS) == set(COMPLETE)
    assert all(names.protocol_name(name) != name for name in MAKERS)
    assert names.method_name("pmm-a2.5") == f"{METHODS['pmm'].label}, alpha 2.5"
    assert names.method_name("majority") == "most frequent class"
    assert names.method_name("none-else") == "none-else"
    chosen = names.method_name("pmm_best_epoch_on_test")
    assert chosen == f"{METHODS['pmm'].label}, best epoch on the test clips: not a result"
    assert names.network_name("theirs") == "theirs"
