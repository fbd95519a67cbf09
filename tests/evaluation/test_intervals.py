"""Intervals that hold what they state, and tests over subjects that agree with them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from microexpr.evaluation import intervals
from microexpr.evaluation.metrics import ALL, PER_CLASS, count, scores

ABC = ["a", "b", "c"]
SMIC = [39, 19, 13, 13, 10, 10, 10, 10, 8, 7, 6, 6, 4, 4, 3, 2]


def simulate(
    rng: np.random.Generator, sizes: list[int], p: float, icc: float, *, repeats: int
) -> tuple[np.ndarray, ...]:
    """Classes and predictions, (repeats, C), of subjects whose skill is beta-distributed."""
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    truth = rng.integers(0, 3, size=(repeats, len(subjects)))
    skill = np.full((repeats, len(sizes)), p)
    if icc:
        skill = rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), size=skill.shape)
    right = rng.random(truth.shape) < skill[:, subjects]
    wrong = (truth + rng.integers(1, 3, size=truth.shape)) % 3
    return subjects, truth, np.where(right, truth, wrong)


@pytest.mark.parametrize(
    ("sizes", "p", "icc"),
    [
        ([2] * 12, 0.95, 0.1),  # the percentile bootstrap over subjects covers .7 here
        ([6] * 12, 0.7, 0.3),
        (SMIC, 0.95, 0.3),
        (SMIC, 0.5, 0.0),
        ([9] * 26, 0.9, 0.3),
    ],
)
def test_intervals_cover_what_they_state(sizes, p: float, icc: float) -> None:
    rng = np.random.default_rng(1)
    subjects, truth, found = simulate(rng, sizes, p, icc, repeats=600)
    for (metric, _), runs in intervals.linear(truth, found, ABC).items():
        low, high = intervals.bounds(runs, subjects, 0.95)
        known = ~np.isnan(low)
        inside = ((low <= p) & (p <= high))[known].mean()
        assert inside >= 0.93 - 2.5 * np.sqrt(0.93 * 0.07 / 600), (metric, inside)
        # Not by being wide: hardly above the one for independent clips where they are.
        if metric == "accuracy" and icc == 0:
            independent = 2 * 1.96 * np.sqrt(p * (1 - p) / len(subjects))
            assert (high - low).mean() < 1.55 * independent


def test_intervals_of_clips_alone_would_not_cover() -> None:
    rng = np.random.default_rng(2)
    subjects, truth, found = simulate(rng, [9] * 26, 0.7, 0.3, repeats=400)
    runs = intervals.linear(truth, found, ABC)["accuracy", ALL]
    inside = {}
    for unit, groups in (("subjects", subjects), ("clips", np.arange(len(subjects)))):
        low, high = intervals.bounds(runs, groups, 0.95)
        inside[unit] = ((low <= 0.7) & (high >= 0.7)).mean()
    assert inside["subjects"] > 0.92
    assert inside["clips"] < 0.8


@pytest.mark.parametrize("pair", [(0.7, 0.7), (0.95, 0.9), (0.98, 0.98)])
def test_intervals_of_differences_cover(pair: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    first, second = (simulate(rng, [6] * 12, p, 0.1, repeats=600) for p in pair)
    subjects, truth, a = first
    b = (second[2] - second[1] + truth) % 3  # as right as in `second`, on the same clips
    for metric in ("accuracy", "uf1", "uar"):
        runs = [intervals.linear(truth, x, ABC)[metric, ALL] for x in (a, b)]
        low, high = intervals.difference_bounds(*runs, subjects, 0.95)
        inside = ((low <= pair[0] - pair[1]) & (pair[0] - pair[1] <= high)).mean()
        assert inside >= 0.91, metric
        assert (high > low).all()


def test_the_average_of_seeds_has_an_interval_of_its_own() -> None:
    """Seeds that err on other clips tell more than one, seeds that agree tell no more."""
    rng = np.random.default_rng(4)
    subjects, truth, found = simulate(rng, [6] * 12, 0.8, 0.0, repeats=1)
    other = np.where(rng.random((3, 72)) < 0.8, truth[0], (truth[0] + 1) % 3)
    one, same, free = (
        intervals.metric_interval("accuracy", truth[0], runs, subjects, ABC)
        for runs in (found, np.repeat(found, 3, axis=0), other)
    )
    assert same == pytest.approx(one)
    assert free.high - free.low < 0.9 * (one.high - one.low)
    assert free.value == pytest.approx((other == truth[0]).mean())


runs = st.lists(
    st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from([0, 1, 2, 3]), st.integers(0, 4)),
    min_size=2,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(runs)
def test_every_interval_has_a_width_and_holds_its_value(rows) -> None:
    truth, predicted, subjects = (np.array(column) for column in zip(*rows, strict=True))
    counts = count(truth, predicted[None], subjects, classes=3)
    values = scores(counts[0].sum(axis=0), ABC)
    for cell, run in intervals.linear(truth, predicted[None], ABC).items():
        found = intervals.estimate(run.mean(), subjects)
        assert found.value == pytest.approx(values[cell])
        assert run.adds.sum() == pytest.approx(0)
        if found.subjects < 2 or run.reference[0] == 0:  # F1 of a class without clips, too
            assert np.isnan([found.low, found.high]).all()
            continue
        assert -1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1 + 1e-9
        assert found.high - found.low > 0.02


def test_the_denominator_is_that_of_the_cell() -> None:
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    subjects = ["x", "y", "y", "x", "x", "z"]

    def rests_on(metric: str, of: str = ALL) -> tuple[int, int]:
        return intervals.metric_interval(metric, truth, predicted, subjects, ABC, of=of)[3:]

    assert rests_on("accuracy") == rests_on("uf1") == (6, 3)
    assert rests_on("recall", "a") == (3, 2)
    assert rests_on("recall", "c") == (1, 1)
    assert rests_on("precision", "a") == (3, 3)
    assert rests_on("precision", "c") == (0, 0)
    assert rests_on("f1", "b") == (3, 2)


def test_all_right_has_a_lower_bound() -> None:
    found = intervals.proportion_interval(np.ones(24), np.repeat(range(12), 2))
    assert [found.value, found.high] == pytest.approx([1, 1])
    # Below Clopper and Pearson's bound for independent clips, and not far.
    assert 0.75 < found.low < beta.ppf(0.025, 24, 1)
    assert np.isnan(intervals.proportion_interval([], []).low)
    assert np.isnan(intervals.proportion_interval([1, 0, 1], ["one"] * 3).low)


def test_more_clips_of_the_same_subjects_tell_less_than_more_subjects() -> None:
    few, many = np.tile([1, 1, 1, 0], 6), np.tile([1, 1, 1, 0], 12)

    def width(values: np.ndarray, subjects: np.ndarray) -> float:
        found = intervals.proportion_interval(values, subjects)
        return found.high - found.low

    start = width(few, np.repeat(range(12), 2))
    same_people = width(many, np.repeat(range(12), 4))
    more_people = width(many, np.repeat(range(24), 2))
    assert more_people < same_people < start


def test_a_class_without_clips_limits_what_can_be_reached() -> None:
    truth = np.array([0, 1] * 12)
    found = intervals.metric_interval("uar", truth, truth, np.repeat(range(12), 2), ABC)
    assert [found.value, found.high] == pytest.approx([2 / 3, 2 / 3])
    assert 0.4 < found.low < 2 / 3


def test_what_a_clip_adds_is_the_change_when_it_counts_a_little_more() -> None:
    rng = np.random.default_rng(5)
    truth, predicted = rng.integers(0, 3, size=40), rng.integers(0, 4, size=40)
    found = intervals.linear(truth, predicted[None], ABC)
    step = 1e-6
    for clip in (0, 17):
        cells = np.zeros((3, 4))
        np.add.at(cells, (truth, predicted), 1 + step * (np.arange(40) == clip))
        moved = scores(cells, ABC)
        for cell, run in found.items():
            change = (moved[cell] - run.value[0]) / step
            assert run.adds[0, clip] == pytest.approx(change, abs=1e-5), cell


def test_the_area_under_the_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, size=60)
    shares = rng.dirichlet([1, 1, 1], size=(2, 60)).round(1)  # with ties
    shares[0] += 0.5 * (truth[:, None] == np.arange(3))
    found = intervals.linear_auc(truth, shares)
    for run, value in zip(shares, found.value, strict=True):
        each = [roc_auc_score(truth == k, run[:, k]) for k in range(3)]
        assert value == pytest.approx(np.mean(each))
    assert found.adds.sum(axis=-1) == pytest.approx([0, 0])
    subjects = np.repeat(range(12), 5)
    good, chance = (
        intervals.estimate(intervals.linear_auc(truth, s[None]).mean(), subjects) for s in shares
    )
    assert good.low > 0.5
    assert chance.low < 0.5 < chance.high
    silent = shares[:1].copy()
    silent[0, :20] = np.nan
    assert intervals.linear_auc(truth, silent).value[0] < found.value[0]


def test_the_test_over_subjects_by_hand() -> None:
    # Four subjects of two clips; the first method is right twice where the second is wrong twice.
    truth, subjects = np.zeros(8, dtype=int), np.repeat(list("wxyz"), 2)
    first, second = np.array([0, 0, 0, 0, 0, 0, 0, 1]), np.array([1, 1, 1, 1, 1, 0, 0, 1])
    p = intervals.paired_test("accuracy", truth, [first, second], subjects, ["a", "b"])
    # Subjects' differences: 2, 2, 1, 0; of the eight ways to sign three of them two give 5 or -5.
    assert p == 2 / 8
    again = intervals.paired_test("accuracy", truth, [second, first], subjects, ["a", "b"])
    assert again == p
    assert intervals.paired_test("uf1", truth, [first, first], subjects, ["a", "b"]) == 1


def test_swaps_are_drawn_where_there_are_many_subjects() -> None:
    rng = np.random.default_rng(7)
    subjects, truth, a = simulate(rng, [3] * 20, 0.8, 0.1, repeats=1)
    b = np.where(rng.random(60) < 0.4, (a[0] + 1) % 3, a[0])
    pair = [a[0], b]
    drawn = [
        intervals.paired_test("accuracy", truth[0], pair, subjects, ABC, draws=20000, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    changes = np.bincount(subjects, weights=(a[0] == truth[0]) * 1.0 - (b == truth[0]))
    signed = np.array(list(product([1, -1], repeat=int((changes != 0).sum()))))
    sums = np.abs(signed @ changes[changes != 0])
    exact = (sums >= abs(changes.sum()) - 1e-9).mean()
    assert drawn[0] == pytest.approx(exact, abs=0.01)
    best = intervals.paired_test(
        "accuracy", truth[0], [truth[0], (truth[0] + 1) % 3], subjects, ABC
    )
    assert 0 < best <= 3 / 10001


def test_p_is_uniform_under_the_null_and_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(8)
    small, agree = 0, 0
    for _ in range(300):
        subjects, truth, found = simulate(rng, [6] * 12, 0.7, 0.2, repeats=2)
        pair = [found[0], (found[1] - truth[1] + truth[0]) % 3]
        p = intervals.paired_test("accuracy", truth[0], pair, subjects, ABC)
        interval = intervals.paired_interval("accuracy", truth[0], pair, subjects, ABC)
        small += p <= 0.05
        agree += (p <= 0.05) == (interval.low > 0 or interval.high < 0)
    assert 0 < small / 300 < 0.08
    assert agree / 300 > 0.96


def test_all_metrics_but_the_support_are_linearised() -> None:
    found = intervals.linear(np.array([0, 1, 2]), np.array([[0, 1, 2]]), ABC)
    assert {metric for metric, _ in found} == {"accuracy", "uf1", "uar", *PER_CLASS} - {"support"}
