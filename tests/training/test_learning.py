"""What a fold is trained on: guards on training clips, permuted labels, the middle frame."""

from __future__ import annotations

import numpy as np
import pytest
from planted import LABELS, loso, planted_store, recipe

from microexpr.config import Windows
from microexpr.errors import ProtocolError
from microexpr.protocol import Fold
from microexpr.protocol.predictions import class_numbers
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fitting import permuted
from microexpr.training.fold import TrainingInputs, initial_model, train_fold


def halves(store) -> list[Fold]:
    """Test one half of the subjects, then the other."""
    names = list(dict.fromkeys(store.subjects))
    second = {i for i, name in enumerate(store.subjects) if name in names[len(names) // 2 :]}
    first = set(range(len(store))) - second
    return [Fold("a", tuple(first), tuple(second)), Fold("b", tuple(second), tuple(first))]


def right(store, settings) -> np.ndarray:
    found = []
    for fold in halves(store):
        predicted = train_fold(store, fold, settings).predictions.predicted
        found += [LABELS[k] == store.labels[i] for k, i in zip(predicted, fold.test, strict=True)]
    return np.array(found)


def test_statistics_and_class_weights_of_a_tested_clip_are_refused():
    store, settings = planted_store(3), recipe()
    fold, classes = loso(store)[0], class_numbers(store, LABELS)
    pooled = pooled_sums(store, None)
    inputs = TrainingInputs(store, pooled, settings.window_table(store), None, "cpu")
    initial_model(inputs, fold, np.array(fold.train), classes, settings)
    planted = np.array([*fold.train, fold.test[2]])
    with pytest.raises(ProtocolError, match=f"fold s1: clip {store.clip_ids[2]} is not one of"):
        initial_model(inputs, fold, planted, classes, settings)


def test_permutation_moves_training_labels_and_no_others():
    classes, clips = np.arange(12) % 3, np.arange(8)
    changed = permuted(classes, clips, np.random.default_rng(1))
    assert changed[8:].tolist() == classes[8:].tolist()
    assert sorted(changed[:8]) == sorted(classes[:8])
    assert changed[:8].tolist() != classes[:8].tolist()
    assert classes.tolist() == (np.arange(12) % 3).tolist()


def test_permuted_labels_are_within_two_standard_errors_of_chance():
    store = planted_store(8)
    runs = [right(store, recipe(permute_labels=True, seed=s, epochs=4)).mean() for s in range(3)]
    # The runs share their test clips, so their mean is no surer than a run of one.
    standard_error = np.sqrt(1 / 3 * 2 / 3 / len(store))
    assert abs(np.mean(runs) - 1 / 3) <= 2 * standard_error
    assert len(set(runs)) > 1
    assert right(store, recipe(epochs=4)).mean() > 1 / 3 + 4 * standard_error


def test_the_middle_frame_alone_shows_what_does_not_move():
    still = planted_store(8)
    middle = {"windows": Windows(modes=["middle"]), "head": "frame_fc", "epochs": 12}
    chance, standard_error = 1 / 3, np.sqrt(2 / 9 / len(still))
    # The identity is four times larger than the motion, even where that is largest.
    assert right(still, recipe(feature_mode="raw", **middle)).mean() < chance + 3 * standard_error
    # It is the middle frame: the motion is at its peak there, and the onset gives it away.
    assert right(still, recipe(feature_mode="onset_difference", **middle)).mean() > 0.75


def test_seeds_give_other_permutations_and_the_same_seed_the_same():
    store = planted_store(3)
    fold = loso(store)[0]
    settings = [recipe(permute_labels=True, seed=s, epochs=2) for s in (0, 0, 1)]
    shares = [train_fold(store, fold, given).predictions.probabilities for given in settings]
    assert np.array_equal(shares[0], shares[1])
    assert not np.array_equal(shares[0], shares[2])
