"""Scores of predictions, and what the same predictions give when they are scored in other ways.

The others explain printed numbers: each is a value that some published code computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from microexpr.apps.judge.reading import BEST
from microexpr.datasets.manifest import natural
from microexpr.evaluation.metrics import Floats, Ints, count, ratio

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
ALL, POOLED, SEED = "all", "all clips together", "best seed"
EPOCH, EPOCHS = "best epoch on the test clips", "best epoch on the test clips of each fold"
# Ways that are not only another formula, by the kind of their finding.
CHOSEN = {EPOCH: "best_epoch", EPOCHS: "best_epoch", SEED: "best_seed"}
MEANS = {name: f"mean over {name.replace('_', ' ')}s" for name in ("fold", "subject", "data_set")}


@dataclass(frozen=True)
class Runs:
    """Predictions of C clips in R seeds and E epochs; numbers are of `classes`, K for none."""

    classes: Sequence[str]
    clips: pd.DataFrame  # subject, fold, data_set and truth, by name
    epochs: Sequence[str]
    each: Ints  # (E, R, C); the last epoch is scored
    shares: Floats | None = None  # (R, C, K): its probabilities, NaN where there are none

    @classmethod
    def of(cls, frame: pd.DataFrame, classes: Sequence[str]) -> Runs:
        """Arrange rows of a `reading.Table`; a clip that occurs twice in a run counts twice."""
        again = frame.groupby(["clip", "seed", "epoch"]).cumcount().astype(str)
        names = frame["clip"].where(again == "0", frame["clip"] + " #" + again)
        number = {name: k for k, name in enumerate([*classes, ""])}
        clips = frame.assign(truth=frame["label"].map(number), name=names)
        clips = clips.drop_duplicates("name").set_index("name")
        epochs = sorted({*frame["epoch"]}, key=lambda name: (name != BEST, natural(name)))
        seeds = sorted({*frame["seed"]}, key=natural)
        axes = (epochs, frame["epoch"]), (seeds, frame["seed"]), (clips.index.tolist(), names)
        place = tuple(pd.Index(axis).get_indexer(column.tolist()) for axis, column in axes)
        # A clip that a run lacks has no prediction there.
        each = np.full((len(epochs), len(seeds), len(clips)), len(classes), dtype=np.int64)
        each[place] = frame["predicted"].map(number)
        columns, shares = [f"p_{name}" for name in classes], None
        if {*columns} <= {*frame}:
            shares = np.full((*each.shape, len(classes)), np.nan)
            shares[place] = frame[columns].apply(pd.to_numeric, errors="coerce")
        return cls(classes, clips, epochs, each, None if shares is None else shares[-1])

    @property
    def truth(self) -> Ints:
        """The class of each clip, (C,)."""
        return self.clips["truth"].to_numpy()

    @property
    def predicted(self) -> Ints:
        """The predictions that are scored, (R, C): those of the last epoch."""
        return self.each[-1]

    @property
    def about(self) -> tuple[Ints, Ints, pd.Series, Sequence[str]]:
        """What intervals are made of: truth, predictions, subjects and classes."""
        return self.truth, self.predicted, self.clips["subject"], self.classes

    def part(self, chosen: ArrayLike) -> Runs:
        """Return some of the clips."""
        at = np.arange(len(self.clips))[np.asarray(chosen)]
        shares = None if self.shares is None else self.shares[:, at]
        return replace(self, clips=self.clips.iloc[at], each=self.each[..., at], shares=shares)

    def parts(self, column: str = "data_set") -> dict[str, Runs]:
        """Return the clips of each data set, fold or subject; nothing where there is only one."""
        names = self.clips[column].unique()
        return {n: self.part(self.clips[column] == n) for n in names} if len(names) > 1 else {}

    def with_classes(self, classes: Sequence[str]) -> Runs:
        """Return the same with the numbers of other `classes`, which hold its own."""
        number = np.array([*map(classes.index, self.classes), len(classes)])
        clips = self.clips.assign(truth=number[self.truth])
        return replace(self, classes=classes, clips=clips, each=number[self.each])

    @cached_property
    def ways(self) -> dict[str, dict[str, float]]:
        """`FORMULAS` for each way of scoring that these predictions allow, `POOLED` first."""
        return {way: named(row) for way, row in _ways(self).items()}


def values(runs: Runs, predicted: Ints, *, absent: bool = True) -> Floats:
    """Compute `FORMULAS` of (N, C) predictions, (formulas, N); `absent` classes: as 0, or not."""
    K, alone = len(runs.classes), np.zeros_like(runs.truth)
    confusion = count(runs.truth, predicted, alone, classes=K)[:, 0]
    hits, support = confusion.diagonal(axis1=1, axis2=2), confusion.sum(axis=-1)
    guessed = confusion[..., :-1].sum(axis=-2)
    labelled = K if absent else (support > 0).sum(axis=-1)
    seen = K if absent else (support + guessed > 0).sum(axis=-1)
    f1 = ratio(2 * hits, support + guessed)
    precision = ratio(hits, guessed).sum(axis=-1) / seen
    recall = ratio(hits, support).sum(axis=-1) / labelled
    clips, middle = support.sum(axis=-1), ratio(2 * precision * recall, precision + recall)
    accuracy, weighted = hits.sum(axis=-1) / clips, (f1 * support).sum(axis=-1) / clips
    return np.stack([accuracy, f1.sum(axis=-1) / seen, recall, precision, weighted, middle])


def named(row: Floats) -> dict[str, float]:
    """Return the values of `FORMULAS`, (formulas,), by name."""
    return dict(zip(FORMULAS, row.tolist(), strict=True))


def _ways(runs: Runs) -> dict[str, Floats]:
    epochs, seeds, clips = runs.each.shape
    each = values(runs, runs.each.reshape(-1, clips)).reshape(-1, epochs, seeds)
    found = {POOLED: each[:, -1].mean(axis=-1)}
    for column, way in MEANS.items():
        parts, absent = runs.parts(column).values(), column == "data_set"
        if parts:
            means = [values(p, p.predicted, absent=absent).mean(axis=-1) for p in parts]
            found[way] = np.stack(means, axis=-1).mean(axis=-1)
    if seeds > 1:
        found[SEED] = each[:, -1].max(axis=-1)
    if epochs > 1:
        found[EPOCH] = each.mean(axis=-1).max(axis=-1)
        chosen, right = runs.predicted.copy(), runs.each == runs.truth
        for fold in runs.clips["fold"].unique():
            mask = (runs.clips["fold"] == fold).to_numpy()
            best = right[..., mask].sum(axis=-1).argmax(axis=0)[None, :, None]
            chosen[:, mask] = np.take_along_axis(runs.each[..., mask], best, axis=0)[0]
        found[EPOCHS] = values(runs, chosen).mean(axis=-1)
    return found
