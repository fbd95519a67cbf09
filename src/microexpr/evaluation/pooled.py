"""Every metric of every system and control on the same tested clips, with intervals.

Controls predict without looking at a face. The poster's ablations (41.9 %, 37.9 %) lie at or below
the majority class of the data set; no accuracy means anything without that line beside it.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.stats.qmc import LatinHypercube

from microexpr.config import Evaluate
from microexpr.config.evaluation import TableSettings
from microexpr.datasets import title
from microexpr.datasets.manifest import Clip, natural, read
from microexpr.errors import MicroexprWarning
from microexpr.evaluation import intervals, metrics
from microexpr.evaluation.intervals import Interval, Linear
from microexpr.evaluation.metrics import ALL, NO_PREDICTION, OVERALL, PER_CLASS, Cell, Floats, Ints
from microexpr.protocol import SUBJECT_INDEPENDENT, predictions
from microexpr.protocol.predictions import SYSTEM


@dataclass(frozen=True)
class Origin:
    """How the predictions came about: the same in every row of every table."""

    protocol: str
    backbone: str
    cut: int
    weights_sha256: str
    data: str  # "synthetic" for the generated faces, else the name of the data set

    def columns(self) -> dict[str, Any]:
        """Return the columns of a table."""
        independent = str(SUBJECT_INDEPENDENT[self.protocol]).lower()
        return {"protocol": self.protocol, "subject_independent": independent} | asdict(self)


@dataclass(frozen=True)
class Basis:
    """What all tables of a run rest on."""

    clips: Sequence[Clip]  # the manifest
    classes: Sequence[str]  # all of them, in order
    origin: Origin
    statistics: Evaluate  # how the intervals are made

    @classmethod
    def of(cls, settings: TableSettings, manifest: Path, weights_sha256: str = "") -> "Basis":
        """Read the manifest, and take the rest from the configuration."""
        network = settings.features.backbone, settings.features.cut
        origin = Origin(settings.protocol.name, *network, weights_sha256, title(settings.data))
        return cls(read(manifest), settings.data.labels, origin, settings.evaluate)

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse predictions that cannot be compared; see `predictions.check`."""
        predictions.check(frame, self.clips, classes=self.classes, protocol=self.origin.protocol)


System = tuple[str, str, int]  # method, feature mode, n
Key = tuple[str, str, int | None]  # also of a control, and where n was chosen
NEVER = ""  # the fold of a clip that is trained on and never tested (holdout)
FEW_DRAWS = 100  # of the random control: enough to count the clips that it gives a class
MAJORITY, MAJORITY_TRAINING, RANDOM = "majority", "majority_training", "stratified_random"


