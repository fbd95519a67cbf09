"""Nested choices: made on inner folds, blind to the test clips, refused where they would not be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_tables import load

from microexpr.errors import DataError, ProtocolError
from microexpr.evaluation.selection import nested
from microexpr.evaluation.tables import FILES, write_results
from microexpr.protocol import predictions
from microexpr.protocol.splits import inner_folds, make_folds
from simulated import CLASSES, basis, columns, manifest, predicted

SUBJECTS = 6
CANDIDATES = [("pmm", 7), ("pmm", 9)]
BY_N = {("pmm", None): CANDIDATES}


@pytest.fixture(scope="module")
def clips():
    return manifest(SUBJECTS)


def outer_and_inner(clips, best, **options):
    """Predictions of both candidates; on its inner folds, N = best[fold] is always right."""
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES)
    inner = [
        one
        for fold in folds
        for one in inner_folds(fold, *columns(clips), classes=CLASSES, folds=3)
    ]
    outer = [predicted(clips, folds, lambda _: 0.5, n=n, **options) for n in (7, 9)]
    watched = [
        predicted(clips, inner, lambda name, n=n: best[name.split("-")[0]] == n, n=n, **options)
        for n in (7, 9)
    ]
    return pd.concat(outer), pd.concat(watched)


BEST = {f"s{i}": 7 if i % 2 else 9 for i in range(1, SUBJECTS + 1)}


def test_each_fold_keeps_the_predictions_of_its_own_choice(clips):
    outer, inner = outer_and_inner(clips, BEST)
    systems, chosen = nested(outer, inner, clips, BY_N, classes=CLASSES)
    assert list(systems) == [("pmm_nested", "raw", None)]
    assert dict(zip(chosen["fold"], chosen["chosen_n"], strict=True)) == BEST
    assert (chosen["inner_accuracy"] == 1).all()
    assert (chosen["inner_clips"] == 30).all()
    found = systems["pmm_nested", "raw", None]
    assert sorted(found["clip_id"]) == sorted(clip.clip_id for clip in clips)
    assert (found["n"] == found["fold"].map(BEST)).all()
    expected = outer.set_index(["clip_id", "n"])["predicted"]
    assert all(expected[row.clip_id, row.n] == row.predicted for row in found.itertuples())


def test_predictions_for_test_clips_do_not_change_the_choice(clips):
    outer, inner = outer_and_inner(clips, BEST)
    flipped = outer.assign(predicted=outer["label"].where(outer["n"] == 7, "positive"))
    first, second = (nested(o, inner, clips, BY_N, classes=CLASSES)[1] for o in (outer, flipped))
    assert first.equals(second)


def test_equal_accuracy_is_settled_by_likelihood_then_by_the_first(clips):
    outer, inner = outer_and_inner(clips, dict.fromkeys(BEST, 7))
    same = inner[inner["n"] == 7]
    surer = same.assign(n=9)
    for name in CLASSES:
        surer[f"p_{name}"] = np.where(surer["label"] == name, 0.9, 0.05)
    _, chosen = nested(outer, pd.concat([same, surer]), clips, BY_N, classes=CLASSES)
    assert set(chosen["chosen_n"]) == {9}
    _, chosen = nested(outer, pd.concat([same, same.assign(n=9)]), clips, BY_N, classes=CLASSES)
    assert set(chosen["chosen_n"]) == {7}


def test_alpha_is_chosen_for_each_n(clips):
    outer, inner = outer_and_inner(clips, BEST)
    methods = {7: "pmm-a5", 9: "pmm"}
    outer, inner = (frame.assign(method=frame["n"].map(methods), n=14) for frame in (outer, inner))
    choices = {("pmm", 14): [("pmm-a5", 14), ("pmm", 14)]}
    systems, chosen = nested(outer, inner, clips, choices, classes=CLASSES)
    assert list(systems) == [("pmm_nested", "raw", 14)]
    wanted = {fold: methods[n] for fold, n in BEST.items()}
    assert dict(zip(chosen["fold"], chosen["chosen_method"], strict=True)) == wanted


def leaking(inner, clips):
    """Let one inner fold of s1 answer for a clip of s1."""
    planted = inner.iloc[:1].assign(
        clip_id=clips[0].clip_id, subject="s1", label=clips[0].label, fold="s1-inner0"
    )
    return pd.concat([inner, planted], ignore_index=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (leaking, ProtocolError, "fold s1: .* would see clip s1_ne_01, which the fold tests"),
        (lambda f, _: f[f.clip_id != "s4_ne_01"], ProtocolError, "predict 29 clips, 29 of the"),
        (lambda f, _: pd.concat([f, f.iloc[:1]]), ProtocolError, "inner folds predict 31 clips"),
        (
            lambda f, _: f[f.n != 9],
            DataError,
            "lack method pmm, n 9, feature mode raw, seed 0, fold s1",
        ),
        (lambda f, _: f[~f.fold.str.startswith("s3")], DataError, "fold s3 or its inner folds"),
    ],
)
def test_a_choice_that_would_leak_or_lacks_something_is_refused(clips, change, error, message):
    outer, inner = outer_and_inner(clips, BEST)
    with pytest.raises(error, match=message):
        nested(outer, change(inner, clips), clips, BY_N, classes=CLASSES)


def write(folder, frames):
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, frame in enumerate(frames):
        paths.append(folder / f"{number}.csv")
        predictions.write(paths[-1], frame)
    return paths


def options(**changes):
    return dict(methods=["pmm"], feature_modes=["raw"], n=[7, 9]) | changes


@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
def test_the_choice_is_a_row_of_the_table_and_of_the_metrics(clips, tmp_path, seeds):
    both = [outer_and_inner(clips, BEST, seed=seed) for seed in seeds]
    outer, inner = (pd.concat(frames) for frames in zip(*both, strict=True))
    sources, watched = write(tmp_path / "outer", [outer]), write(tmp_path / "inner", [inner])
    write_results(sources, basis(clips), tmp_path, **options(inner=watched, choices=BY_N))
    chosen = [
        outer[(outer["n"] == BEST[clip.subject]) & (outer["clip_id"] == clip.clip_id)]
        for clip in clips
    ]
    expected = pd.concat(chosen)
    accuracy = (expected["predicted"] == expected["label"]).mean()
    metrics = load(tmp_path / "metrics.csv").query("method == 'pmm_nested'")
    row = metrics[metrics["metric"] == "accuracy"].iloc[0]
    assert row["value"] == pytest.approx(accuracy, abs=1e-4)
    assert np.isnan(row["n"])
    assert row["seeds"] == len(seeds)
    table = load(tmp_path / "table.csv")
    assert list(table["class"])[4:] == ["Accuracy, N chosen", "Accuracy"]
    assert list(table.loc[4, ["n_7", "n_9"]]) == pytest.approx([accuracy] * 2, abs=1e-4)
    assert set(FILES) | {"selected.csv"} <= {path.name for path in tmp_path.iterdir()}
    selected = load(tmp_path / "selected.csv")
    assert len(selected) == SUBJECTS * len(seeds)


def test_a_control_that_was_trained_is_a_row_of_the_metrics(clips, tmp_path):
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES)
    outer = [predicted(clips, folds, lambda _: 0.9, n=n) for n in (7, 9)]
    permuted = pd.concat(
        predicted(clips, folds, lambda _: 1 / 3, n=9, method="pmm-permuted_labels", seed=seed)
        for seed in range(3)
    )
    sources = write(tmp_path / "in", [*outer, permuted])
    controls = ["pmm-permuted_labels"]
    write_results(sources, basis(clips), tmp_path, **options(controls=controls))
    metrics = load(tmp_path / "metrics.csv").query("method == 'pmm-permuted_labels'")
    row = metrics[metrics["metric"] == "accuracy"].iloc[0]
    right = (permuted["predicted"] == permuted["label"]).groupby(permuted["seed"]).mean()
    assert row["value"] == pytest.approx(right.mean(), abs=1e-4)
    assert row["sd_seeds"] == pytest.approx(right.std(), abs=1e-4)
    assert (row["n"], row["feature_mode"], row["seeds"]) == (9, "raw", 3)
    beside = load(tmp_path / "controls.csv").iloc[0]
    assert (beside["method"], beside["control"], beside["n"]) == ("pmm", "permuted_labels", 9)
    assert beside["control_accuracy"] == pytest.approx(row["value"], abs=1e-4)
    assert beside["difference"] == pytest.approx(beside["accuracy"] - row["value"], abs=2e-4)
    assert beside["difference_low"] < beside["difference"] < beside["difference_high"]
    assert bool(beside["below"]) == (beside["difference_low"] > 0)
    assert beside["chance"] == pytest.approx(1 / 3, abs=1e-4)
    assert set(load(tmp_path / "table.csv")["method"]) == {"pmm", "majority"}
    assert set(load(tmp_path / "predictions.csv")["method"]) == {"pmm"}
    with pytest.raises(DataError, match="also hold method pmm-permuted_labels"):
        unasked = write(tmp_path / "unasked", [*outer, permuted[permuted["seed"] == 0]])
        write_results(unasked, basis(clips), tmp_path / "a", **options())
    with pytest.raises(DataError, match="the predictions lack method pmm-single_frame"):
        more = [*controls, "pmm-single_frame"]
        write_results(sources, basis(clips), tmp_path / "b", **options(controls=more))


def test_runs_on_other_folds_are_refused(clips, tmp_path):
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES)
    outer = [predicted(clips, folds, lambda _: 0.9, n=n) for n in (7, 9)]
    control = predicted(clips, folds, lambda _: 0.9, n=9, method="pmm-single_frame")
    control["fold"] = control["fold"].replace({"s1": "s2", "s2": "s1"})
    controls = ["pmm-single_frame"]
    with pytest.raises(ProtocolError, match="clip s1_ne_01 is tested in 2 different folds"):
        sources = write(tmp_path / "in", [*outer, control])
        write_results(sources, basis(clips), tmp_path / "out", **options(controls=controls))
