"""Scores of predictions, and what the same predictions give when they are scored in other ways.

The first way is the field's agreed one: all tested clips together, the last epoch, the mean over
seeds. The others explain printed numbers: each is a value that some published code computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from microexpr.apps.judge.reading import BEST
from microexpr.datasets.manifest import natural
from microexpr.evaluation.metrics import Floats, Ints

Texts = NDArray[np.str_]
# What can be computed of predictions; the first three are what tables of the field print.
FORMULAS = {
    "accuracy": "accuracy",
    "uf1": "UF1 (mean F1 of the classes)",
    "uar": "UAR (mean recall of the classes)",
    "macro_precision": "macro precision (mean precision of the classes)",
    "weighted_f1": "F1 weighted by the clips of each class",
    "f1_of_means": "harmonic mean of macro precision and UAR",
}
METRICS = ("accuracy", "uf1", "uar")
POOLED, SEED = "all clips together", "best seed"
FOLDS, SUBJECTS, PARTS = "mean over folds", "mean over subjects", "mean over data sets"
EPOCH, EPOCHS = "best epoch on the test clips", "best epoch on the test clips of each fold"


@dataclass(frozen=True)
class Runs:
    """Predictions of C clips in R seeds, by epoch; numbers are of `classes`, K for none."""

    classes: Sequence[str]
    clips: Texts  # (C,), as the three below
    truth: Ints
    subjects: Texts
    folds: Texts
    data_sets: Texts
    epochs: dict[str, Ints]  # (R, C) each; the last one is scored
    shares: Floats | None = None  # (R, C, K): its probabilities, NaN where there are none

    @classmethod
    def of(cls, frame: pd.DataFrame, classes: Sequence[str]) -> Runs:
        """Arrange rows of a `reading.Table`; a clip that occurs twice in a run counts twice."""
        again = frame.groupby(["clip", "seed", "epoch"]).cumcount().astype(str)
        frame = frame.assign(key=frame["clip"].where(again == "0", frame["clip"] + " #" + again))
        clips = frame.drop_duplicates("key").set_index("key")
        number = {name: k for k, name in enumerate([*classes, ""])}
        place = {key: n for n, key in enumerate(clips.index)}
        names = {seed: n for n, seed in enumerate(sorted({*frame["seed"]}, key=natural))}
        epochs = {}
        for epoch in sorted({*frame["epoch"]}, key=lambda name: (name != BEST, natural(name))):
            rows = frame[frame["epoch"] == epoch]
            # A clip that a run lacks has no prediction there.
            epochs[epoch] = np.full((len(names), len(place)), len(classes), dtype=np.int64)
            cells = [rows["seed"].map(names).tolist(), rows["key"].map(place).tolist()]
            epochs[epoch][cells[0], cells[1]] = rows["predicted"].map(number).tolist()
        shares = None
        if {f"p_{name}" for name in classes} <= {*frame}:
            shares = np.full((len(names), len(place), len(classes)), np.nan)
            columns = [pd.to_numeric(rows[f"p_{name}"], errors="coerce") for name in classes]
            shares[cells[0], cells[1]] = np.stack(columns, axis=-1)
        truth = np.array(clips["label"].map(number).tolist(), dtype=np.int64)
        subjects, folds, data_sets = (
            clips[name].to_numpy(dtype=str) for name in ("subject", "fold", "data_set")
        )
        about = (clips.index.to_numpy(str), truth, subjects, folds, data_sets)
        return cls(classes, *about, epochs, shares)

    @property
    def predicted(self) -> Ints:
        """The predictions that are scored, (R, C): those of the last epoch."""
        return list(self.epochs.values())[-1]

    @cached_property
    def ways(self) -> dict[str, dict[str, float]]:
        """`FORMULAS` for each way of scoring that these predictions allow, `POOLED` first."""
        return _ways(self)

    def part(self, chosen: NDArray[np.bool_]) -> Runs:
        """Return some of the clips."""
        arrays = {k: getattr(self, k)[chosen] for k in ("clips", "truth", "subjects", "folds")}
        epochs = {name: predicted[:, chosen] for name, predicted in self.epochs.items()}
        arrays |= {"shares": None if self.shares is None else self.shares[:, chosen]}
        return replace(self, **arrays, data_sets=self.data_sets[chosen], epochs=epochs)

    def with_classes(self, classes: Sequence[str]) -> Runs:
        """Return the same with the numbers of other `classes`, which hold its own."""
        numbers = np.array([*(list(classes).index(name) for name in self.classes), len(classes)])
        epochs = {name: numbers[predicted] for name, predicted in self.epochs.items()}
        return replace(self, classes=classes, truth=numbers[self.truth], epochs=epochs)

    def parts(self) -> dict[str, Runs]:
        """Return the clips of each data set; nothing where there are no several."""
        names = list(dict.fromkeys(self.data_sets.tolist()))
        return {n: self.part(self.data_sets == n) for n in names} if len(names) > 1 else {}


def values(truth: Ints, predicted: Ints, classes: int, *, absent: bool = True) -> dict[str, float]:
    """Compute all `FORMULAS` of one run; classes that are `absent` count as 0, or not at all."""
    confusion = np.bincount(truth * (classes + 1) + predicted, minlength=classes * (classes + 1))
    confusion = confusion.reshape(classes, classes + 1)
    hits, support = confusion.diagonal().astype(float), confusion.sum(axis=1)
    guessed = confusion[:, :classes].sum(axis=0)
    labelled = np.full(classes, True) if absent else support > 0
    seen = labelled | (guessed > 0)
    precision, recall = hits / np.maximum(guessed, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + guessed, 1)
    p, r = float(precision[seen].mean()), float(recall[labelled].mean())
    return {
        "accuracy": float(hits.sum() / len(truth)),
        "uf1": float(f1[seen].mean()),
        "uar": r,
        "macro_precision": p,
        "weighted_f1": float((f1 * support).sum() / len(truth)),
        "f1_of_means": 2 * p * r / (p + r) if p + r else 0.0,
    }


def mean_values(runs: Runs, predicted: Ints, *, absent: bool = True) -> dict[str, float]:
    """Return the mean over the seeds of `values`."""
    found = [values(runs.truth, run, len(runs.classes), absent=absent) for run in predicted]
    return {name: float(np.mean([one[name] for one in found])) for name in FORMULAS}


def _ways(runs: Runs) -> dict[str, dict[str, float]]:
    found = {POOLED: mean_values(runs, runs.predicted)}
    groups = {FOLDS: runs.folds, SUBJECTS: runs.subjects, PARTS: runs.data_sets}
    for way, names in groups.items():
        parts = [runs.part(names == name) for name in dict.fromkeys(names.tolist())]
        if len(parts) > 1:
            means = [mean_values(part, part.predicted, absent=way == PARTS) for part in parts]
            found[way] = {name: float(np.mean([one[name] for one in means])) for name in FORMULAS}
    if len(runs.predicted) > 1:
        seeds = [mean_values(runs, run[None]) for run in runs.predicted]
        found[SEED] = {name: max(one[name] for one in seeds) for name in FORMULAS}
    if len(runs.epochs) > 1:
        each = [mean_values(runs, predicted) for predicted in runs.epochs.values()]
        found[EPOCH] = {name: max(one[name] for one in each) for name in FORMULAS}
        chosen = runs.predicted.copy()
        for fold in dict.fromkeys(runs.folds.tolist()):
            mask = runs.folds == fold
            part = runs.part(mask)
            right = [(predicted == part.truth).sum(axis=1) for predicted in part.epochs.values()]
            best = np.argmax(right, axis=0)
            stack = np.stack([predicted[:, mask] for predicted in runs.epochs.values()])
            chosen[:, mask] = stack[best, np.arange(len(best))]
        found[EPOCHS] = mean_values(runs, chosen)
    return found
