"""Metrics against hand counts and scikit-learn; intervals and tests against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from microexpr.errors import MicroexprWarning
from microexpr.evaluation import metrics, pooled
from microexpr.evaluation.metrics import ALL, OVERALL, PER_CLASS
from microexpr.protocol.splits import make_folds
from simulated import CLASSES, basis, columns, manifest, predicted

ABC = ["a", "b", "c"]
#            a a a a  b b b  c c c
LABELS = list("aaaabbbccc")
ANSWERS = ["a", "a", "b", "", "b", "b", "c", "c", "a", "c"]


def matrix(labels: list[str], answers: list[str], classes: list[str]) -> np.ndarray:
    """Count one run by label and prediction."""
    number = {name: k for k, name in enumerate([*classes, ""])}
    truth, found = (np.array([number[name] for name in names]) for names in (labels, answers))
    counts = metrics.count(truth, found[None], np.zeros_like(truth), classes=len(classes))
    return counts.sum(axis=(0, 1))


def score(labels: list[str], answers: list[str], classes: list[str]) -> dict:
    """Score one run."""
    counts = matrix(labels, answers, classes)
    found = metrics.scores(counts, classes)
    return {key: float(value) for key, value in found.items()}


def test_hand_counted_example() -> None:
    scores = score(LABELS, ANSWERS, ABC)
    # a: 2 of 4 found, 3 answers; b: 2 of 3, 3 answers; c: 2 of 3, 3 answers.
    assert scores["accuracy", ALL] == pytest.approx(6 / 10)
    assert scores["uar", ALL] == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)
    assert scores["uf1", ALL] == pytest.approx((4 / 7 + 4 / 6 + 4 / 6) / 3)
    assert scores["recall", "a"] == pytest.approx(2 / 4)
    assert scores["precision", "a"] == pytest.approx(2 / 3)
    assert [scores["support", name] for name in ABC] == [4, 3, 3]


def test_hand_counted_confusion() -> None:
    # Labels in rows; predicted a, b, c or not at all.
    assert matrix(LABELS, ANSWERS, ABC).tolist() == [[2, 1, 0, 1], [0, 2, 1, 0], [1, 0, 2, 0]]


def test_a_clip_without_an_answer_stays_in_the_denominators() -> None:
    answered = score(["a"] * 4 + ["b"], ["a"] * 4 + ["b"], ["a", "b"])
    silent = score(["a"] * 4 + ["b"], ["a", "a", "", "", "b"], ["a", "b"])
    assert answered["accuracy", ALL] == 1
    assert silent["accuracy", ALL] == pytest.approx(3 / 5)
    assert silent["recall", "a"] == pytest.approx(2 / 4)
    assert silent["precision", "a"] == 1
    assert silent["support", "a"] == 4


def test_a_class_without_tested_clips_counts_as_nought_and_is_named() -> None:
    scores = score(list("aabb"), list("aabb"), ABC)
    assert scores["uf1", ALL] == pytest.approx(2 / 3)
    assert scores["uar", ALL] == pytest.approx(2 / 3)
    assert scores["accuracy", ALL] == 1
    clips = [clip for clip in manifest(4) if clip.label != "surprise"]
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES[:2])
    right = predicted(clips, folds, lambda _: 1.0, n=7)
    with pytest.warns(MicroexprWarning, match="class surprise has no tested clip"):
        evaluation = pooled.Evaluation(right, basis(clips))
    table = evaluation.metrics().query("method == 'pmm'").set_index(["metric", "class"])["value"]
    assert table["uf1", "all"] == pytest.approx(2 / 3)
    assert (table["accuracy", "all"], table["support", "surprise"]) == (1, 0)


def test_pooled_is_not_the_mean_over_folds() -> None:
    labels, answers = list("aaaab"), list("aaabb")
    folds = [slice(0, 4), slice(4, 5)]
    mean = np.mean([score(labels[f], answers[f], ["a", "b"])["uf1", ALL] for f in folds])
    assert score(labels, answers, ["a", "b"])["uf1", ALL] - mean > 0.2


runs = st.lists(
    st.tuples(st.sampled_from(ABC), st.sampled_from([*ABC, ""]), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(runs)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_scores_agree_with_those_of_scikit_learn(rows) -> None:
    labels, answers, subjects = ([row[k] for row in rows] for k in range(3))
    number = {name: k for k, name in enumerate([*ABC, ""])}
    truth = np.array([number[x] for x in labels])
    counts = metrics.count(
        truth, np.array([[number[x] for x in answers]]), np.array(subjects), classes=3
    )
    assert counts.sum() == len(rows)
    found = {k: v[0] for k, v in metrics.scores(counts.sum(axis=1), ABC).items()}
    own = precision_recall_fscore_support(labels, answers, labels=ABC, zero_division=0)
    for metric, values in zip(PER_CLASS, own, strict=True):
        assert [found[metric, name] for name in ABC] == pytest.approx(list(values)), metric
    assert found["accuracy", ALL] == pytest.approx(np.mean(np.array(labels) == np.array(answers)))
    assert found["uf1", ALL] == pytest.approx(own[2].mean())
    assert found["uar", ALL] == pytest.approx(own[1].mean())
    if len(set(labels)) == 3:
        assert found["uar", ALL] == pytest.approx(balanced_accuracy_score(labels, answers))


def test_mcnemar_by_hand_and_against_scipy() -> None:
    right_a = np.array([True] * 9 + [False] * 1 + [True] * 5 + [False] * 5)
    right_b = np.array([False] * 9 + [True] * 1 + [True] * 5 + [False] * 5)
    b, c, p = metrics.mcnemar(right_a, right_b)
    assert (b, c) == (9, 1)
    assert p == pytest.approx(2 * (1 + 10) / 2**10)
    assert metrics.mcnemar(right_b, right_a) == (1, 9, p)
    assert metrics.mcnemar(right_a, right_a) == (0, 0, 1.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.random((2, 60)) < 0.6
        b, c, p = metrics.mcnemar(x, y)
        assert p == pytest.approx(binomtest(c, b + c).pvalue)


def test_holm_by_hand() -> None:
    assert metrics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert metrics.holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert len(metrics.holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_keeps_the_order_and_lies_between_raw_and_bonferroni(p) -> None:
    raw, corrected = np.array(p), metrics.holm(p)
    assert (np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0).all()
    assert (corrected >= raw).all()
    assert (corrected <= np.minimum(raw * len(p), 1) + 1e-12).all()


def test_majority_of_training_can_differ_from_the_pooled_one() -> None:
    # Leaving out fold x (three of class 0) turns the majority of the rest to class 1.
    labels, folds = np.array([0, 0, 0, 0, 1, 1]), list("xxxyyy")
    counts = pooled.training_counts(labels, folds, classes=2)
    assert {name: list(found) for name, found in counts.items()} == {"x": [1, 2], "y": [3, 0]}
    assert pooled.majority(labels, classes=2).tolist() == [[0] * 6]
    honest = pooled.majority_of_training(folds, counts)
    assert honest.tolist() == [[1, 1, 1, 0, 0, 0]]
    assert (honest[0] == labels).mean() == pytest.approx(1 / 6)


def test_clips_that_are_only_trained_on_count_for_the_training_majority() -> None:
    counts = pooled.training_counts(np.array([0, 1, 1, 1]), ["t", "t", "", ""], classes=2)
    assert {name: list(found) for name, found in counts.items()} == {"t": [0, 2]}
    # Two test sets: neither counts the other's clips.
    counts = pooled.training_counts(np.array([0, 1, 1, 1]), ["A", "B", "B", ""], classes=2)
    assert {name: list(found) for name, found in counts.items()} == {"A": [0, 1], "B": [0, 1]}


def test_stratified_random_hits_its_expectation_and_never_leaves_the_classes() -> None:
    labels = np.repeat([0, 1, 2], [70, 51, 43])
    folds = [f"f{i % 8}" for i in range(164)]
    counts = pooled.training_counts(labels, folds, classes=3)
    answers = pooled.stratified_random(folds, counts, draws=2000, seed=0)
    assert answers.min() == 0
    assert answers.max() == 2
    expected = np.mean([counts[f][k] / counts[f].sum() for f, k in zip(folds, labels, strict=True)])
    accuracy = (answers == labels).mean(axis=1)
    assert accuracy.mean() == pytest.approx(expected, abs=1e-3)
    again = pooled.stratified_random(folds, counts, draws=2000, seed=0)
    assert (answers == again).all()
    assert accuracy.std() == pytest.approx(np.sqrt(expected * (1 - expected) / 164), rel=0.1)


def test_permuted_labels_score_like_chance() -> None:
    """A good classifier's answers against permuted labels: within two standard errors."""
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [70, 51, 43])
    answers = np.where(rng.random(164) < 0.7, truth, rng.integers(0, 3, 164))
    shares = np.bincount(truth) / 164 @ (np.bincount(answers, minlength=3) / 164)
    names = np.array(ABC, dtype=object)
    assert score(list(names[truth]), list(names[answers]), ABC)["accuracy", ALL] > 0.7
    permuted = [
        score(list(names[rng.permutation(truth)]), list(names[answers]), ABC)["accuracy", ALL]
        for _ in range(200)
    ]
    assert abs(np.mean(permuted) - shares) < 2 * np.std(permuted) / np.sqrt(200)


def test_overall_metrics_are_all_there() -> None:
    # The area under the curve comes from probabilities, not from counts.
    assert [*(key[0] for key in score(LABELS, ANSWERS, ABC) if key[1] == ALL), "auc"] == [*OVERALL]
