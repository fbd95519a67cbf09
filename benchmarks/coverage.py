"""How often intervals of 95 % hold the truth, and how often a test of no difference says p <= .05.

    python benchmarks/coverage.py [--quick] [--cells]

Data sets are drawn: each subject has a skill from a beta distribution with mean p and intraclass
correlation ICC, each clip a class, and a prediction that is right with the subject's skill. All
data sets of a cell are evaluated at once, by `microexpr.evaluation.intervals`. Coverage is the
share of the intervals that hold the value of infinitely many subjects. Width is in units of
2 x 1.96 standard deviations of the estimate over the data sets, which cannot be known from one of
them. Every cell below .93 is named; ``--cells`` prints all. Exit code 1: one is below .90.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.stats import beta

from microexpr.evaluation import intervals
from microexpr.evaluation.metrics import ALL, Scores, scores

# Clips of each subject. SMIC has 16 subjects of 2 to 39 clips, CASME II 26 of 1 to 35.
SMIC = (39, 19, 13, 13, 10, 10, 10, 10, 8, 7, 6, 6, 4, 4, 3, 2)
CASME2 = (35, 24, 19, 17, 16, 15, 13, 13, 12, 11, 10, 9, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, 2, 1)
SIZES = {
    "8 x 6": (6,) * 8,
    "12 x 2": (2,) * 12,
    "12 x 6": (6,) * 12,
    "16: 2-39": SMIC,
    "16 x 10": (10,) * 16,
    "26 x 9": (9,) * 26,
    "70 x 6": (6,) * 70,
}
P, ICC = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98), (0.0, 0.1, 0.2, 0.3)
PAIRS = ((0.5, 0.5), (0.7, 0.6), (0.9, 0.9), (0.9, 0.7), (0.95, 0.9), (0.98, 0.98), (0.98, 0.9))
EQUAL, UNEQUAL = (1 / 3,) * 3, (0.40, 0.26, 0.13, 0.11, 0.10)  # shares of the classes
SMIC_SHARES = (70 / 164, 51 / 164, 43 / 164)
OF_CLASS = ("recall", "precision", "f1")  # of the first class
WHOLE = ("accuracy", "uf1", "uar")
STATED, BAR, FLOOR = 0.95, 0.93, 0.90


@dataclass(frozen=True)
class Design:
    """What data sets are like."""

    name: str
    sizes: Sequence[int]
    icc: float
    shares: Sequence[float] = EQUAL
    own_classes: bool = False  # each subject has a mixture of classes of its own
    own_skills: bool = False  # each subject has a skill of its own for each class
    seeds: int = 1  # trainings, of which the mean is taken

    @property
    def subjects(self) -> np.ndarray:
        """The subject of each clip."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)


def classes(design: Design, draw: np.random.Generator, count: int) -> np.ndarray:
    """Draw the class of each clip, (count, C)."""
    shares = np.broadcast_to(design.shares, (count, len(design.sizes), len(design.shares)))
    if design.own_classes:
        shares = draw.dirichlet(2 * np.array(design.shares), size=shares.shape[:2])
    edges = shares.cumsum(axis=-1)[:, design.subjects, :-1]
    return (draw.random((count, len(design.subjects)))[..., None] >= edges).sum(axis=-1)


