"""One judgement: scores with intervals, controls, findings, as plain values for JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.apps.judge import claims, findings, listed, reading
from microexpr.apps.judge.listed import Finding
from microexpr.apps.judge.scoring import METRICS, Runs, mean_values
from microexpr.datasets.manifest import natural
from microexpr.errors import DataError
from microexpr.evaluation.intervals import (
    estimate,
    linear_auc,
    metric_interval,
    paired_interval,
    paired_test,
)
from microexpr.evaluation.metrics import Ints
from microexpr.evaluation.pooled import majority, majority_of_training, training_counts
from microexpr.protocol.lists import named, read_list
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
    """Judge predictions of anybody.

    Parameters
    ----------
    path : Path
        A table or log, see :mod:`.reading`.
    claimed : sequence of str
        Printed values, see :func:`.claims.read`.
    against : Path, optional
        Predictions of another system for the same clips.
    folds : Path, optional
        A list of folds with its checksum, such as ``folds/megc2019-loso-v1.csv``.
    systems : sequence of str
        ``method/feature_mode/n`` where the file holds several systems, and of `against` last.

    Returns
    -------
    dict
        Values that JSON can hold, by the sections of the page.

    Raises
    ------
    DataError, ConfigError
        A file cannot be read, or a printed value is none.
    """
    values = claims.read(claimed)
    table, runs, found = _read(path, folds, systems[0])
    printed = claims.weigh(values, runs)
    found += findings.of_table(table)
    found += [*findings.of_epochs(runs), *findings.of_claims(printed)]
    controls, more = _controls(runs)
    result: dict[str, Any] = {
        "file": path.name,
        "format": table.kind,
        "notes": table.notes,
        "counts": _extent(runs),
        "confidence": LEVEL,
        "findings": [asdict(one) for one in [*found, *more]],
        "printed": printed,
        "scores": [row for name, part in _parts(runs).items() for row in _scores(name, part)],
        "ways": [{"way": name, **values} for name, values in runs.ways.items()],
        "controls": controls,
        "classes": _classes(runs),
        "subjects": _subjects(runs),
    }
    if against is not None:
        other, theirs, _ = _read(against, folds, systems[-1])
        result["against"] = _comparison(runs, theirs) | {"file": other.path.name}
    # JSON has no NaN: where one subject is tested, there is no interval.
    plain: dict[str, Any] = json.loads(json.dumps(result), parse_constant=lambda _: None)
    return plain


def _read(path: Path, folds: Path | None, system: str) -> tuple[reading.Table, Runs, list[Finding]]:
    table, found = reading.read(path, system), list[Finding]()
    if folds is not None and table.named:
        table, found = listed.compared(table, read_list(folds))
    elif folds is not None:
        table.notes.append(f"{folds.name} is not compared: it holds clips by name.")
    frame = table.frame
    if not frame["fold"].any():
        table = replace(table, frame=frame.assign(fold=frame["subject"]))
        table.notes.append(LOSO)
    table, more = listed.with_one_epoch(table)
    tested = table.tested
    names = {*tested["label"], *tested["predicted"]} - {""}
    return table, Runs.of(tested, sorted(names, key=natural)), found + more


def _parts(runs: Runs) -> dict[str, Runs]:
    return {claims.ALL: runs} | runs.parts()


def _extent(runs: Runs) -> dict[str, int]:
    """Count what scores rest on."""
    names = {"clips": runs.clips, "subjects": runs.subjects, "folds": runs.folds}
    counts = {name: len({*values.tolist()}) for name, values in names.items()}
    return counts | {"seeds": len(runs.predicted), "epochs": len(runs.epochs)}


def _scores(name: str, runs: Runs) -> list[dict[str, Any]]:
    """Return the metrics of some clips with their intervals, one row each."""
    common = (runs.truth, runs.predicted, runs.subjects, runs.classes)
    found = {metric: metric_interval(metric, *common, level=LEVEL) for metric in METRICS}
    if runs.shares is not None:
        found["auc"] = estimate(linear_auc(runs.truth, runs.shares).mean(), runs.subjects, LEVEL)
    return [{"data_set": name, "metric": m} | one._asdict() for m, one in found.items()]


def _classes(runs: Runs) -> list[dict[str, Any]]:
    common = (runs.truth, runs.predicted, runs.subjects, runs.classes)
    rows = []
    for name in runs.classes:
        of = {m: metric_interval(m, *common, level=LEVEL, of=name) for m in PER_CLASS}
        bounds = {"recall_low": of["recall"].low, "recall_high": of["recall"].high}
        values = {metric: one.value for metric, one in of.items()}
        rows.append({"class": name, "clips": of["recall"].clips, **values, **bounds})
    return rows


def _subjects(runs: Runs) -> list[dict[str, Any]]:
    right = (runs.predicted == runs.truth).mean(axis=0)
    names = sorted({*runs.subjects.tolist()}, key=natural)
    masks = {name: runs.subjects == name for name in names}
    return [
        {"subject": name, "clips": int(mask.sum()), "accuracy": float(right[mask].mean())}
        for name, mask in masks.items()
    ]


def _controls(runs: Runs) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Score predictions from labels alone, and compare the system with each."""
    K, folds = len(runs.classes), runs.folds.tolist()
    predicted = {MAJORITY: majority(runs.truth, classes=K)}
    if len({*folds}) > 1:
        counts = training_counts(runs.truth, folds, classes=K)
        predicted[TRAINING] = majority_of_training(folds, counts)
        person = _majority_of_subject(runs, predicted[TRAINING])
        if (person != predicted[TRAINING]).any():
            predicted[PERSON] = person
    rows, found = [], []
    for name, control in predicted.items():
        test = _difference(runs, control, "accuracy")
        values = mean_values(replace(runs, epochs={"": control}), control)
        rows.append(
            {"control": name, "what": CONTROLS[name], **{m: values[m] for m in METRICS}, **test}
        )
        if test["low"] <= 0:
            text = (
                f"The accuracy is not shown to be above that of a control that sees no face "
                f"({CONTROLS[name]}: {values['accuracy']:.4f}): difference "
                f"{test['difference']:.4f}, interval {test['low']:.4f} to {test['high']:.4f}."
            )
            found.append(Finding("not_above_control", text))
    return rows, found


