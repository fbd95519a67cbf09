"""One judgement: scores with intervals, controls, findings, as plain values for JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.apps.judge import findings, reading, scoring
from microexpr.apps.judge.findings import Finding, finding
from microexpr.apps.judge.scoring import ALL, METRICS, Runs
from microexpr.datasets.manifest import natural
from microexpr.errors import DataError
from microexpr.evaluation import intervals
from microexpr.evaluation.metrics import Ints
from microexpr.evaluation.pooled import majority, majority_of_training, training_counts
from microexpr.protocol import named, read_list
from microexpr.runtime.names import alike

LEVEL, PER_CLASS = 0.95, ("precision", "recall", "f1")
LOSO = "No fold is given: each subject is taken as a fold of its own (leave one subject out)."
MAJORITY, TRAINING, PERSON = "majority", "majority_training", "majority_of_subject"
CONTROLS = {
    MAJORITY: "most frequent class of the tested clips",
    TRAINING: "most frequent class of each fold's training clips",
    PERSON: "most frequent class of the same subject's training clips, where it has some",
}


def judge(
    path: Path,
    *,
    claimed: Sequence[str] = (),
    against: Path | None = None,
    folds: Path | None = None,
    systems: Sequence[str] = ("",),
) -> dict[str, Any]:
    """Judge predictions of anybody: return values that JSON can hold, by the page's sections.

    `path` is a table or log, see :mod:`.reading`; `claimed` are printed values, see `read_claims`;
    `against` predictions of another system for the same clips; `folds` a list with its checksum,
    such as ``folds/megc2019-loso-v1.csv``; `systems` are ``method/feature_mode/n`` where a file
    holds several, the last one of `against`. DataError, ConfigError: one cannot be read.
    """
    printed = findings.read_claims(claimed)
    table, runs, found = _read(path, folds, systems[0])
    weighed, (controls, beaten) = findings.weigh(printed, runs), _controls(runs)
    found += [*findings.of_table(table), *findings.of_epochs(runs), *findings.of_claims(weighed)]
    result: dict[str, Any] = {
        "file": path.name,
        "format": table.kind,
        "notes": table.notes,
        "counts": _extent(runs),
        "confidence": LEVEL,
        "findings": found + beaten,
        "printed": weighed,
        "scores": [
            {"data_set": name, "metric": metric} | interval._asdict()
            for name, part in ({ALL: runs} | runs.parts()).items()
            for metric, interval in _scores(part)
        ],
        "ways": [{"way": name, **values} for name, values in runs.ways.items()],
        "controls": controls,
        "classes": [_class(runs, name) for name in runs.classes],
        "subjects": _subjects(runs),
    }
    if against is not None:
        theirs = _read(against, folds, systems[-1])[1]
        result["against"] = _comparison(runs, theirs) | {"file": against.name}
    # JSON has no NaN: where one subject is tested, there is no interval.
    plain: dict[str, Any] = json.loads(json.dumps(result), parse_constant=lambda _: None)
    return plain


def _read(path: Path, folds: Path | None, system: str) -> tuple[reading.Table, Runs, list[Finding]]:
    table, found = reading.read(path, system), list[Finding]()
    if folds is not None and table.kind == reading.LISTS:
        table.notes.append(f"{folds.name} is not compared: it holds clips by name.")
    elif folds is not None:
        table, found = findings.compared(table, read_list(folds))
    frame = table.frame
    if not frame["fold"].any():
        frame = frame.assign(fold=frame["subject"])
        table.notes.append(LOSO)
    stops = frame.groupby(["seed", "fold"])["epoch"].agg(["nunique", "first"])
    if stops["nunique"].max() == 1 and stops["first"].nunique() > 1:
        frame, found = frame.assign(epoch=""), found + finding("epoch_per_fold")
    table = replace(table, frame=frame)
    names = {*table.tested["label"], *table.tested["predicted"]} - {""}
    return table, Runs.of(table.tested, sorted(names, key=natural)), found


def _extent(runs: Runs) -> dict[str, int]:
    """Count what scores rest on."""
    counts = {f"{name}s": runs.clips[name].nunique() for name in ("subject", "fold")}
    epochs, seeds, clips = runs.each.shape
    return {"clips": clips, **counts, "seeds": seeds, "epochs": epochs}


def _scores(runs: Runs) -> Iterator[tuple[str, intervals.Interval]]:
    """Yield the metrics of some clips with their intervals."""
    for metric in METRICS:
        yield metric, intervals.metric_interval(metric, *runs.about, level=LEVEL)
    if runs.shares is not None:
        auc = intervals.linear_auc(runs.truth, runs.shares).mean()
        yield "auc", intervals.estimate(auc, runs.clips["subject"], LEVEL)


def _class(runs: Runs, name: str) -> dict[str, Any]:
    of = {m: intervals.metric_interval(m, *runs.about, level=LEVEL, of=name) for m in PER_CLASS}
    row = {"class": name, "clips": of["recall"].clips} | {m: one.value for m, one in of.items()}
    return row | {"recall_low": of["recall"].low, "recall_high": of["recall"].high}


def _subjects(runs: Runs) -> list[dict[str, Any]]:
    right = runs.clips.assign(right=(runs.predicted == runs.truth).mean(axis=0))
    groups = {str(name): rows["right"] for name, rows in right.groupby("subject")}
    return [
        {"subject": name, "clips": len(groups[name]), "accuracy": float(groups[name].mean())}
        for name in sorted(groups, key=natural)
    ]


def _controls(runs: Runs) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Score predictions from labels alone, and compare the system with each."""
    K, folds = len(runs.classes), runs.clips["fold"].tolist()
    predicted = {MAJORITY: majority(runs.truth, classes=K)}
    if len({*folds}) > 1:
        counts = training_counts(runs.truth, folds, classes=K)
        predicted[TRAINING] = majority_of_training(folds, counts)
        person = predicted[TRAINING].copy()
        for number, (subject, fold) in enumerate(zip(runs.clips["subject"], folds, strict=True)):
            others = (runs.clips["subject"] == subject) & (runs.clips["fold"] != fold)
            if others.any():  # the same subject's clips in other folds
                person[0, number] = np.bincount(runs.truth[others]).argmax()
        if (person != predicted[TRAINING]).any():
            predicted[PERSON] = person
    rows, found = [], []
    for name, control in predicted.items():
        scores = scoring.named(scoring.values(runs, control).mean(axis=1))
        row: dict[str, Any] = {"control": name, "what": CONTROLS[name]}
        row |= {metric: scores[metric] for metric in METRICS}
        rows.append(row | _difference(runs, control, "accuracy"))
        if rows[-1]["low"] <= 0:
            found += finding("not_above_control", **rows[-1])
    return rows, found


