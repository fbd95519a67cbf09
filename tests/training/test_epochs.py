"""The number of epochs is chosen on training subjects; test clips have no influence."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from planted import loso, planted_store, recipe
from test_fold import changed, same

from microexpr.config import Config
from microexpr.errors import ConfigError, ProtocolError
from microexpr.protocol import Fold, splits
from microexpr.protocol.predictions import class_numbers
from microexpr.stages.train import TrainSettings
from microexpr.training.chunks import recipe_of
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fold import TrainingInputs, choose_epochs, fold_training, train_fold
from microexpr.training.windows import InnerSplit

NESTED = InnerSplit(folds=3, seed=1)


def inputs(store, settings) -> TrainingInputs:
    return TrainingInputs(
        store, pooled_sums(store, None), settings.window_table(store), None, "cpu"
    )


def test_the_chosen_epoch_is_the_best_of_the_inner_subjects():
    store = planted_store(5)
    settings = recipe(choose_epoch=NESTED, epochs=5, lr=0.05, schedule="constant")
    for fold in loso(store)[:2]:
        about = (store.clip_ids, store.subjects, store.labels)
        inner = splits.inner_folds(
            fold, *about, classes=settings.labels, folds=NESTED.folds, seed=NESTED.seed
        )[0]
        assert not {store.subjects[i] for i in inner.test} & {
            store.subjects[i] for i in inner.train
        }
        truth = class_numbers(store, settings.labels)[list(inner.test)]
        rated = []
        for count in range(1, 6):  # each from the start, instead of one training that is watched
            with fold_training(inputs(store, settings), inner, settings) as training:
                assert len(list(islice(training.epochs, count))) == count
                found = training.predict(settings.window_table(store), inner.test)
            likely = np.log(found.probabilities[np.arange(len(truth)), truth]).mean()
            rated.append((np.mean(found.predicted == truth), likely))
        chosen = choose_epochs(inputs(store, settings), fold, settings)
        assert rated[chosen - 1] == pytest.approx(max(rated))


def test_all_training_clips_are_then_trained_on_for_as_many():
    store = planted_store(5)
    fold, settings = loso(store)[0], recipe(choose_epoch=NESTED, epochs=5, lr=0.05)
    chosen = choose_epochs(inputs(store, settings), fold, settings)
    result = train_fold(store, fold, settings)
    assert len(result.log) == chosen
    plain = replace(settings, choose_epoch=None)
    with fold_training(inputs(store, plain), fold, plain) as training:
        log = list(islice(training.epochs, chosen))
        found = training.predict(plain.window_table(store), fold.test)
    assert [epoch.loss for epoch in log] == [epoch.loss for epoch in result.log]
    assert np.array_equal(found.probabilities, result.predictions.probabilities)


def test_the_labelled_sin_is_the_best_epoch_of_the_same_training():
    # Too high a rate: predictions waver from epoch to epoch.
    store, settings = planted_store(5), recipe(epochs=6, lr=0.2, schedule="constant")
    gained = 0
    for fold in loso(store):
        truth = class_numbers(store, settings.labels)[list(fold.test)]
        with fold_training(inputs(store, settings), fold, settings) as training:
            table = settings.window_table(store)
            seen = [training.predict(table, fold.test) for _ in training.epochs]
        right = [int((found.predicted == truth).sum()) for found in seen]
        result = train_fold(store, fold, replace(settings, best_epoch_on_test=True))
        wanted = seen[right.index(max(right))]
        assert np.array_equal(result.predictions.probabilities, wanted.probabilities)
        assert len(result.log) == 6
        honest = train_fold(store, fold, settings).predictions
        assert np.array_equal(honest.probabilities, seen[-1].probabilities)
        gained += max(right) - right[-1]
    assert gained > 0


def test_an_epoch_chosen_on_the_test_needs_a_name_that_says_so():
    values = {"select": {"epoch": "best_epoch_on_test"}}
    settings = TrainSettings.of(Config.parse(values))
    with pytest.raises(ConfigError, match="best_epoch_on_test is no way to choose for pmm;"):
        recipe_of(settings, 9, "pmm")
    assert recipe_of(settings, 9, "pmm-best_epoch_on_test").best_epoch_on_test
    assert not recipe_of(TrainSettings.of(Config()), 9, "pmm").best_epoch_on_test


def test_test_clips_do_not_influence_the_choice():
    store = planted_store(5)
    fold, settings = loso(store)[0], recipe(choose_epoch=NESTED, epochs=4, lr=0.05)
    disturbed = changed(store, fold.test, features=lambda x: 50 - 3 * x, label="surprise")
    first, second = (train_fold(s, fold, settings) for s in (store, disturbed))
    assert len(first.log) == len(second.log)
    assert same(first, second)


def test_a_choice_on_a_test_clip_is_refused(monkeypatch):
    store, settings = planted_store(5), recipe(choose_epoch=NESTED)
    fold = loso(store)[0]
    leaking = Fold("inner", fold.train[6:], (*fold.train[:6], fold.test[0]))
    monkeypatch.setattr(splits, "inner_folds", lambda *_, **__: [leaking])
    with pytest.raises(ProtocolError, match="fold inner: 1 clips are not training clips of"):
        train_fold(store, fold, settings)