def _majority_of_subject(runs: Runs, otherwise: Ints) -> Ints:
    """Predict the most frequent class of the same subject's clips in other folds, (1, C)."""
    result = otherwise.copy()
    for number, (subject, fold) in enumerate(zip(runs.subjects, runs.folds, strict=True)):
        labels = runs.truth[(runs.subjects == subject) & (runs.folds != fold)]
        if len(labels):
            result[0, number] = np.bincount(labels).argmax()
    return result


def _difference(runs: Runs, other: Ints, metric: str) -> dict[str, float]:
    """Return the difference to other predictions of the same clips, tested over subjects."""
    common = (metric, runs.truth, (runs.predicted, other), runs.subjects, runs.classes)
    found = paired_interval(*common, level=LEVEL)
    bounds = {"low": found.low, "high": found.high}
    return {"difference": found.value, **bounds, "p": paired_test(*common)}


def _comparison(runs: Runs, other: Runs) -> dict[str, Any]:
    """Compare two systems on the clips that both were tested on."""
    names = {alike(clip): number for number, clip in enumerate(other.clips.tolist())}
    places = np.array([names.get(alike(clip), -1) for clip in runs.clips.tolist()])
    if not (places >= 0).any():
        raise DataError(f"--against: no clip is in both files, such as {runs.clips[0]}")
    ours, theirs = runs.part(places >= 0), other.part(places[places >= 0])
    labels = [[one.classes[k] for k in one.truth] for one in (ours, theirs)]
    if wrong := [c for c, a, b in zip(ours.clips, *labels, strict=True) if a != b]:
        raise DataError(f"--against: {len(wrong)} clips have another label there: {named(wrong)}")
    classes = list(dict.fromkeys([*ours.classes, *theirs.classes]))
    ours, theirs = ours.with_classes(classes), theirs.with_classes(classes)
    rows = [{"metric": m, **_difference(ours, theirs.predicted, m)} for m in METRICS]
    return {**_extent(ours), "differences": rows}
