"""The table of the ablation: right numbers, paired tests, the poster's figures beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microexpr.config import Config, Evaluate
from microexpr.errors import DataError, ProtocolError
from microexpr.evaluation.metrics import holm
from microexpr.protocol.splits import make_folds
from microexpr.studies import ablation
from microexpr.studies.tables import ABLATION, ablation_table
from simulated import CLASSES, basis, columns, manifest, predicted

CONFIG = Config.parse(
    {
        "ablation": {
            "weights": {
                "imagenet": {"features": {"backbone": "efficientnet_lite0_imagenet", "cut": 16}},
                "random": {"features": {"backbone": "random_mobilenet"}},
            },
            "blocks": {"retrained": {"features": {"cut": 6}, "train": {"epochs": 3}}},
        }
    }
)
SETTINGS = ablation.AblationSettings.of(CONFIG)
WEIGHTS = {
    ("mobilenet_vggface2", 13): "0f" * 32,
    ("mobilenet_vggface2", 6): "0f" * 32,
    ("efficientnet_lite0_imagenet", 16): "aa" * 32,
    ("random_mobilenet", 13): "bb" * 32,
}
SKILL = {"default": 0.9, "magnification": 0.5, "head": 0.9, "feature_mode": 0.4}


@pytest.fixture(scope="module")
def clips():
    return manifest(8)


@pytest.fixture(scope="module")
def frame(clips):
    folds = make_folds(*columns(clips), name="loso", classes=CLASSES)
    runs = []
    for number, row in enumerate(ablation.rows(SETTINGS)):
        method, feature_mode, n = row.system
        skill = SKILL.get(row.factor, 0.6)
        made = predicted(clips, folds, lambda _, skill=skill: skill, n=100 + number, method=method)
        runs.append(made.assign(n=n, feature_mode=feature_mode))
    return pd.concat(runs, ignore_index=True)


def table(frame, clips, weights=WEIGHTS):
    return ablation_table(
        frame,
        basis(clips, statistics=Evaluate(draws=200)),
        ablation.rows(SETTINGS),
        weights=weights,
    )


def test_rows_are_the_default_and_one_factor_at_a_time(frame, clips):
    found = table(frame, clips)
    assert list(found) == ABLATION
    assert list(zip(found["factor"], found["level"], strict=True)) == [
        ("default", ""),
        *(("magnification", level) for level in ("none", "filter_only", "amm")),
        ("head", "frame_fc"),
        ("feature_mode", "raw"),
        ("weights", "imagenet"),
        ("weights", "random"),
        ("blocks", "retrained"),
    ]
    for row in found.itertuples():
        differing = [f for f in ablation.FACTORS if getattr(row, f) != found.loc[0, f]]
        assert differing == ([] if row.factor == "default" else [row.factor])


def test_accuracies_differences_and_tests_are_those_of_the_predictions(frame, clips):
    found = table(frame, clips)
    right = (frame["predicted"] == frame["label"]).groupby(
        [frame["method"], frame["feature_mode"], frame["clip_id"]]
    )
    right = right.first()
    own = right["pmm", "onset_difference"]
    for row, spec in zip(found.itertuples(), ablation.rows(SETTINGS), strict=True):
        mine = right[spec.system[:2]]
        assert row.accuracy == pytest.approx(mine.mean())
        assert row.accuracy_low <= row.accuracy <= row.accuracy_high
        if row.factor != "default":
            assert row.difference == pytest.approx(mine.mean() - own.mean())
            assert row.difference_low <= row.difference <= row.difference_high
            assert (row.b, row.c) == ((mine & ~own).sum(), (own & ~mine).sum())
    assert list(found["p_holm"][1:]) == pytest.approx(list(holm(found["p"][1:])))
    assert found.loc[0, ["difference", "b", "p", "p_holm"]].isna().all()
    worse = found.set_index("level").loc["raw"]
    assert worse["difference_high"] < 0
    assert worse["p"] < 0.05
    assert {"uf1", "uf1_low", "uar", "uar_high"} <= set(found)


def test_rows_say_what_was_changed_and_which_weights_were_used(frame, clips):
    found = table(frame, clips).set_index("level")
    assert found.loc["retrained", "changes"] == '{"features": {"cut": 6}, "train": {"epochs": 3}}'
    assert tuple(found.loc["retrained", ["backbone", "cut"]]) == ("mobilenet_vggface2", 6)
    assert tuple(found.loc["imagenet", ["backbone", "cut", "weights_sha256"]]) == (
        *("efficientnet_lite0_imagenet", 16),
        "aa" * 32,
    )
    assert set(found["protocol"]) == {"loso"}
    assert set(found["data"]) == {"synthetic"}
    assert set(found["clips"]) == {48}


def test_the_posters_figures_stand_apart_as_published(frame, clips):
    found = table(frame, clips)
    printed = found[found["poster_accuracy"] != ""].set_index(["factor", "level"])
    assert printed["poster_accuracy"].to_dict() == {
        ("default", ""): "75.76 %",
        ("magnification", "none"): "60.60 %",
        ("head", "frame_fc"): "41.9 %",
        ("weights", "imagenet"): "37.9 %",
    }
    assert set(printed["poster_note"]) == {"as published, another protocol"}
    assert set(found.loc[found["poster_accuracy"] == "", "poster_note"]) == {""}


def test_what_is_missing_or_not_comparable_is_refused(frame, clips):
    with pytest.raises(
        DataError, match="lack method pmm-imagenet, feature mode onset_difference, n 14"
    ):
        table(frame[frame["method"] != "pmm-imagenet"], clips)
    with pytest.raises(DataError, match="no cache of features of random_mobilenet, cut 13"):
        table(frame, clips, {k: v for k, v in WEIGHTS.items() if k[0] != "random_mobilenet"})
    seeds = np.where(frame["method"] == "pmm-imagenet", 1, 0)
    with pytest.raises(ProtocolError, match="seeds"):
        table(frame.assign(seed=seeds), clips)
    with pytest.raises(ProtocolError, match="6 clips have no row, first s3_ne_01"):
        table(frame[(frame["method"] != "amm") | (frame["subject"] != "s3")], clips)
