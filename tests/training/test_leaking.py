"""A split of windows inflates accuracy; splits of whole clips and of whole subjects do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import LABELS, recipe

from microexpr.errors import CacheError
from microexpr.studies import leak
from microexpr.studies.leak import train_leaking
from microexpr.training.store import FeatureStore

OPTIONS = {"seeds": [0], "test_share": 0.2, "folds": 3, "seed": 0}


def meaningless_store() -> FeatureStore:
    """Make six clips of each of four subjects; nothing in them follows their labels."""
    rng = np.random.default_rng(3)
    names = [f"s{s}_{i}" for s in range(1, 5) for i in range(6)]
    looks = {name: rng.normal(0, 2, (1, 24, 1, 1)) for name in names}
    clips = {k: (v + rng.normal(0, 0.3, (16, 24, 1, 1))).astype("f2") for k, v in looks.items()}
    who = [name.split("_")[0] for name in names]
    return FeatureStore.from_arrays(clips, subjects=who, labels=LABELS * 8)


SETTINGS = recipe(feature_mode="raw", epochs=12, dropout=0.0)


@pytest.fixture(scope="module")
def progress(tmp_path_factory):
    return tmp_path_factory.mktemp("progress")


@pytest.fixture(scope="module")
def found(progress):
    return train_leaking(meaningless_store(), SETTINGS, **OPTIONS, progress_dir=progress)


def test_windows_of_one_clip_on_both_sides_inflate_accuracy(found):
    right = (found["predicted"] == found["label"]).groupby(found["split"]).mean()
    assert right["windows"] > 0.8
    assert max(right["clips"], right["subjects"]) < 1 / 3 + 3 * np.sqrt(2 / 9 / 24)


def test_clips_and_subjects_are_predicted_once(found):
    store = meaningless_store()
    for split in ("clips", "subjects"):
        mine = found[found["split"] == split]
        assert sorted(mine["clip_id"]) == sorted(store.clip_ids)
    assert (found["fold"] == found["subject"])[found["split"] == "subjects"].all()


def test_held_out_windows_are_a_share_of_those_of_training_clips(found):
    store, settings = meaningless_store(), recipe()
    counts = dict(zip(store.clip_ids, settings.window_table(store).counts, strict=True))
    mine = found[found["split"] == "windows"]
    tested = found[found["split"] == "clips"].groupby("fold")["clip_id"].agg(set)
    trained = mine.groupby("fold")["clip_id"].agg(set)
    assert not any(trained[fold] & tested[fold] for fold in tested.index)
    share = mine["n_windows"].sum() / mine["clip_id"].map(counts).sum()
    assert share == pytest.approx(0.2, abs=0.05)
    whole = found[found["split"] == "clips"]
    assert whole["n_windows"].tolist() == whole["clip_id"].map(counts).tolist()


def test_a_killed_run_goes_on_with_the_fold_it_stopped_in(found, progress, tmp_path, monkeypatch):
    files = sorted(progress.glob("*.json"))
    assert len(files) == 3 + 4  # folds of clips, folds of subjects
    for file in files[:5]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    trained, original = [], leak.fold_training

    def counted(material, fold, settings):
        trained.append(fold.name)
        return original(material, fold, settings)

    monkeypatch.setattr(leak, "fold_training", counted)
    store, options = meaningless_store(), OPTIONS | {"progress_dir": tmp_path}
    pd.testing.assert_frame_equal(train_leaking(store, SETTINGS, **options), found)
    assert len(trained) == 2
    quick = replace(SETTINGS, train=SETTINGS.train.model_copy(update={"epochs": 1}))
    train_leaking(store, quick, **options)
    train_leaking(store, quick, **options | {"test_share": 0.3})
    train_leaking(store, quick, **options, source_sha256="other code")
    assert len(trained) == 2 + 3 * 7
    next(tmp_path.glob(files[0].name)).write_text("{")
    with pytest.raises(CacheError, match=f"{files[0].name}: damaged"):
        train_leaking(store, SETTINGS, **options)
