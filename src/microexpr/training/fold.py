"""Training one fold, and predictions for its test clips.

All that is fitted, measured or chosen comes from training clips; a guard refuses any other clip.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import Fold, check_inner, check_trained
from microexpr.protocol.predictions import BestOnTest, ClipPredictions, class_numbers, quality
from microexpr.training import feature_modes
from microexpr.training.feature_modes import FineTunedBlocks, FrameSource, PooledSums
from microexpr.training.fitting import Batches, Epoch, class_weights, fit, permuted
from microexpr.training.model import TrainedModel, WindowClassifier
from microexpr.training.store import FeatureStore
from microexpr.training.windows import InnerSplit, Recipe, WindowTable


@dataclass(frozen=True)
class TrainingInputs:
    """What all folds are trained on and tested with, on the device ``cpu`` or ``cuda``."""

    store: FeatureStore
    pooled: PooledSums  # pooled_sums(store, fine_tuned)
    windows: WindowTable  # to train on
    fine_tuned: FineTunedBlocks | None  # untrained; copied for each fold
    device: str


@dataclass(frozen=True)
class FoldTraining:
    """A training in progress: each item of `epochs` trains `model` for one more epoch."""

    model: TrainedModel
    epochs: Iterator[Epoch]
    _frames: FrameSource
    _store: FeatureStore
    _recipe: Recipe

    def predict(self, table: WindowTable, clips: tuple[int, ...]) -> ClipPredictions:
        """Predict for some clips from their windows in `table`, or from each clip as a whole."""
        sequences = self._recipe.sequences(self._store, table, clips)
        return self.model.predict(self._frames, sequences, self._recipe.clip_decision)


@contextmanager
def fold_training(inputs: TrainingInputs, fold: Fold, recipe: Recipe) -> Iterator[FoldTraining]:
    """Yield the training of a fold; torch's global generator is seeded inside and restored."""
    store, counts = inputs.store, inputs.windows.counts
    classes = class_numbers(store, recipe.labels)
    clips = np.array([clip for clip in fold.train if counts[clip]], dtype=np.int64)
    if not len(clips):
        raise DataError(f"fold {fold.name}: no training clip holds a window of {recipe.n} frames")
    numbers = np.random.SeedSequence([recipe.seed, recipe.n, *fold.name.encode()])
    if recipe.train.permute_labels:
        (order,) = numbers.spawn(1)
        classes = permuted(classes, clips, np.random.default_rng(order))
    with seeded(int(numbers.generate_state(1)[0]), inputs.device):
        model, weights = initial_model(inputs, fold, clips, classes, recipe)
        frames = model.frames(store)
        epochs = fit(
            model.classifier,
            frames,
            Batches(inputs.windows, clips, recipe.train, np.random.default_rng(numbers)),
            torch.from_numpy(classes),
            fine_tuned=model.fine_tuned,
            class_weights=weights if recipe.train.class_weights else None,
            settings=recipe.train,
        )
        yield FoldTraining(model, epochs, frames, store, recipe)


def initial_model(
    inputs: TrainingInputs, fold: Fold, clips: np.ndarray, classes: np.ndarray, recipe: Recipe
) -> tuple[TrainedModel, Tensor]:
    """Fit transform and class weights (K,) on training `clips` (B,), and draw initial weights."""
    check_trained(fold, clips.tolist(), inputs.store.clip_ids)
    transform = feature_modes.FeatureTransform.fit(
        recipe.feature_mode, inputs.pooled, clips.tolist(), standardise=recipe.train.standardise
    )
    names = ("embed", "hidden", "dropout", "readout", "head")
    options = {name: getattr(recipe.train, name) for name in names}
    classifier = WindowClassifier(len(transform.scale), len(recipe.labels), **options)
    model = TrainedModel(transform, classifier.to(inputs.device), copy.deepcopy(inputs.fine_tuned))
    return model, class_weights(classes[clips], len(recipe.labels))


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch inside the block, and restore the caller's generators afterwards."""
    devices = [] if device == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def split_training(
    store: FeatureStore, fold: Fold, labels: Sequence[str], split: InnerSplit
) -> list[Fold]:
    """Split the training clips of a fold by subject, see `protocol.splits.inner_folds`."""
    # Most trainings choose nothing, and scikit-learn takes longer to import than a fold to train.
    from microexpr.protocol.splits import inner_folds  # noqa: PLC0415

    about = store.clip_ids, store.subjects, store.labels
    return inner_folds(fold, *about, classes=labels, folds=split.folds, seed=split.seed)


def choose_epochs(inputs: TrainingInputs, fold: Fold, recipe: Recipe) -> int:
    """Return ``train.epochs``, or the best epoch of a training on the first inner fold."""
    choice, store = recipe.choose_epoch, inputs.store
    if choice is None:
        return recipe.train.epochs
    inner = split_training(store, fold, recipe.labels, choice)[0]
    check_inner([inner], fold)
    table = recipe.window_table(store)
    truth = class_numbers(store, recipe.labels)[list(inner.test)]
    scores = []
    with fold_training(inputs, inner, recipe) as training:
        for _ in training.epochs:
            found = training.predict(table, inner.test)
            scores.append(quality(truth, found.predicted, found.probabilities))
    return scores.index(max(scores)) + 1


@dataclass(frozen=True)
class FoldResult:
    """Predictions for ``fold.test``, in its order; one log entry per epoch; the trained model."""

    predictions: ClipPredictions
    log: tuple[Epoch, ...]
    model: TrainedModel


def train_fold(
    store: FeatureStore,
    fold: Fold,
    recipe: Recipe,
    *,
    fine_tuned: FineTunedBlocks | None = None,
    pooled: PooledSums | None = None,
    device: str = "cpu",
) -> FoldResult:
    """Train on a fold's training clips and predict for its test clips.

    On one machine's CPU a repeated run gives the same bits, with the same number of threads. With
    ``windows.short: drop``, clips without a window get no prediction. `fine_tuned` are untrained
    blocks above the cut, which maps need; `pooled` is ``pooled_sums(store, fine_tuned)``.
    """
    if both := set(fold.train) & set(fold.test):
        raise ProtocolError(
            f"fold {fold.name}: clip {store.clip_ids[min(both)]} is in training and in test"
        )
    table = recipe.window_table(store)
    pooled = pooled or feature_modes.pooled_sums(store, fine_tuned, device)
    inputs = TrainingInputs(store, pooled, table, fine_tuned, device)
    count = choose_epochs(inputs, fold, recipe)
    seen = BestOnTest(class_numbers(store, recipe.labels)[list(fold.test)])
    log = []
    with fold_training(inputs, fold, recipe) as training:
        for epoch in islice(training.epochs, count):
            log.append(epoch)
            if recipe.best_epoch_on_test:
                seen.see(training.predict(table, fold.test))
        found = seen.best or training.predict(table, fold.test)
    return FoldResult(found, tuple(log), training.model)
