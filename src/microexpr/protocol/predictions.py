"""Out-of-fold predictions: ``predictions.csv``, its checks, and the rule that a choice follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import DataError, ProtocolError
from microexpr.magnify.methods import METHODS
from microexpr.protocol import COMPLETE, SUBJECT_INDEPENDENT, Fold
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_text, typed, write_table

SYSTEM = ["method", "feature_mode", "n"]  # what a cell of the table is
TEXT = ["clip_id", "subject", "label", "method", "feature_mode", "protocol", "fold", "predicted"]
COUNTS = ["n", "seed", "n_windows"]
COLUMNS = [*TEXT[:5], "n", "seed", "protocol", "fold", "n_windows", "predicted"]
ROUNDING = 1e-5  # of a sum of probabilities: six decimals each, and single precision before
LEAST = 1e-6  # lower probabilities count as this: a share of votes may be 0


@dataclass(frozen=True)
class Examples:
    """The clips of a data set in a form to train on; `digest` covers all that this follows from."""

    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: tuple[str, ...]
    digest: str = field(kw_only=True)


@dataclass(frozen=True)
class ClipPredictions:
    """Predictions for some clips."""

    probabilities: np.ndarray  # (clips, K) float64; NaN for a clip without a prediction
    predicted: np.ndarray  # (clips,) int64: number of the class; -1 without a prediction
    n_windows: np.ndarray  # (clips,) int64; 1 where the clip is seen as a whole

    @classmethod
    def of_whole_clips(cls, probabilities: np.ndarray) -> "ClipPredictions":
        """Predict the most probable class of clips that are seen as a whole."""
        counts = np.ones(len(probabilities), dtype=np.int64)
        return cls(probabilities, probabilities.argmax(axis=1), counts)

    def plain(self) -> dict[str, list[Any]]:
        """Return plain values; JSON has no NaN, so a clip without a prediction has null."""
        shares = zip(self.probabilities.tolist(), self.predicted, strict=True)
        return {
            "predicted": self.predicted.tolist(),
            "n_windows": self.n_windows.tolist(),
            "probabilities": [None if number < 0 else values for values, number in shares],
        }


def class_numbers(examples: Examples, classes: Sequence[str]) -> np.ndarray:
    """Return the class number of each clip, (clips,) int64; raise a DataError for other labels."""
    known = list(classes)
    for clip_id, label in zip(examples.clip_ids, examples.labels, strict=True):
        if label not in known:
            raise DataError(f"clip {clip_id}: label {label!r} is not in data.labels {known}")
    return np.array([known.index(label) for label in examples.labels], dtype=np.int64)


def quality(truth: np.ndarray, predicted: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Return accuracy and mean log-likelihood on inner folds; a choice takes the largest pair.

    The likelihood decides between equal accuracies, which are frequent with few clips.
    """
    own = shares[np.arange(len(truth)), truth]
    likely = np.log(np.clip(np.nan_to_num(own), LEAST, 1))
    return float(np.mean(truth == predicted)), float(likely.mean())


# Ends the name of a system whose epoch was chosen on the clips that are tested.
BEST_EPOCH = "best_epoch_on_test"


class BestOnTest:
    """What nobody may do, to show by how much it inflates: choose the epoch on tested clips."""

    def __init__(self, truth: np.ndarray) -> None:
        self._truth, self._right = truth, -1
        self.last: ClipPredictions | None = None
        self.best: ClipPredictions | None = None

    def see(self, found: ClipPredictions) -> None:
        """Take the predictions of the next epoch."""
        self.last, right = found, int((found.predicted == self._truth).sum())
        if right > self._right:
            self.best, self._right = found, right


def method_order(methods: Iterable[str]) -> list[str]:
    """Sort methods as tables show them: those that magnify, their controls, others by name."""
    rows = sorted(METHODS.values(), key=lambda row: not row.uses_alpha)
    rank = {row.name: i for i, row in enumerate(rows)}
    return sorted(set(methods), key=lambda name: (rank.get(name, len(rank)), name))


def read(paths: Iterable[AnyPath], classes: Sequence[str]) -> pd.DataFrame:
    """Read and join files of predictions; sorted by method, feature mode, n, seed and clip.

    An empty ``predicted`` is a clip without a prediction (no window of N frames fits): it counts as
    wrong. DataError: a column is missing, values are no probabilities, or a file was changed.
    """
    frames = [_read_one(path, classes) for path in paths]
    if not frames:
        raise DataError("no file of predictions to evaluate")
    frame = pd.concat(frames, ignore_index=True)
    clips = sorted(sorted(set(frame["clip_id"])), key=natural)
    order = {"method": method_order(frame["method"]), "clip_id": clips}
    ranks = {column: {name: i for i, name in enumerate(names)} for column, names in order.items()}

    def place(column: pd.Series) -> pd.Series:
        return column.map(ranks[str(column.name)]) if column.name in ranks else column

    return frame.sort_values([*SYSTEM, "seed", "clip_id"], key=place, ignore_index=True)


def write(path: AnyPath, frame: pd.DataFrame) -> None:
    """Write ``predictions.csv`` and its seal: probabilities have six decimals."""
    write_table(path, frame, decimals=6)


def rows(
    examples: Examples,
    fold: Fold,
    found: Mapping[str, Sequence[Any]],
    *,
    classes: Sequence[str],
    **system: str | int,
) -> list[dict[str, Any]]:
    """Return the rows of a fold's test clips, `found` in their order; `system` are columns."""
    unknown: list[None] = [None] * len(classes)
    columns = (found[name] for name in ("predicted", "n_windows", "probabilities"))
    return [
        {
            "clip_id": examples.clip_ids[clip],
            "subject": examples.subjects[clip],
            "label": examples.labels[clip],
            **system,
            "fold": fold.name,
            "n_windows": n_windows,
            "predicted": "" if number < 0 else classes[number],
            **{f"p_{name}": p for name, p in zip(classes, shares or unknown, strict=True)},
        }
        for clip, number, n_windows, shares in zip(fold.test, *columns, strict=True)
    ]


