"""Every metric of every system and control on the same tested clips, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from microexpr.config import Evaluate
from microexpr.datasets.manifest import Clip, natural
from microexpr.evaluation import controls, intervals
from microexpr.evaluation.metrics import ALL, NO_ANSWER, OVERALL, PER_CLASS, confusion, score
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.protocol.predictions import SYSTEM

Ints = NDArray[np.int64]
Values = dict[tuple[str, str], NDArray[np.float64]]
System = tuple[str, str, int]  # method, feature mode, n
Further = Mapping[tuple[str, str, int | None], pd.DataFrame]
MAJORITY, MAJORITY_TRAINING, RANDOM = "majority", "majority_training", "stratified_random"


@dataclass(frozen=True)
class Origin:
    """How the predictions came about: the same in every row of every table."""

    protocol: str
    backbone: str
    cut: int
    weights_sha256: str
    data: str  # "synthetic" for the generated faces, else the name of the data set

    def columns(self) -> dict[str, Any]:
        """Columns of a tidy table."""
        return {
            "protocol": self.protocol,
            "subject_independent": str(SUBJECT_INDEPENDENT[self.protocol]).lower(),
            "backbone": self.backbone,
            "cut": self.cut,
            "weights_sha256": self.weights_sha256,
            "data": self.data,
        }


@dataclass(frozen=True)
class Statistics:
    """How the intervals are made: section ``evaluate`` of the configuration."""

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0

    @classmethod
    def of(cls, settings: Evaluate) -> Statistics:
        """Take them from the configuration."""
        return cls(settings.bootstrap, settings.confidence, settings.seed)


class Evaluation:
    """All systems on the same tested clips, with the same resamples of the subjects.

    Parameters
    ----------
    predictions : DataFrame
        From `predictions.read`, accepted by `predictions.check`.
    clips : sequence of Clip
        The manifest.
    classes : sequence of str
        All class names, in order.
    origin : Origin
        Written into every row.
    statistics : Statistics
        Resamples, confidence, seed.
    further : mapping of (method, feature mode, N or None) to DataFrame
        Predictions on the same clips that are no cell of the table: controls that were trained,
        choices of N. Their seeds are their own.
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        clips: Sequence[Clip],
        *,
        classes: Sequence[str],
        origin: Origin,
        statistics: Statistics,
        further: Further | None = None,
    ) -> None:
        self.predictions, self.manifest = predictions, list(clips)
        self.further = further or {}
        self.classes, self.origin, self.statistics = list(classes), origin, statistics
        tested = predictions.drop_duplicates("clip_id")
        self.fold_of = dict(zip(tested["clip_id"], tested["fold"], strict=True))
        self.clips = sorted(
            (clip for clip in clips if clip.clip_id in self.fold_of),
            key=lambda clip: (natural(clip.clip_id), clip.clip_id),
        )
        self.truth = self._numbers([clip.label for clip in self.clips])
        names = list(dict.fromkeys(clip.subject for clip in self.clips))
        self.subjects = np.array([names.index(clip.subject) for clip in self.clips])
        self.n_subjects = len(names)
        self.weights = intervals.subject_weights(
            self.n_subjects, resamples=statistics.resamples, seed=statistics.seed
        )

    @cached_property
    def answers(self) -> dict[System, Ints]:
        """Answered class of each system, (seeds, clips) int; K where there is no answer."""
        return {
            system: self._answers(rows)
            for system, rows in self.predictions.groupby(SYSTEM, sort=False)
        }

    @cached_property
    def resampled(self) -> dict[System, Values]:
        """Bootstrap values of each system; resample i holds the same subjects for all."""
        return {
            system: intervals.bootstrap(self._count(answers), self.weights, self.classes)
            for system, answers in self.answers.items()
        }

    def interval(self, values: NDArray[np.float64]) -> tuple[float, float]:
        """Give the percentile interval of resampled values; NaN where one subject is tested."""
        if self.n_subjects < 2:
            return np.nan, np.nan
        return intervals.percentile_interval(values, self.statistics.confidence)

    def extent(self, seeds: int) -> dict[str, Any]:
        """Columns on what a row rests on."""
        return {
            "confidence": self.statistics.confidence,
            "clips": len(self.clips),
            "subjects": self.n_subjects,
            "seeds": seeds,
            **self.origin.columns(),
        }

    def metrics(self) -> pd.DataFrame:
        """Tabulate every metric of every system and control, one row each: ``metrics.csv``.

        Returns
        -------
        DataFrame
            value is the mean over the seeds and sd_seeds their standard deviation (empty with
            one). low and high bound the mean over these seeds for other subjects; with one
            subject there is no interval. Controls that look at no face have neither feature mode nor
            n; the seeds of stratified_random are its draws, and its interval holds chance as well
            as subjects. Where N was chosen, n is empty.
        """
        rows: list[dict[str, Any]] = []
        for system, answers in self.answers.items():
            columns = dict(zip(SYSTEM, system, strict=True))
            rows += self._rows(columns, self._scores(answers), self.resampled[system])
        for (method, feature_mode, n), run in self.further.items():
            answers = self._answers(run)
            columns = {
                "method": method,
                "feature_mode": feature_mode,
                "n": pd.NA if n is None else n,
            }
            spread = intervals.bootstrap(self._count(answers), self.weights, self.classes)
            rows += self._rows(columns, self._scores(answers), spread)
        for method, answers in self._controls():
            columns = {"method": method, "feature_mode": "", "n": pd.NA}
            counts = self._count(answers)
            if method == RANDOM:
                values = self._scores_of_draws(counts)
                spread = intervals.bootstrap_draws(counts, self.weights, self.classes)
            else:
                values = self._scores(answers)
                spread = intervals.bootstrap(counts, self.weights, self.classes)
            rows += self._rows(columns, values, spread)
        return pd.DataFrame(rows).astype({"n": "Int64"})

    def confusions(self) -> pd.DataFrame:
        """Count clips by label and answer for every system and seed: ``confusion.csv``."""
        parts = []
        for key, run in self.predictions.groupby([*SYSTEM, "seed"], sort=False):
            part = confusion(list(run["label"]), list(run["predicted"]), self.classes)
            columns = dict(zip([*SYSTEM, "seed"], key, strict=True))
            parts.append(part.assign(**columns)[[*columns, *part.columns]])
        return pd.concat(parts, ignore_index=True)

    def _numbers(self, names: Sequence[str]) -> Ints:
        number = {name: k for k, name in enumerate([*self.classes, NO_ANSWER])}
        return np.array([number[name] for name in names], dtype=np.int64)

    def _answers(self, rows: pd.DataFrame) -> Ints:
        order = [clip.clip_id for clip in self.clips]
        runs = [run.set_index("clip_id")["predicted"] for _, run in rows.groupby("seed")]
        return np.array([self._numbers(run[order]) for run in runs])

    def _count(self, answers: Ints) -> Ints:
        return intervals.count(self.truth, answers, self.subjects, classes=len(self.classes))

    def _controls(self) -> Iterator[tuple[str, Ints]]:
        K, folds = len(self.classes), [self.fold_of[clip.clip_id] for clip in self.clips]
        counts = controls.training_counts(
            self._numbers([clip.label for clip in self.manifest]),
            [self.fold_of.get(clip.clip_id, controls.NEVER) for clip in self.manifest],
            classes=K,
        )
        yield MAJORITY, controls.majority(self.truth, classes=K)
        yield MAJORITY_TRAINING, controls.majority_of_training(folds, counts)
        draws, seed = self.statistics.resamples, self.statistics.seed
        yield RANDOM, controls.stratified_random(folds, counts, draws=draws, seed=seed)

    def _rows(
        self, system: dict[str, Any], scores: Values, resampled: Values
    ) -> Iterator[dict[str, Any]]:
        for metric in (*OVERALL, *PER_CLASS):
            for name in [ALL] if metric in OVERALL else self.classes:
                values = scores[metric, name]
                bounds = (np.nan, np.nan)  # the support is no estimate
                if metric != "support":
                    bounds = self.interval(resampled[metric, name])
                yield {
                    **system,
                    "metric": metric,
                    "class": name,
                    "value": values.mean(),
                    "low": bounds[0],
                    "high": bounds[1],
                    "sd_seeds": values.std(ddof=1) if len(values) > 1 else np.nan,
                    **self.extent(len(values)),
                }

    def _scores(self, answers: Ints) -> Values:
        names = np.array([*self.classes, NO_ANSWER], dtype=object)
        runs = [score(list(names[self.truth]), list(names[run]), self.classes) for run in answers]
        return {key: np.array([run[key] for run in runs]) for key in runs[0]}

    def _scores_of_draws(self, counts: Ints) -> Values:
        support = np.bincount(self.truth, minlength=len(self.classes))
        values = intervals.scores(counts.sum(axis=1), self.classes, support > 0)
        for name, clips in zip(self.classes, support, strict=True):
            values["support", name] = np.full(len(counts), float(clips))
        return values
