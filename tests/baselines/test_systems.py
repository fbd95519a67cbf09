"""Each system finds a planted motion on subjects it has never seen, and nothing in other labels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from planted_faces import LABELS, Planted, accuracy, planted

from microexpr import baselines
from microexpr.baselines.base import DescribingSystem, Descriptors
from microexpr.config import Config
from microexpr.training.store import FeatureStore

pytestmark = pytest.mark.filterwarnings("ignore:magnify.alpha")
DESCRIBING = [name for name in baselines.SYSTEMS if name != baselines.OWN_NETWORK]
# Enough for this data; the systems' own numbers are those of their papers.
EPOCHS = {"micro_exp_stcnn": 20, "ststnet": 400, "sssnet": 30, "off_apexnet": 40}
EPOCHS |= {"fcnn_3d": 10, "setfnet": 10}


def system(name: str) -> DescribingSystem:
    """Make a system as configured, with fewer epochs where it is a network."""
    return baselines.build(name, Config.parse({"compare": {"epochs": EPOCHS.get(name)}}))


@cache
def data() -> Planted:
    return planted()


@cache
def described(name: str) -> Descriptors:
    return data().described(system(name))


@pytest.mark.slow
# 36 clips, chance 1/3: 0.8 lies beyond five standard errors, 0.6 beyond three.
@pytest.mark.parametrize("name", DESCRIBING)
def test_planted_motion_is_found_and_permuted_labels_are_not(name):
    examples, folds = described(name), data().folds()
    found = accuracy(system(name), examples, folds)
    control = accuracy(system(name), replace(examples, labels=data().permuted()), folds)
    assert found >= 0.8
    assert control <= 0.6
    assert found - control >= 0.3


def moving_features(labels: tuple[str, ...]) -> FeatureStore:
    """Make pooled features of the planted clips: a motion along the class, on a faint identity."""
    rng, clips = np.random.default_rng(2), {}
    for clip, subject, label in zip(data().clips, data().subjects, data().labels, strict=True):
        who = np.random.default_rng(int(subject[1:])).normal(0, 0.1, 24)
        profile = np.sin(np.linspace(0, np.pi, len(clip.images)))[:, None]
        motion = 2 * profile * np.eye(24)[LABELS.index(label)]
        frames = who + motion + rng.normal(0, 0.3, (len(clip.images), 24))
        clips[clip.clip_id] = frames.astype(np.float16)[..., None, None]
    return FeatureStore.from_arrays(clips, subjects=data().subjects, labels=labels)


def test_own_network_finds_planted_motion_and_nothing_in_permuted_labels():
    train = {"epochs": 12, "batch_clips": 6, "embed": 16, "hidden": 8, "lr": 0.02}
    own = baselines.build(baselines.OWN_NETWORK, Config.parse({"train": train}))
    folds = data().folds()
    found = accuracy(own, moving_features(data().labels), folds)
    control = accuracy(own, moving_features(data().permuted()), folds)
    assert found >= 0.8
    assert control <= 0.6


@pytest.mark.parametrize("name", ["evm_tim", "hierarchical_lbp_top"])
def test_without_motion_there_is_nothing_to_find(name):
    clips = [replace(c, images=np.repeat(c.images[:1], 16, axis=0)) for c in data().clips]
    still = replace(data(), clips=tuple(clips)).described(system(name))
    assert accuracy(system(name), still, data().folds()) <= 0.6


@pytest.mark.parametrize("name", DESCRIBING)
def test_nothing_is_learnt_from_test_clips(name):
    one, examples = baselines.build(name, Config.parse({"compare": {"epochs": 2}})), described(name)
    fold = data().folds()[0]
    fewer = replace(fold, test=fold.test[:3])
    values = examples.values.copy()
    values[list(fold.test[3:])] *= 0.5
    labels = [label if i in fold.train else "surprise" for i, label in enumerate(examples.labels)]
    disturbed = replace(examples, values=values, labels=tuple(labels))
    expected = one.predict(examples, fewer, seed=0).probabilities
    np.testing.assert_array_equal(one.predict(disturbed, fewer, seed=0).probabilities, expected)
    # Train on other labels, and the predictions change.
    other = replace(examples, labels=data().permuted())
    assert not np.array_equal(one.predict(other, fewer, seed=0).probabilities, expected)


@pytest.mark.parametrize("name", DESCRIBING)
def test_shares_are_shares_and_repeat_with_the_seed(name):
    one, examples = baselines.build(name, Config.parse({"compare": {"epochs": 1}})), described(name)
    fold = data().folds()[1]
    first, again, other = (one.predict(examples, fold, seed=s) for s in (0, 0, 1))
    assert first.probabilities.shape == (len(fold.test), 3)
    assert first.probabilities.sum(axis=1) == pytest.approx(1)
    assert (first.probabilities >= 0).all()
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    np.testing.assert_array_equal(first.predicted, first.probabilities.argmax(axis=1))
    chance = name in EPOCHS
    assert chance != np.array_equal(first.probabilities, other.probabilities)


@pytest.mark.parametrize("name", DESCRIBING)
def test_two_classes_and_class_weights(name):
    config = {"data": {"labels": ["negative", "positive"]}, "train": {"class_weights": True}}
    one = baselines.build(name, Config.parse(config | {"compare": {"epochs": 1}}))
    keep = [i for i, label in enumerate(described(name).labels) if label != "surprise"]
    everything = described(name)
    examples = Descriptors(
        *(tuple(np.array(c)[keep].tolist()) for c in (everything.clip_ids, everything.subjects)),
        labels=tuple(everything.labels[i] for i in keep),
        values=everything.values[keep],
        digest="",
    )
    fold = replace(data(), clips=tuple(keep), subjects=examples.subjects).folds()[0]
    assert one.predict(examples, fold, seed=0).probabilities.shape == (len(fold.test), 2)
