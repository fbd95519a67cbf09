"""Confidence intervals and paired tests over subjects; ``benchmarks/coverage.py`` measures them.

Clips of one subject are alike, so N clips tell less than N independent ones. What each clip adds to
a metric gives its variance, and by analysis of variance the share of it between subjects (the
intraclass correlation). From both follows how many independent clips tell as much; on these rests
Wilson's interval, with Student's quantile for the subjects in place of the normal one. So an
interval has a width where every clip is right, too. With fewer than two subjects it is NaN.

In all functions `truth`, (C,) int, holds the class of each clip, a number from 0 in the order of
`names`; `predicted`, (C,) or (R, C) for R seeds, the same, and ``len(names)`` for no prediction;
`subjects`, (C,), who is seen, by any names.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit
from scipy.stats import rankdata

from microexpr.evaluation.metrics import ALL, Cell, Floats, Ints, class_scores, count, ratio, scores

# The intraclass correlation that is supposed where there are no mistakes to estimate it from, and
# how many mistakes outweigh it: chosen by coverage, see docs/statistics.md.
PRIOR_CORRELATION, PRIOR_MISTAKES = 0.3, 2.0
EXACT_SUBJECTS = 14  # for up to so many subjects all swaps are tried
ROUNDING = 1e-12  # differences that rounding alone separates are equal


class Interval(NamedTuple):
    """A value, its interval, and what it rests on."""

    value: float
    low: float
    high: float
    clips: int  # the denominator: for recall, the clips of the class; a mean over the seeds
    subjects: int  # that have such clips


class Linear(NamedTuple):
    """A metric, and to first order what each clip adds to it; (...) are runs."""

    value: Floats  # (...)
    adds: Floats  # (..., C): their sum is 0, the sum of their squares the variance
    used: Floats  # (..., C): 1 for a clip that the metric rests on, else 0
    reference: Floats  # (...): of as many independent clips a proportion would vary as much
    top: Floats  # (...): largest possible value; less than 1 where a class has no clip

    def mean(self) -> "Linear":
        """Return the mean over the first axis."""
        return Linear._make([part.mean(axis=0) for part in self])


def linear(truth: Ints, predicted: Ints, names: Sequence[str]) -> dict[Cell, Linear]:
    """Linearise all metrics of `class_scores` but support; `truth` may be (R, C), too."""
    label, answer = ((a[..., None] == np.arange(len(names))) * 1.0 for a in (truth, predicted))
    label = np.broadcast_to(label, answer.shape)
    hit = label * answer
    hits, support, chosen = (a.sum(axis=-2) for a in (hit, label, answer))
    found = class_scores(hits, support, chosen, names)
    right, everyone = hit.sum(axis=-1), np.ones(answer.shape[:-1])
    clips, one = everyone.sum(axis=-1), everyone[..., 0]
    accuracy = found["accuracy", ALL]
    adds = ratio(right - accuracy[..., None], clips[..., None])
    result = {("accuracy", ALL): Linear(accuracy, adds, everyone, clips, one)}
    for metric, share, counted, below in (
        ("precision", hit, answer, chosen),
        ("recall", hit, label, support),
        ("f1", 2 * hit, label + answer, support + chosen),
    ):
        values = np.stack([found[metric, name] for name in names], axis=-1)
        adds = ratio(share - counted * values[..., None, :], below[..., None, :])
        used, reference = np.minimum(counted, 1), chosen if metric == "precision" else support
        for k, name in enumerate(names):
            of_class = (part[..., k] for part in (values, adds, used, reference))
            result[metric, name] = Linear._make((*of_class, one))
        if metric != "precision":
            overall = {"recall": "uar", "f1": "uf1"}[metric]
            result[overall, ALL] = _mean_of_classes(values, adds, support)
    return result


def linear_auc(truth: Ints, probabilities: Floats) -> Linear:
    """Linearise the area under the ROC curve, each class against the others, mean over classes.

    `probabilities`, (R, C, K), are NaN for a clip without a prediction, which loses every
    comparison. The parts are those of DeLong et al. 1988, Biometrics 44, 837-845.
    """
    values, adds = np.zeros(probabilities.shape[::2]), np.zeros(probabilities.shape)
    support = np.bincount(truth, minlength=probabilities.shape[-1])
    for k in np.flatnonzero((support > 0) & (support < len(truth))):
        own = truth == k
        for side, sign in ((own, 1), (~own, -1)):
            score = sign * probabilities[..., k]
            score = np.where(np.isnan(score), np.where(side, -2.0, 2.0), score)
            among_side = rankdata(score[:, side], axis=-1)
            beaten = (rankdata(score, axis=-1)[:, side] - among_side) / (~side).sum()
            values[:, k] = beaten.mean(axis=-1)
            adds[:, side, k] = (beaten - values[:, [k]]) / side.sum()
    return _mean_of_classes(values, adds, np.broadcast_to(support, values.shape))


def _mean_of_classes(values: Floats, adds: Floats, support: Floats | Ints) -> Linear:
    """Average over the last axis; a class without clips counts as 0."""
    top = (support > 0).mean(axis=-1)
    harmonic = ratio(np.ones(support.shape), support).sum(axis=-1)
    reference = ratio((support > 0).sum(axis=-1) ** 2, harmonic)
    return Linear(values.mean(-1), adds.mean(-1), np.ones(adds.shape[:-1]), reference, top)


def bounds(metric: Linear, subjects: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return the bounds, (...), of a metric between 0 and 1, such as a proportion."""
    value, reference = metric.value / metric.top, metric.reference
    mistakes = reference * value * (1 - value)
    observed = (reference / metric.top) ** 2 * (metric.adds**2).sum(axis=-1)
    effect, t = _design(metric.adds, metric.used, subjects, mistakes, level)
    clips = reference * (mistakes + 1) / (observed + 1) / effect
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, half = value + t**2 / 2 / clips, value * (1 - value) / clips + (t / 2 / clips) ** 2
        middle, half = (x / (1 + t**2 / clips) for x in (middle, t * np.sqrt(half)))
    return metric.top * np.maximum(middle - half, 0), metric.top * np.minimum(middle + half, 1)


