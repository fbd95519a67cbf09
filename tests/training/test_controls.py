"""Controls on clips that only the order of frames tells apart, and errors of key frames."""

from __future__ import annotations

import numpy as np
import pytest
from planted import loso, planted_store, recipe

from microexpr.config import Windows
from microexpr.training.controls import CONTROLS, split_control
from microexpr.training.fold import train_fold
from microexpr.training.store import FeatureStore
from microexpr.training.windows import moved_frame, with_errors

NAMES = ("clip_ids", "subjects", "labels", "data", "digest")
SETTINGS = {
    "feature_mode": "raw",
    "labels": ("negative", "positive"),
    "n": 7,
    "epochs": 16,
    "lr": 0.02,
}


def ordered_store(subjects: int = 6) -> FeatureStore:
    """Make clips of one motion: quick then slow, or the same backwards; both start and end at 0."""
    rng = np.random.default_rng(3)
    features, who, labels = {}, [], []
    for number in range(4 * subjects):
        if number % 2 == 0:  # two clips of one length: one forwards, one backwards
            length = 15 + 2 * int(rng.integers(4))
        course = np.interp(np.linspace(0, 1, length), [0, 0.2, 1], [0, 1, 0])
        label = SETTINGS["labels"][number % 2]
        course = course if label == "negative" else course[::-1]
        clip = rng.normal(0, 0.1, (length, 12))
        clip[:, 0] += 3 * course
        features[f"c{number:02d}"] = clip.astype(np.float16)[..., None, None]
        who.append(f"s{number // 4}")
        labels.append(label)
    return FeatureStore.from_arrays(features, subjects=who, labels=labels)


def accuracy(store: FeatureStore, **changes) -> float:
    windows = {"modes": ["even"], "even": "length_step"} | changes.get("windows", {})
    settings = recipe(**SETTINGS, windows=Windows(**windows), **changes.get("train", {}))
    right = []
    for fold in loso(store):
        found = train_fold(store, fold, settings).predictions.predicted
        right += [
            SETTINGS["labels"][k] == store.labels[i] for k, i in zip(found, fold.test, strict=True)
        ]
    return float(np.mean(right))


def test_controls_fail_where_only_the_order_of_frames_tells_classes_apart():
    store = ordered_store()
    assert accuracy(store) >= 0.85
    assert accuracy(store, **CONTROLS["reversed_frames"].changes) <= 0.2
    for name in ("single_frame", "shuffled_frames", "permuted_labels"):
        assert 0.2 < accuracy(store, **CONTROLS[name].changes) < 0.8, name


def test_names_of_controls_are_split():
    assert split_control("pmm-single_frame") == ("pmm", "single_frame")
    assert split_control("placebo_amm") == ("amm", "placebo")
    for other in ("pmm", "pmm-a5", "pmm-frame_fc", "majority"):
        assert split_control(other) == (other, "")


@pytest.mark.parametrize(("onset", "offset"), [(2, 0), (0, 3), (4, 4)])
def test_errors_of_key_frames_move_indices_and_change_no_frame(onset, offset):
    store = planted_store(3)
    moved = with_errors(store, onset=onset, offset=offset)
    assert with_errors(store, onset=0, offset=0) is store
    assert (moved.clip_ids, moved.labels) == (store.clip_ids, store.labels)
    assert moved.digest != store.digest
    for before, after in zip(store.data, moved.loaded().data, strict=True):
        stop = len(before) - offset
        assert np.array_equal(after, before[onset:stop])
    about = {name: getattr(store, name) for name in NAMES}  # without frames in memory
    lazy = with_errors(FeatureStore(**about), onset=onset, offset=offset)
    rows = np.arange(0, len(lazy.onset_row), 2)
    assert np.array_equal(lazy.read(rows), moved.loaded().read(rows))


def test_a_key_frame_moves_either_way_and_stays_within_the_clip():
    found = {moved_frame(f"c{i} apex", 10, 3, least=1, most=20) for i in range(40)}
    assert found == {7, 13}
    assert moved_frame("c apex", 0, 0, least=1, most=20) == 0
    assert {moved_frame(f"c{i}", 0, 3, least=0, most=20) for i in range(40)} == {3}
    assert moved_frame("c", 0, 30, least=0, most=20) == 20
