"""Training a fold: it finds what is there, uses training clips only, and repeats itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_backbone
from planted import LABELS, loso, planted_store, recipe

from microexpr.config import Train, Windows
from microexpr.errors import ConfigError, DataError, ProtocolError
from microexpr.protocol import Fold
from microexpr.training.feature_modes import FineTunedBlocks
from microexpr.training.fitting import Batches, class_weights
from microexpr.training.fold import train_fold
from microexpr.training.store import FeatureStore


def accuracy(store: FeatureStore, settings, **options) -> float:
    right = []
    for fold in loso(store):
        predicted = train_fold(store, fold, settings, **options).predictions.predicted
        right += [LABELS[k] == store.labels[i] for k, i in zip(predicted, fold.test, strict=True)]
    return sum(right) / len(store)


def changed(store: FeatureStore, clips, **changes) -> FeatureStore:
    """Copy a store with other features or labels of some clips."""
    data = {
        name: changes["features"](array) if i in clips and "features" in changes else array
        for i, (name, array) in enumerate(zip(store.clip_ids, store.data, strict=True))
    }
    labels = [
        changes["label"] if i in clips and "label" in changes else label
        for i, label in enumerate(store.labels)
    ]
    return FeatureStore.from_arrays(data, subjects=store.subjects, labels=labels)


def trained(result) -> dict[str, torch.Tensor]:
    transform = {"shift": result.model.transform.shift, "scale": result.model.transform.scale}
    return result.model.classifier.state_dict() | transform


def same(one, other) -> bool:
    return all(value.equal(trained(other)[name]) for name, value in trained(one).items())


# The last window shows the end of the motion only; a whole clip is longer than what the LSTM was
# trained on. 36 clips, chance 1/3: 0.6 is beyond three standard errors.
@pytest.mark.parametrize(
    ("decision", "least"),
    [("mean_softmax", 0.75), ("majority", 0.75), ("whole_clip", 0.6), ("last_window", 0.6)],
)
def test_planted_motion_is_found_on_subjects_never_seen(decision, least):
    assert accuracy(planted_store(), recipe(clip_decision=decision, epochs=12)) >= least


@pytest.mark.parametrize("readout", ["both_ends", "last_step", "mean"])
def test_every_readout_learns(readout):
    settings = recipe(readout=readout, schedule="constant", epochs=12)
    assert accuracy(planted_store(), settings) >= 0.75


def test_permuted_labels_stay_at_chance():
    assert accuracy(planted_store(permuted=True), recipe()) < 0.6


def test_identity_hides_the_motion_from_raw_features():
    assert accuracy(planted_store(), recipe(feature_mode="raw")) < 0.6


def test_same_seed_repeats_and_other_seeds_folds_and_lengths_differ():
    store = planted_store(3)
    fold, other = loso(store)[:2]
    first = train_fold(store, fold, recipe(epochs=2))
    state = torch.get_rng_state()
    again = train_fold(store, fold, recipe(epochs=2))
    assert torch.get_rng_state().equal(state)  # the caller's generator is left alone
    assert same(first, again)
    assert np.array_equal(first.predictions.probabilities, again.predictions.probabilities)
    assert [e.loss for e in first.log] == [e.loss for e in again.log]
    assert not same(first, train_fold(store, fold, recipe(epochs=2, seed=1)))
    renamed = Fold("elsewhere", fold.train, fold.test)
    assert not same(first, train_fold(store, renamed, recipe(epochs=2)))
    weights = [
        train_fold(store, f, recipe(epochs=1, n=n, lr=1e-12)).model.classifier.state_dict()
        for f, n in ((fold, 7), (other, 7), (fold, 8))
    ]
    drawn = {float(w["embedding.1.weight"].sum()) for w in weights}
    assert len(drawn) == 3  # initial weights depend on the fold and on N


@pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "fine_tuned"])
@pytest.mark.parametrize("feature_mode", ["onset_difference", "raw"])
def test_nothing_is_trained_on_test_clips(feature_mode, tuned):
    store = planted_store(3, shape=(6, 4, 4) if tuned else (24, 1, 1))
    fine_tuned = FineTunedBlocks(small_backbone(), 1) if tuned else None
    fold = loso(store)[0]
    settings = recipe(epochs=2, feature_mode=feature_mode, class_weights=True)
    expected = train_fold(store, fold, settings, fine_tuned=fine_tuned)
    disturbed = changed(store, fold.test, features=lambda x: 50 - 3 * x, label="surprise")
    found = train_fold(disturbed, fold, settings, fine_tuned=fine_tuned)
    assert same(expected, found)
    assert not np.allclose(expected.predictions.probabilities, found.predictions.probabilities)
    disturbed = changed(store, fold.train[:1], features=lambda x: 50 - 3 * x)
    assert not same(expected, train_fold(disturbed, fold, settings, fine_tuned=fine_tuned))


def test_training_moves_fine_tuned_blocks_and_nothing_below():
    store, backbone = planted_store(3, shape=(6, 4, 4)), small_backbone()
    fine_tuned = FineTunedBlocks(backbone, 1)
    before = {k: v.clone() for k, v in fine_tuned.backbone.state_dict().items()}
    result = train_fold(store, loso(store)[0], recipe(epochs=2), fine_tuned=fine_tuned)
    after = result.model.fine_tuned.backbone.state_dict()
    moved = {k for k, v in after.items() if not v.equal(before[k])}
    assert moved == set(fine_tuned.tuned_parameters())
    assert {k.split(".")[1] for k in moved} == {"1", "2"}
    assert all(v.equal(before[k]) for k, v in fine_tuned.backbone.state_dict().items())
    still = train_fold(
        store, loso(store)[0], recipe(epochs=2, lr_fine_tuned=1e-12), fine_tuned=fine_tuned
    )
    for name, value in still.model.fine_tuned.tuned_parameters().items():
        torch.testing.assert_close(value, before[name], atol=1e-5, rtol=0)


def test_fine_tuning_the_blocks_helps():
    store, fine_tuned = planted_store(4, shape=(6, 4, 4)), FineTunedBlocks(small_backbone(), 1)
    still = accuracy(store, recipe(lr_fine_tuned=1e-12), fine_tuned=fine_tuned)
    moved = accuracy(store, recipe(lr_fine_tuned=1e-2), fine_tuned=fine_tuned)
    assert moved >= 0.85
    assert moved > still


def test_class_weights_are_inverse_frequencies():
    weights = class_weights(np.array([0, 0, 0, 1, 3, 3]), 4)
    assert weights.tolist() == pytest.approx([6 / 9, 6 / 3, 0, 6 / 6])
    assert weights[[0, 0, 0, 1, 3, 3]].mean() == pytest.approx(1)


def test_class_weights_raise_the_rare_class():
    store, clips = planted_store(4, permuted=True), np.arange(24)
    positive = [i for i in clips if store.labels[i] == "positive"]
    rare = changed(store, set(clips) - set(positive), label="negative")
    fold = Fold("all", tuple(clips[6:]), tuple(clips[:6]))
    share = {
        weighted: train_fold(rare, fold, recipe(epochs=2, class_weights=weighted))
        .predictions.probabilities[:, 1]
        .mean()
        for weighted in (False, True)
    }
    assert share[True] > share[False]


def test_clips_without_windows_are_left_out_of_training_and_get_no_prediction():
    store = planted_store(3)
    n = int(np.median(store.lengths)) + 1
    fold = loso(store)[0]
    dropped = Windows(short="drop")
    result = train_fold(store, fold, recipe(n=n, windows=dropped, epochs=1))
    short = store.lengths[list(fold.test)] < n
    assert short.any()
    assert not short.all()
    found = result.predictions
    assert np.array_equal(found.n_windows == 0, short)
    assert np.array_equal(found.predicted == -1, short)
    assert np.array_equal(np.isnan(found.probabilities).all(1), short)
    padded = train_fold(store, fold, recipe(n=n, epochs=1)).predictions
    assert padded.n_windows[short].tolist() == [1] * short.sum()
    whole = recipe(n=n, windows=dropped, epochs=1, clip_decision="whole_clip")
    assert (train_fold(store, fold, whole).predictions.predicted >= 0).all()


def test_batches_hold_every_clip_once_an_epoch_in_another_order():
    table = recipe().window_table(planted_store(3))
    clips = np.array([2, 3, 5, 7, 11, 13, 17])
    settings = Train(batch_clips=3, windows_per_clip=2)
    batches = Batches(table, clips, settings, np.random.default_rng(0))
    epochs = [[owners for _, owners in batches] for _ in range(2)]
    for epoch in epochs:
        assert [len(owners.unique()) for owners in epoch] == [3, 2, 2]
        assert sorted(torch.cat(epoch).tolist()) == sorted([*clips, *clips])
    assert not torch.cat(epochs[0]).equal(torch.cat(epochs[1]))
    for rows, owners in batches:
        for window, clip in zip(rows.numpy(), owners, strict=True):
            assert window.tolist() in table.of(clip).tolist()


def test_log_has_an_entry_an_epoch():
    store = planted_store(3)
    log = train_fold(store, loso(store)[0], recipe(epochs=6)).log
    assert len(log) == 6
    assert log[-1].loss < log[0].loss
    assert log[-1].accuracy > log[0].accuracy
    assert all(epoch.seconds > 0 for epoch in log)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_one_cycle_is_defined_for_the_shortest_trainings(epochs):
    store = planted_store(3)
    result = train_fold(store, loso(store)[0], recipe(epochs=epochs, batch_clips=99))
    assert np.isfinite(result.predictions.probabilities).all()


def test_what_cannot_be_trained_is_refused():
    store = planted_store(3)
    with pytest.raises(ProtocolError, match="clip s1_00 is in training and in test"):
        train_fold(store, Fold("f", (0, 1), (0, 2)), recipe())
    with pytest.raises(DataError, match="label 'surprise' is not in"):
        train_fold(store, loso(store)[0], recipe(labels=LABELS[:2]))
    with pytest.raises(DataError, match="no training clip holds a window of 40"):
        train_fold(store, loso(store)[0], recipe(n=40, windows=Windows(short="drop")))
    with pytest.raises(ConfigError, match=r"features\.cut"):
        train_fold(planted_store(3, shape=(6, 4, 4)), loso(store)[0], recipe())
    with pytest.raises(ConfigError, match=r"not finite in epoch 1: lower train\.lr"):
        train_fold(store, loso(store)[0], recipe(lr=1e38, schedule="constant"))