def difference_bounds(
    first: Linear, second: Linear, subjects: ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Return the bounds, (...), of the difference of a metric of two systems on the same clips.

    Half a clip that only the first and half a clip that only the second classifies correctly is
    added (Bonett and Price 2012, doi:10.3102/1076998611411915, add one each).
    """
    value, adds = first.value - second.value, first.adds - second.adds
    reference = np.minimum(first.reference, second.reference)
    squares = reference * (adds**2).sum(axis=-1) + value**2
    used = np.maximum(first.used, second.used)
    effect, t = _design(adds, used, subjects, reference * squares, level)
    clips = reference / effect
    middle = value * clips / (clips + 1)
    spread = (clips * squares + 1) / (clips + 1) - middle**2
    half = t * np.sqrt(spread / (clips + 1))
    return np.maximum(middle - half, -1), np.minimum(middle + half, 1)


def _design(
    adds: Floats, used: Floats, subjects: ArrayLike, mistakes: Floats, level: float
) -> tuple[Floats, Floats]:
    """Return by how much the likeness of a subject's clips raises the variance, and the quantile.

    The effect is 1 + (m - 1) r with the intraclass correlation r by analysis of variance (Donner
    1986) and m = sum n^2 / N for subjects of n clips. NaN: fewer than two subjects.
    """
    names, number = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    member = np.eye(len(names))[number]
    sizes, sums = used @ member, adds @ member
    clips, groups = sizes.sum(axis=-1), (sizes > 0).sum(axis=-1)
    squares, between = (adds**2).sum(axis=-1), ratio(sums**2, sizes).sum(axis=-1)
    size = ratio((sizes**2).sum(axis=-1), clips)
    mean_between = ratio(between, groups - 1)
    mean_within = ratio(squares - between, clips - groups)
    subject_part = ratio(mean_between - mean_within, ratio(clips - size, groups - 1))
    correlation = np.clip(ratio(subject_part, subject_part + mean_within), 0, 1)
    known = correlation * mistakes + PRIOR_CORRELATION * PRIOR_MISTAKES
    effect = 1 + np.maximum(size - 1, 0) * known / (mistakes + PRIOR_MISTAKES)
    quantile = stdtrit(np.where(groups > 1, groups - 1.0, np.nan), (1 + level) / 2)
    return effect, np.asarray(quantile, dtype=float)


def estimate(metric: Linear, subjects: ArrayLike, level: float = 0.95) -> Interval:
    """Return the value and the interval of one `metric`, and what they rest on."""
    low, high = bounds(metric, subjects, level)
    return _interval(metric.value, low, high, metric.used, subjects)


def _interval(
    value: Floats, low: Floats, high: Floats, used: Floats, subjects: ArrayLike
) -> Interval:
    who = len(set(np.asarray(subjects)[used > 0].tolist()))
    return Interval(float(value), float(low), float(high), round(float(used.sum())), who)


def proportion_interval(shares: ArrayLike, subjects: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean over C clips of values between 0 and 1, such as right or wrong, and interval.

    All is NaN where there is no clip.
    """
    values, one = np.asarray(shares, dtype=float), np.ones(())
    clips, mean = one * len(values), values.mean() if len(values) else one * np.nan
    about = Linear(mean, ratio(values - mean, clips), np.ones(len(values)), clips, one)
    return estimate(about, subjects, level)


def metric_interval(
    metric: str,
    truth: Ints,
    predicted: Ints,
    subjects: ArrayLike,
    names: Sequence[str],
    *,
    level: float = 0.95,
    of: str = ALL,
) -> Interval:
    """Return a metric on all clips, the mean over the seeds, and its interval over subjects.

    Parameters
    ----------
    metric
        accuracy, uf1 or uar; or recall, precision or f1 of the class `of`.
    truth, predicted
        (C,) int and (C,) or (R, C) int: numbers of classes, see above.
    subjects, names
        Who is seen in each clip, (C,), and the names of the K classes.
    level
        Coverage that the interval states: Wilson 1927 (J. Am. Stat. Assoc. 22, 209) on the
        effective number of clips.
    """
    found = linear(truth, np.atleast_2d(predicted), names)[metric, of]
    return estimate(found.mean(), subjects, level)


def paired_interval(
    metric: str,
    truth: Ints,
    pair: Sequence[Ints],
    subjects: ArrayLike,
    names: Sequence[str],
    *,
    level: float = 0.95,
    of: str = ALL,
) -> Interval:
    """Return a metric of the first predictions of a `pair` minus that of the second."""
    a, b = (linear(truth, np.atleast_2d(x), names)[metric, of].mean() for x in pair)
    low, high = difference_bounds(a, b, subjects, level)
    return _interval(a.value - b.value, low, high, np.maximum(a.used, b.used), subjects)


def paired_test(
    metric: str,
    truth: Ints,
    pair: Sequence[Ints],
    subjects: ArrayLike,
    names: Sequence[str],
    *,
    of: str = ALL,
    draws: int = 10000,
    seed: int = 0,
) -> float:
    """Test over subjects whether a `pair` of predictions is equally good: p of a permutation test.

    All predictions of a subject are swapped between the two, or none, and the metric of the clips
    of all seeds together is computed again: in every way where at most `EXACT_SUBJECTS` subjects
    have different predictions, else as it is and in `draws` random ways. p is the share of the ways
    that give at least the difference, of either sign. It is never 0: the smallest are
    2 / 2^subjects and 1 / (draws + 1).
    """
    number = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)[1]
    a, b = (count(truth, np.atleast_2d(x), number, classes=len(names)).mean(axis=0) for x in pair)
    changes = (b - a)[(a != b).any(axis=(1, 2))]
    swapped = np.tensordot(_swaps(len(changes), draws, seed), changes, axes=1)
    totals = a.sum(axis=0) + swapped, b.sum(axis=0) - swapped
    values = [scores(total, names)[metric, of] for total in totals]
    size = np.abs(values[0] - values[1])
    return float((size >= size[0] - ROUNDING).mean())


def _swaps(subjects: int, draws: int, seed: int) -> Floats:
    """Return which subjects are swapped, (ways, subjects), 1 or 0; in the first way none."""
    if subjects > EXACT_SUBJECTS:
        drawn = np.random.default_rng(seed).integers(0, 2, size=(draws + 1, subjects))
        return np.where(np.arange(draws + 1)[:, None] > 0, drawn, 0.0)
    # To swap all others in place of some gives the same difference: the last is never swapped.
    ways = np.arange(2 ** max(subjects - 1, 0))
    return np.asarray(ways[:, None] >> np.arange(subjects) & 1, dtype=float)
