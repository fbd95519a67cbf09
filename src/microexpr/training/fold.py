"""Training one fold: windows drawn from cached frames, one answer a test clip.

Everything that is learnt or measured comes from the training clips: weights, standardisation and
class weights. The last epoch is the one that is tested: none is chosen on test clips.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from microexpr.config import Reading, Train, Windows
from microexpr.errors import DataError, ProtocolError
from microexpr.training.fitting import Batches, Epoch, fit
from microexpr.training.model import Trunk, WindowClassifier
from microexpr.training.readings import FrameReading, pooled_features
from microexpr.training.store import FeatureStore
from microexpr.training.trained import Answers, TrainedModel
from microexpr.training.windows import WindowTable

if TYPE_CHECKING:
    from microexpr.protocol.folds import Fold


@dataclass(frozen=True)
class Recipe:
    """What determines a fold's result besides the features.

    Parameters
    ----------
    labels : tuple of str
        Classes, in order.
    n : int
        Frames of a window.
    reading : {"onset_difference", "raw"}
        See :mod:`microexpr.training.readings`.
    seed : int
        Of initial weights, batches, windows drawn and dropout. N and the fold's name enter the
        generators as well, so folds differ and do not depend on which others are trained.
    windows, train : Windows, Train
        Sections of the configuration; their lists (``n``, ``readings``, ``seeds``) are not read.
    clip_decision : str
        See :func:`microexpr.training.decisions.decide`.
    """

    labels: tuple[str, ...]
    n: int
    reading: Reading
    seed: int
    windows: Windows
    train: Train
    clip_decision: str

    def window_table(self, store: FeatureStore) -> WindowTable:
        """Index the windows of all clips."""
        options = self.windows
        return WindowTable.build(
            store.lengths,
            self.n,
            clip_ids=store.clip_ids,
            modes=options.modes,
            even=options.even,
            short=options.short,
        )


@dataclass(frozen=True)
class FoldResult:
    """Answers for ``fold.test``, in its order; one log entry an epoch; what was learnt."""

    answers: Answers
    log: tuple[Epoch, ...]
    model: TrainedModel


def train_fold(
    store: FeatureStore,
    fold: Fold,
    recipe: Recipe,
    *,
    trunk: Trunk | None = None,
    pooled: Tensor | None = None,
    device: str = "cpu",
) -> FoldResult:
    """Train on a fold's training clips and answer for its test clips.

    The caller sets the number of threads. torch's global generator is seeded inside and restored
    afterwards; on one machine's CPU a repeated run gives the same bits. With ``windows.short``
    drop, clips without a window are not trained on, and get no answer where they are tested.

    Parameters
    ----------
    store : FeatureStore
        Features of all clips.
    fold : Fold
        Clip indices to train on and to test.
    recipe : Recipe
        Settings.
    trunk : Trunk, optional
        Untrained blocks above the cut, on `device`; copied. Without it the store must hold pooled
        features.
    pooled : Tensor, shape (F, C), optional
        ``pooled_features(store, trunk)`` where it is known already: it is the same for all folds.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ProtocolError
        When a clip is in both parts of the fold.
    DataError
        When a label is unknown or no training clip holds a window.
    ConfigError
        When the store holds maps and `trunk` is not given, or the loss is no longer finite.
    """
    if both := set(fold.train) & set(fold.test):
        raise ProtocolError(
            f"fold {fold.name}: clip {store.clip_ids[min(both)]} is in training and in test"
        )
    classes = class_indices(store, recipe.labels)
    table = recipe.window_table(store)
    clips = np.array([clip for clip in fold.train if table.counts[clip]], dtype=np.int64)
    if not len(clips):
        raise DataError(f"fold {fold.name}: no training clip holds a window of {recipe.n} frames")
    pooled = pooled_features(store, trunk, device) if pooled is None else pooled
    numbers = np.random.SeedSequence([recipe.seed, recipe.n, *fold.name.encode()])
    with _seeded(int(numbers.generate_state(1)[0]), device):
        model = _untrained(store, clips, pooled, recipe, trunk=trunk, device=device)
        frames = model.frames(store, pooled)
        log = fit(
            model.classifier,
            frames,
            Batches(table, clips, recipe.train, np.random.default_rng(numbers)),
            torch.from_numpy(classes),
            trunk=model.trunk,
            class_weights=class_weights(classes[clips], len(recipe.labels))
            if recipe.train.class_weights
            else None,
            settings=recipe.train,
        )
    whole = recipe.clip_decision == "whole_clip"
    sequences = [store.rows([clip])[None] if whole else table.of(clip) for clip in fold.test]
    return FoldResult(model.answer(frames, sequences, recipe.clip_decision), tuple(log), model)


def class_indices(store: FeatureStore, labels: Sequence[str]) -> np.ndarray:
    """Number the clips' labels, int64, (clips,).

    Raises
    ------
    DataError
        On a label that is not in `labels`.
    """
    for clip_id, label in zip(store.clip_ids, store.labels, strict=True):
        if label not in labels:
            raise DataError(f"clip {clip_id}: label {label!r} is not in data.labels {list(labels)}")
    return np.array([labels.index(label) for label in store.labels], dtype=np.int64)


def class_weights(classes: np.ndarray, n_classes: int) -> Tensor:
    """Inverse frequencies of the classes, float32; their mean over the clips given is 1.

    Parameters
    ----------
    classes : ndarray, shape (clips,), int64
        Of the training clips only.
    n_classes : int
        Classes; one that does not occur gets weight 0.
    """
    counts = np.bincount(classes, minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes, np.float32)
    weights[present] = len(classes) / (present.sum() * counts[present])
    return torch.from_numpy(weights)


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    devices = [] if device == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _untrained(
    store: FeatureStore,
    clips: np.ndarray,
    pooled: Tensor,
    recipe: Recipe,
    *,
    trunk: Trunk | None,
    device: str,
) -> TrainedModel:
    """Measure the training clips and draw initial weights."""
    rows = torch.from_numpy(store.rows(clips))
    onset = torch.from_numpy(store.onset_row)[rows]
    settings = recipe.train
    reading = FrameReading.fit(
        recipe.reading, pooled[rows], pooled[onset], standardise=settings.standardise
    )
    classifier = WindowClassifier(
        pooled.shape[1],
        len(recipe.labels),
        embed=settings.embed,
        hidden=settings.hidden,
        dropout=settings.dropout,
        readout=settings.readout,
    )
    return TrainedModel(reading, classifier.to(device), copy.deepcopy(trunk))
