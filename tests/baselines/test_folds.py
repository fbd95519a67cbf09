"""All folds of a system: resumed where they stopped, refused if they leak."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_faces import LABELS

import listed
from microexpr.baselines.base import Descriptors, System
from microexpr.baselines.folds import run_folds
from microexpr.errors import CacheError, DataError, ProtocolError
from microexpr.protocol import Fold, predictions
from microexpr.protocol.predictions import ClipPredictions, class_numbers


class InterruptedRunError(Exception):
    """What a kill does to a run."""


class Counting(System):
    """Predicts the most frequent class of the training clips, and counts its calls."""

    name = "counting"
    frames = 5
    labels = LABELS

    def __init__(self, stop_after: int = 99, setting: int = 0) -> None:
        self.calls, self.stop_after, self.setting = 0, stop_after, setting

    def settings(self):
        return {"setting": self.setting}

    def examples(self, caches, clips, folder):
        raise NotImplementedError

    def predict(self, examples, fold, *, seed):
        if self.calls == self.stop_after:
            raise InterruptedRunError
        self.calls += 1
        counts = np.bincount(class_numbers(examples, LABELS)[list(fold.train)], minlength=3)
        shares = np.tile(counts / counts.sum(), (len(fold.test), 1))
        found = ClipPredictions.of_whole_clips(shares)
        if fold.name == "s2":  # its first clip gets no prediction
            shares[0], found.predicted[0], found.n_windows[0] = np.nan, -1, 0
        return found


def examples() -> Descriptors:
    rng = np.random.default_rng(0)
    names = tuple(f"s{s}_{i}" for s in (1, 2, 3) for i in range(4))
    labels = tuple((["negative", "negative", "positive", "surprise"]) * 3)
    values = rng.normal(size=(12, 2)).astype(np.float32)
    return Descriptors(
        names, tuple(n.split("_")[0] for n in names), labels, values, digest="digest"
    )


def loso() -> list[Fold]:
    everyone = range(12)
    folds = []
    for subject in ("s1", "s2", "s3"):
        test = tuple(i for i in everyone if examples().subjects[i] == subject)
        folds.append(Fold(subject, tuple(i for i in everyone if i not in test), test))
    return folds


def run(system: Counting, folder, **changes) -> pd.DataFrame:
    options = {"seeds": [0, 3], "protocol": "loso", "progress_dir": folder} | changes
    return run_folds(system, options.pop("examples", examples()), loso(), **options).predictions


def test_predictions_pass_the_checks_of_evaluation(tmp_path):
    frame = run(Counting(), tmp_path / "p")
    predictions.write(tmp_path / "counting.csv", frame)
    read = predictions.read([tmp_path / "counting.csv"], LABELS)
    given = examples()
    clips = listed.rows(given.clip_ids, given.subjects, given.labels)
    predictions.check(read, clips, classes=LABELS, protocol="loso")
    assert set(read["method"]) == {"counting"}
    assert set(read["feature_mode"]) == {"raw"}
    assert set(read["n"]) == {5}
    assert sorted(set(read["seed"])) == [0, 3]
    unpredicted = read[read["n_windows"] == 0]
    assert list(unpredicted["clip_id"]) == ["s2_0", "s2_0"]
    assert (unpredicted["predicted"] == "").all()
    assert unpredicted["p_negative"].isna().all()
    assert (read[read["n_windows"] == 1]["predicted"] == "negative").all()


def test_an_interrupted_run_goes_on_with_the_fold_it_stopped_in(tmp_path):
    undisturbed = run(Counting(), tmp_path / "a")
    with pytest.raises(InterruptedRunError):
        run(Counting(stop_after=4), tmp_path / "b")
    rest = Counting()
    pd.testing.assert_frame_equal(run(rest, tmp_path / "b"), undisturbed)
    assert rest.calls == 2
    again = Counting()
    run(again, tmp_path / "b")
    assert again.calls == 0


@pytest.mark.parametrize("change", ["setting", "code", "descriptors", "labels"])
def test_what_results_follow_from_runs_again(tmp_path, change):
    run(Counting(), tmp_path)
    given = examples()
    if change == "descriptors":
        given = replace(given, digest="other")
    if change == "labels":
        labels = (given.labels[1], *given.labels[1:3], "negative", *given.labels[4:])
        given = replace(given, labels=labels)
    system = Counting(setting=int(change == "setting"))
    run(system, tmp_path, examples=given, source_sha256="new" if change == "code" else "")
    assert system.calls == (4 if change == "labels" else 6)


class Wavering(Counting):
    """Predicts another class after each epoch, and trains two folds at a time."""

    name, together = "wavering", 2

    def each_epoch(self, examples, folds, *, seed):
        for answer in (2, 0, 1):
            self.calls += len(folds)
            if self.calls > self.stop_after:
                raise InterruptedRunError
            shares = np.eye(3)[[answer]]
            yield [ClipPredictions.of_whole_clips(shares.repeat(len(f.test), 0)) for f in folds]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_best_epoch_on_the_test_is_labelled_and_apart_from_the_last(tmp_path, threads):
    about = {"seeds": [0], "protocol": "loso", "progress_dir": tmp_path, "threads": threads}
    found = run_folds(Wavering(), examples(), loso(), **about)
    assert set(found.predictions["method"]) == {"wavering"}
    assert set(found.predictions["predicted"]) == {LABELS[1]}  # the last epoch
    best = found.best_epoch_on_test
    assert set(best["method"]) == {"wavering_best_epoch_on_test"}
    # Two of four clips of each subject are negative: no other epoch has more right.
    assert set(best["predicted"]) == {LABELS[0]}
    assert (best["clip_id"] == found.predictions["clip_id"]).all()


def test_folds_that_are_trained_together_resume_together(tmp_path):
    about = {"seeds": [0, 1], "protocol": "loso", "progress_dir": tmp_path}
    with pytest.raises(InterruptedRunError):
        run_folds(Wavering(stop_after=8), examples(), loso(), **about)
    assert len(list(tmp_path.glob("*.json"))) == 2
    rest = Wavering()
    frame = run_folds(rest, examples(), loso(), **about).predictions
    assert rest.calls == 3 * (1 + 3)
    assert len(frame) == 24


def test_a_subject_on_both_sides_is_refused(tmp_path):
    given = examples()
    subjects = ("s2", *given.subjects[1:])
    leaking = replace(given, subjects=subjects)
    with pytest.raises(ProtocolError, match="subject s2 is in training and in test"):
        run(Counting(), tmp_path, examples=leaking)
    run(Counting(), tmp_path, examples=leaking, protocol="clip_kfold")


def test_a_damaged_file_and_an_unknown_label_are_named(tmp_path):
    run(Counting(), tmp_path)
    file = next(tmp_path.glob("*.json"))
    file.write_text(json.dumps([1])[:-1])
    with pytest.raises(CacheError, match=f"{file.name}: damaged"):
        run(Counting(), tmp_path)
    given = examples()
    odd = Descriptors(
        given.clip_ids, given.subjects, ("other", *given.labels[1:]), given.values, digest=""
    )
    with pytest.raises(DataError, match="clip s1_0: label 'other' is not in data.labels"):
        run(Counting(), tmp_path, examples=odd)