class Evaluation:
    """All systems on the same tested clips.

    `further` are predictions on these clips that are no cell of the table: controls that were
    trained, choices of N. Of a part of them, `folds` says which fold tests each of the manifest.
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        basis: Basis,
        further: Mapping[Key, pd.DataFrame] | None = None,
        folds: Mapping[str, str] | None = None,
    ) -> None:
        self.predictions, self.basis, self.further = predictions, basis, further or {}
        self.classes = list(basis.classes)
        tested = predictions.drop_duplicates("clip_id")
        here = dict(zip(tested["clip_id"], tested["fold"], strict=True))
        self.fold_of = dict(folds or here)
        self.clips = sorted(
            (clip for clip in basis.clips if clip.clip_id in here),
            key=lambda clip: (natural(clip.clip_id), clip.clip_id),
        )
        self.truth = self._numbers([clip.label for clip in self.clips])
        with_clips = np.bincount(self.truth, minlength=len(self.classes)) > 0
        if not with_clips.all():
            warnings.warn(
                f"class {self.classes[int(np.argmin(with_clips))]} has no tested clip: it counts "
                "as 0 in uf1, uar and auc",
                MicroexprWarning,
                stacklevel=2,
            )
        self.subjects = np.array([clip.subject for clip in self.clips])
        self.draws, self.seed = basis.statistics.draws, basis.statistics.seed
        self.level = basis.statistics.confidence

    @cached_property
    def _systems(self) -> Mapping[Any, pd.DataFrame]:
        return dict(iter(self.predictions.groupby(SYSTEM, sort=False)))

    @cached_property
    def predicted(self) -> Mapping[System, Ints]:
        """Predicted class of each system, (seeds, clips) int; K where there is no prediction."""
        return {system: self._classes(rows) for system, rows in self._systems.items()}

    @cached_property
    def beside(self) -> Mapping[Key, Ints]:
        """The same for `further`, and for the controls that look at no face."""
        found = {key: self._classes(rows) for key, rows in self.further.items()}
        K, folds = len(self.classes), [self.fold_of[clip.clip_id] for clip in self.clips]
        counts = training_counts(
            self._numbers([clip.label for clip in self.basis.clips]),
            [self.fold_of.get(clip.clip_id, NEVER) for clip in self.basis.clips],
            classes=K,
        )
        return found | {
            (MAJORITY, "", None): majority(self.truth, classes=K),
            (MAJORITY_TRAINING, "", None): majority_of_training(folds, counts),
            (RANDOM, "", None): stratified_random(folds, counts, draws=self.draws, seed=self.seed),
        }

    def linear(self, key: Key) -> dict[Cell, Linear]:
        """Linearise the metrics of a system or control, seed by seed; auc needs probabilities."""
        few = slice(FEW_DRAWS if key[0] == RANDOM else None)
        found = intervals.linear(self.truth, self._of(key)[few], self.classes)
        if (rows := self.further.get(key, self._systems.get(key))) is not None:
            found["auc", ALL] = intervals.linear_auc(self.truth, self._shares(rows))
        return found

    def estimates(self, key: Key) -> dict[Cell, tuple[Interval, Floats]]:
        """Return each metric of a system or control, and its values, (seeds,)."""
        runs = self.linear(key)
        about = self.subjects, self.level
        means = {cell: intervals.estimate(run.mean(), *about) for cell, run in runs.items()}
        values = {cell: run.value for cell, run in runs.items()}
        if key[0] == RANDOM:
            ends = (1 - self.level) / 2, (1 + self.level) / 2
            values = metrics.scores(self._confusion(self._of(key)), self.classes)
            for cell, (*_, clips, subjects) in means.items():
                drawn = values[cell]
                low, high = np.quantile(drawn, ends)
                means[cell] = Interval(drawn.mean(), low, high, clips, subjects)
        for name in self.classes:  # the support is no estimate
            clips, subjects = means["recall", name][3:]
            means["support", name] = Interval(clips, np.nan, np.nan, clips, subjects)
            values["support", name] = np.full(len(values["accuracy", ALL]), float(clips))
        return {cell: (estimate, values[cell]) for cell, estimate in means.items()}

    def extent(self, seeds: int) -> dict[str, Any]:
        """Return the columns on what a row rests on."""
        about = {"confidence": self.level, "clips": len(self.clips)}
        about |= {"subjects": len({*self.subjects}), "seeds": seeds}
        return about | self.basis.origin.columns()

    def metrics(self) -> pd.DataFrame:
        """Tabulate every metric of every system and control, one row each: ``metrics.csv``.

        value is the mean over the seeds; low and high bound it for other subjects. clips is the
        denominator. Of stratified_random, seeds are draws; low and high hold their central share.
        """
        keys: list[Key] = [*self.predicted, *self.beside]
        return pd.DataFrame([row for key in keys for row in self.rows(key)]).astype({"n": "Int64"})

    def rows(self, key: Key) -> Iterator[dict[str, Any]]:
        """Yield the rows of one system or control in ``metrics.csv``."""
        found, (method, feature_mode, n) = self.estimates(key), key
        order = [(metric, ALL) for metric in OVERALL]
        order += [(metric, name) for metric in PER_CLASS for name in self.classes]
        for metric, name in (cell for cell in order if cell in found):
            estimate, values = found[metric, name]
            about: dict[str, Any] = {"method": method, "feature_mode": feature_mode}
            about["n"] = pd.NA if n is None else n
            about |= {"metric": metric, "class": name, "value": estimate.value}
            about |= {"low": estimate.low, "high": estimate.high}
            about |= {"sd_seeds": values.std(ddof=1) if len(values) > 1 else np.nan}
            own = {"clips": estimate.clips, "subjects": estimate.subjects}
            yield about | self.extent(len(values)) | own

    def confusions(self) -> pd.DataFrame:
        """Count clips by label and prediction for every system and seed: ``confusion.csv``."""
        seeds, names = sorted(set(self.predictions["seed"])), [*self.classes, NO_PREDICTION]
        rows = [
            (*system, seed, label, name, clips)
            for system, predicted in self.predicted.items()
            for seed, counts in zip(seeds, self._confusion(predicted), strict=True)
            for label, row in zip(self.classes, counts, strict=True)
            for name, clips in zip(names, row, strict=True)
        ]
        return pd.DataFrame(rows, columns=[*SYSTEM, "seed", "label", "predicted", "clips"])

    def _of(self, key: Key) -> Ints:
        own = cast(System, key)
        return self.predicted[own] if own in self.predicted else self.beside[key]

    def _numbers(self, names: Sequence[str]) -> Ints:
        number = {name: k for k, name in enumerate([*self.classes, NO_PREDICTION])}
        return np.array([number[name] for name in names], dtype=np.int64)

    def _runs(self, rows: pd.DataFrame) -> list[pd.DataFrame]:
        """Return the rows of each seed, in the order of the clips."""
        order = [clip.clip_id for clip in self.clips]
        return [run.set_index("clip_id").loc[order] for _, run in rows.groupby("seed")]

    def _classes(self, rows: pd.DataFrame) -> Ints:
        return np.array([self._numbers(run["predicted"].tolist()) for run in self._runs(rows)])

    def _shares(self, rows: pd.DataFrame) -> Floats:
        columns = [f"p_{name}" for name in self.classes]
        return np.array([run[columns] for run in self._runs(rows)], dtype=float)

    def _confusion(self, predicted: Ints) -> Ints:
        nobody = np.zeros_like(self.truth)
        return metrics.count(self.truth, predicted, nobody, classes=len(self.classes))[:, 0]


def training_counts(labels: Ints, folds: Sequence[str], *, classes: int) -> dict[str, Ints]:
    """Count the classes, (K,) int, of each fold's training clips; arguments are of all clips."""
    names = np.asarray(folds, dtype=object)
    tested = [name for name in dict.fromkeys(folds) if name != NEVER]
    trained = {name: names == NEVER if NEVER in folds else names != name for name in tested}
    return {name: np.bincount(labels[trained[name]], minlength=classes) for name in tested}


def majority(labels: Ints, *, classes: int) -> Ints:
    """Predict the most frequent class of the tested clips: a control that knows the labels."""
    most_frequent = np.bincount(labels, minlength=classes).argmax()
    return np.full((1, len(labels)), most_frequent, dtype=np.int64)


def majority_of_training(folds: Sequence[str], counts: Mapping[str, Ints]) -> Ints:
    """Predict the most frequent class of the training clips of each clip's fold: (1, C) int."""
    return np.array([[counts[fold].argmax() for fold in folds]], dtype=np.int64)


def stratified_random(
    folds: Sequence[str], counts: Mapping[str, Ints], *, draws: int, seed: int
) -> Ints:
    """Draw (draws, C) by class frequency of training clips, as a Latin hypercube: exact mean."""
    shares = np.array([counts[fold] / counts[fold].sum() for fold in folds])
    rng = np.random.default_rng(seed)
    uniform = LatinHypercube(len(folds), rng=rng).random(draws)[:, :, None]
    # The last edge is 1 up to rounding; without it every prediction is a class.
    return (uniform >= shares.cumsum(axis=1)[None, :, :-1]).sum(axis=2, dtype=np.int64)