def _difference(runs: Runs, other: Ints, metric: str) -> dict[str, float]:
    """Return the difference to other predictions of the same clips, tested over subjects."""
    truth, predicted, subjects, classes = runs.about
    common = (metric, truth, (predicted, other), subjects, classes)
    found = intervals.paired_interval(*common, level=LEVEL)
    bounds = {"difference": found.value, "low": found.low, "high": found.high}
    return bounds | {"p": intervals.paired_test(*common)}


def _comparison(runs: Runs, other: Runs) -> dict[str, Any]:
    """Compare two systems on the clips that both were tested on."""
    names = {alike(clip): number for number, clip in enumerate(other.clips.index)}
    places = np.array([names.get(alike(clip), -1) for clip in runs.clips.index])
    if not (places >= 0).any():
        raise DataError(f"--against: no clip is in both files, such as {runs.clips.index[0]}")
    ours, theirs = runs.part(places >= 0), other.part(places[places >= 0])
    wrong = ours.clips["label"].to_numpy() != theirs.clips["label"].to_numpy()
    if wrong.any():
        clips = list(ours.clips.index[wrong])
        raise DataError(f"--against: {len(clips)} clips have another label there: {named(clips)}")
    classes = list(dict.fromkeys([*ours.classes, *theirs.classes]))
    ours, theirs = ours.with_classes(classes), theirs.with_classes(classes)
    rows = [{"metric": m, **_difference(ours, theirs.predicted, m)} for m in METRICS]
    return {**_extent(ours), "differences": rows}