def ranks(design: Design, draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw each subject's place among all people, (count, S, K), and each clip's, (count, C)."""
    shape = (count, len(design.sizes), len(design.shares))
    people = draw.random(shape if design.own_skills else (*shape[:2], 1))
    return np.broadcast_to(people, shape), draw.random((count, len(design.subjects)))


def predicted(
    design: Design,
    truth: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    p: float,
    draw: np.random.Generator,
) -> np.ndarray:
    """Predict each clip: right where its place is below the subject's skill."""
    people, clips = places
    skill = np.full(people.shape, p)
    if design.icc:
        grid = np.linspace(0, 1, 4001)
        shape = p * (1 / design.icc - 1), (1 - p) * (1 / design.icc - 1)
        skill = np.interp(people, grid, beta.ppf(grid, *shape))
    own = np.take_along_axis(skill[:, design.subjects], truth[..., None], axis=-1)[..., 0]
    wrong = (truth + draw.integers(1, len(design.shares), size=truth.shape)) % len(design.shares)
    return np.where(clips < own, truth, wrong)


def true_scores(design: Design, p: float) -> Scores:
    """Return the metrics of infinitely many subjects."""
    K = len(design.shares)
    confusion = np.full((K, K + 1), (1 - p) / (K - 1))
    confusion[:, K] = 0
    np.fill_diagonal(confusion, p)
    return scores(confusion * np.array(design.shares)[:, None], names(design))


def names(design: Design) -> list[str]:
    """Name the classes."""
    return [f"class {k}" for k in range(len(design.shares))]


Found = tuple[str, float, float]  # metric, coverage, relative width


def single(design: Design, p: float, count: int, draw: np.random.Generator) -> Iterator[Found]:
    """Measure the intervals of every metric."""
    truth = classes(design, draw, count)
    places = ranks(design, draw, count)
    runs = [predicted(design, truth, places, p, draw)]
    for _ in range(design.seeds - 1):  # half of the clips are drawn again
        again = np.where(draw.random(truth.shape) < 0.5, draw.random(truth.shape), places[1])
        runs.append(predicted(design, truth, (places[0], again), p, draw))
    found = [intervals.linear(truth, run, names(design)) for run in runs]
    known = true_scores(design, p)
    for metric in (*WHOLE, *OF_CLASS):
        cell = metric, ALL if metric in WHOLE else "class 0"
        parts = zip(*(run[cell] for run in found), strict=True)
        mean = intervals.Linear._make([np.mean(part, axis=0) for part in parts])
        bounds = intervals.bounds(mean, design.subjects, STATED)
        yield (metric, *judged(bounds, known[cell], mean.value))


def judged(
    bounds: tuple[np.ndarray, np.ndarray], truth: np.ndarray, values: np.ndarray
) -> tuple[float, float]:
    """Return the coverage, and the width relative to that of +-1.96 standard deviations."""
    defined = ~np.isnan(bounds[0])
    low, high = (end[defined] for end in bounds)
    inside = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
    return inside.mean(), (high - low).mean() / (2 * 1.96 * values[defined].std())


def paired(
    design: Design, pair: tuple[float, float], alike: float, count: int, draw: np.random.Generator
) -> Iterator[Found]:
    """Measure the intervals of differences; a share `alike` of subjects and clips is common."""
    truth = classes(design, draw, count)
    first, other = ranks(design, draw, count), ranks(design, draw, count)
    same = draw.random(first[0].shape[:2])[..., None] < alike
    clips = np.where(draw.random(first[1].shape) < alike, first[1], other[1])
    second = np.where(same, first[0], other[0]), clips
    runs = [
        intervals.linear(truth, predicted(design, truth, places, p, draw), names(design))
        for places, p in zip((first, second), pair, strict=True)
    ]
    a, b = (true_scores(design, p) for p in pair)
    for metric in WHOLE:
        one, two = (run[metric, ALL] for run in runs)
        bounds = intervals.difference_bounds(one, two, design.subjects, STATED)
        cell = metric, ALL
        yield (metric, *judged(bounds, a[cell] - b[cell], one.value - two.value))


def tests(design: Design, p: float, count: int, draw: np.random.Generator) -> tuple[float, float]:
    """Return how often p <= .05 where nothing differs, and how often the interval agrees."""
    small = agree = 0
    truth = classes(design, draw, count)
    places = [ranks(design, draw, count) for _ in range(2)]
    runs = [predicted(design, truth, place, p, draw) for place in places]
    for labels, *pair in zip(truth, *runs, strict=True):
        about = "accuracy", labels, pair, design.subjects, names(design)
        is_small = intervals.paired_test(*about, draws=2000) <= 1 - STATED
        interval = intervals.paired_interval(*about, level=STATED)
        small += is_small
        agree += is_small == (interval.low > 0 or interval.high < 0)
    return small / count, agree / count


def area(
    sizes: Sequence[int], signal: float, icc: float, count: int, draw: np.random.Generator
) -> tuple[float, float]:
    """Measure the intervals of AUC: scores are normal, that of a clip's class is raised.

    By how much, `signal` on average, differs between subjects where `icc` is more than 0.
    """

    def drawn(clips_of: Sequence[int]) -> tuple[np.ndarray, intervals.Linear]:
        subjects = np.repeat(np.arange(len(clips_of)), clips_of)
        truth = draw.integers(0, 3, size=len(subjects))
        raised = signal * (1 + 1.5 * np.sqrt(icc) * draw.normal(size=len(clips_of)))
        values = draw.normal(size=(len(subjects), 3))
        values[np.arange(len(subjects)), truth] += raised[subjects]
        shares = np.exp(values) / np.exp(values).sum(axis=-1, keepdims=True)
        return subjects, intervals.linear_auc(truth, shares[None]).mean()

    known = drawn((6,) * 10_000)[1].value
    found = [
        (run, intervals.bounds(run, who, STATED))
        for who, run in (drawn(sizes) for _ in range(count))
    ]
    low, high = np.array([ends for _, ends in found]).T
    return judged((low, high), known, np.array([run.value for run, _ in found]))


Cells = dict[tuple[str, str], tuple[float, float]]  # by metric and name of the cell


def table(title: str, cells: Cells, *, each: bool) -> bool:
    """Print coverage and width of each metric; return whether all is above the floor."""
    print(f"\n{title}\n")
    print("| metric | cells | lowest | below .93 | median | width | widest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for metric in dict.fromkeys(metric for metric, _ in cells):
        mine = {name: value for (m, name), value in cells.items() if m == metric}
        cover, width = np.array(list(mine.values())).T
        print(
            f"| {metric} | {len(mine)} | {cover.min():.3f} | {(cover < BAR).sum()} "
            f"| {np.median(cover):.3f} | {np.median(width):.2f} | {width.max():.2f} |"
        )
    for (metric, name), (cover, width) in sorted(cells.items(), key=lambda item: item[1]):
        if each or cover < BAR:
            print(f"  {metric}, {name}: {cover:.3f}, width {width:.2f}")
    return all(cover >= FLOOR for cover, _ in cells.values())


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="400 data sets a cell, not 2,000")
    parser.add_argument("--cells", action="store_true", help="print every cell")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count, draw = 400 if options.quick else 2000, np.random.default_rng(options.seed)
    one: Cells = {}
    two: Cells = {}
    for (size, sizes), icc in product(SIZES.items(), ICC):
        design = Design(size, sizes, icc, SMIC_SHARES if sizes == SMIC else EQUAL)
        for p in P:
            for metric, cover, width in single(design, p, count, draw):
                one[metric, f"{size}, ICC {icc}, p {p}"] = (cover, width)
        for pair, alike in product(PAIRS, (0.2, 0.8)):
            name = f"{size}, ICC {icc}, p {pair[0]} and {pair[1]}, alike {alike}"
            for metric, cover, width in paired(design, pair, alike, count, draw):
                two[f"difference of {metric}", name] = (cover, width)
    hard: Cells = {}
    for icc, p in product((0.1, 0.3), P):
        for name, design in {
            "five unequal classes": Design("", CASME2, icc, UNEQUAL),
            "classes by subject": Design("", SMIC, icc, SMIC_SHARES, own_classes=True),
            "skills by class": Design("", SMIC, icc, SMIC_SHARES, own_skills=True),
            "three seeds": Design("", SIZES["12 x 6"], icc, seeds=3),
        }.items():
            for metric, cover, width in single(design, p, count, draw):
                hard[metric, f"{name}, ICC {icc}, p {p}"] = (cover, width)
    areas: Cells = {
        ("auc", f"{size}, ICC {icc}, signal {signal}"): area(sizes, signal, icc, count // 4, draw)
        for (size, sizes), icc, signal in product(SIZES.items(), (0.0, 0.3), (0.0, 1.0, 2.5))
    }
    well = [
        table("Subjects x clips, three classes", one, each=options.cells),
        table("Differences of two systems on the same clips", two, each=options.cells),
        table("Further designs", hard, each=options.cells),
        table("Area under the curve", areas, each=options.cells),
    ]
    print("\nThe test over subjects where nothing differs\n")
    print("| subjects x clips | p <= .05 | interval agrees |\n| --- | ---: | ---: |")
    for size, sizes in SIZES.items():
        small, agree = tests(Design(size, sizes, 0.1), 0.7, count // 4, draw)
        print(f"| {size} | {small:.3f} | {agree:.3f} |")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