def check(
    frame: pd.DataFrame, clips: Sequence[Clip], *, classes: Sequence[str], protocol: str
) -> None:
    """Refuse predictions that cannot be compared with each other: DataError, ProtocolError.

    Clips, subjects, labels and folds must be those of manifest and `protocol`, which may promise
    that all are tested and each subject in one fold only; all systems must have the same seeds.
    """
    for column, known in (("label", [*classes]), ("predicted", [*classes, ""])):
        wrong = frame[~frame[column].isin(known)]
        if len(wrong):
            row = wrong.iloc[0]
            raise DataError(f"clip {row.clip_id}: {column} {row[column]!r} is none of {known}")
    _check_manifest(frame, clips)
    if others := set(frame["protocol"]) - {protocol}:
        raise ProtocolError(f"predictions under protocol {min(others)}, not {protocol}")
    check_same_folds(frame)
    if SUBJECT_INDEPENDENT[protocol]:
        check_same_folds(frame, "subject")
    everyone = {clip.clip_id for clip in clips} if COMPLETE[protocol] else set(frame["clip_id"])
    _check_systems(frame, everyone)


def check_grid(
    frame: pd.DataFrame, *, methods: Sequence[str], feature_modes: Sequence[str], n: Sequence[int]
) -> None:
    """Raise a DataError if a cell of the table is missing, or one was not asked for."""
    wanted = {(m, r, k) for m in methods for r in feature_modes for k in n}
    found = set(frame[SYSTEM].itertuples(index=False, name=None))
    for cells, words in ((wanted - found, "lack"), (found - wanted, "also hold")):
        if cells:
            method, feature_mode, frames = min(cells)
            raise DataError(
                f"the predictions {words} method {method}, feature mode {feature_mode}, n {frames} "
                f"({len(cells)} such cells)"
            )


def _read_one(path: AnyPath, classes: Sequence[str]) -> pd.DataFrame:
    frame = read_text(path)
    shares = [f"p_{name}" for name in classes]
    wanted = [*COLUMNS, *shares]
    if missing := [column for column in wanted if column not in frame]:
        raise DataError(f"{path}: column {missing[0]} is missing")
    if unknown := [column for column in frame if column not in wanted]:
        raise DataError(f"{path}: column {unknown[0]} is unknown; classes are {list(classes)}")
    frame = typed(frame[wanted], text=TEXT, path=path)
    for column in COUNTS:
        if frame[column].dtype.kind != "i":
            raise DataError(f"{path}: column {column}: not all cells are whole numbers")
    _check_shares(frame.loc[frame["predicted"] != "", ["clip_id", *shares]], path)
    return frame


def _check_shares(predicted: pd.DataFrame, path: AnyPath) -> None:
    """Refuse predictions whose values are no probabilities."""
    shares = predicted.drop(columns="clip_id")
    if len(outside := predicted[~(shares.ge(0) & shares.le(1)).all(axis=1)]):
        raise DataError(f"{path}: clip {outside['clip_id'].iloc[0]}: a probability is not in 0..1")
    sums = shares.sum(axis=1)
    if len(odd := predicted[(sums - 1).abs() > ROUNDING]):
        raise DataError(
            f"{path}: clip {odd['clip_id'].iloc[0]}: its probabilities add up to "
            f"{sums[odd.index[0]]:.6f}, not to 1; delete the file and run snakemake again"
        )


def _check_manifest(frame: pd.DataFrame, clips: Sequence[Clip]) -> None:
    known = {clip.clip_id: (clip.subject, clip.label) for clip in clips}
    rows = frame[["clip_id", "subject", "label"]].drop_duplicates()
    for clip_id, subject, label in rows.itertuples(index=False, name=None):
        if clip_id not in known:
            raise DataError(f"clip {clip_id}: predicted, but not in the manifest")
        if known[clip_id] != (subject, label):
            raise DataError(
                f"clip {clip_id}: predictions say subject {subject}, label {label}; "
                f"the manifest says {known[clip_id][0]}, {known[clip_id][1]}"
            )


def check_same_folds(frame: pd.DataFrame, unit: str = "clip_id") -> None:
    """Refuse runs that test a clip, or a subject, in different folds: they cannot be compared."""
    folds = frame.groupby(unit)["fold"].nunique()
    if len(several := folds[folds > 1]):
        raise ProtocolError(
            f"{unit.removesuffix('_id')} {several.index[0]} is tested in {several.iloc[0]} "
            "different folds"
        )


def _check_systems(frame: pd.DataFrame, everyone: set[str]) -> None:
    seeds = set(frame["seed"])
    for system, rows in frame.groupby(SYSTEM, sort=False):
        words = "method {}, feature mode {}, n {}".format(*system)
        if set(rows["seed"]) != seeds:
            raise ProtocolError(f"{words}: seeds {sorted(set(rows['seed']))} of {sorted(seeds)}")
        for seed, run in rows.groupby("seed"):
            if len(twice := run["clip_id"][run["clip_id"].duplicated()]):
                raise DataError(f"{words}, seed {seed}: clip {twice.iloc[0]} occurs twice")
            if missing := everyone - set(run["clip_id"]):
                raise ProtocolError(
                    f"{words}, seed {seed}: {len(missing)} clips have no row, first {min(missing)}"
                )
