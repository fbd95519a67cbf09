"""Learning from some clips: what is measured on them, initial weights, epochs one by one.

Statistics and class weights come from the clips that are learned from, and a guard refuses clips
that the fold tests.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from microexpr.errors import DataError
from microexpr.protocol import Fold, check_trained
from microexpr.training.feature_modes import FeatureTransform, FrameSource, PooledSums
from microexpr.training.fitting import Batches, Epoch, fit
from microexpr.training.model import FineTunedBlocks, WindowClassifier
from microexpr.training.store import FeatureStore
from microexpr.training.trained import Answers, TrainedModel
from microexpr.training.windows import Recipe, WindowTable


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


def permuted(classes: np.ndarray, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the classes of some clips change places: what is then learned says nothing of others.

    Parameters
    ----------
    classes : ndarray, shape (clips,), int64
        Of all clips; copied.
    clips : ndarray, shape (B,), int64
        Training clips of a fold. The other clips, which are tested, keep their class.
    rng : numpy.random.Generator
        Where the permutation comes from.
    """
    changed = classes.copy()
    changed[clips] = rng.permutation(classes[clips])
    return changed


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


@dataclass(frozen=True)
class Material:
    """All clips, in the form in which a fold is learned from and answered.

    Parameters
    ----------
    store : FeatureStore
        Features.
    pooled : PooledSums
        ``pooled_features(store, fine-tuned blocks)``.
    windows : WindowTable
        Windows to learn from.
    fine-tuned blocks : Trunk or None
        Untrained blocks above the cut, on `device`.
    device : str
        ``cpu`` or ``cuda``.
    """

    store: FeatureStore
    pooled: PooledSums
    windows: WindowTable
    fine_tuned: FineTunedBlocks | None
    device: str


@dataclass(frozen=True)
class Learning:
    """A model on its way.

    Parameters
    ----------
    model : TrainedModel
        Changes with each epoch.
    epochs : iterator of Epoch
        Asking for the next entry trains one epoch more.
    """

    model: TrainedModel
    epochs: Iterator[Epoch]
    _frames: FrameSource
    _store: FeatureStore

    def answer(self, table: WindowTable, clips: tuple[int, ...], decision: str) -> Answers:
        """Answer for some clips: from their windows in `table`, or as a whole."""
        whole = decision == "whole_clip"
        sequences = [self._store.rows([c])[None] if whole else table.of(c) for c in clips]
        return self.model.answer(self._frames, sequences, decision)


@contextmanager
def learning(material: Material, fold: Fold, recipe: Recipe) -> Iterator[Learning]:
    """Prepare to learn a fold; torch's global generator is seeded inside and restored.

    Yields
    ------
    Learning

    Raises
    ------
    ProtocolError
        When a clip that the fold tests would be learned from.
    DataError
        When a label is unknown or no training clip holds a window.
    """
    store, counts = material.store, material.windows.counts
    classes = class_indices(store, recipe.labels)
    clips = np.array([clip for clip in fold.train if counts[clip]], dtype=np.int64)
    if not len(clips):
        raise DataError(f"fold {fold.name}: no training clip holds a window of {recipe.n} frames")
    numbers = np.random.SeedSequence([recipe.seed, recipe.n, *fold.name.encode()])
    if recipe.train.permute_labels:
        (order,) = numbers.spawn(1)
        classes = permuted(classes, clips, np.random.default_rng(order))
    with _seeded(int(numbers.generate_state(1)[0]), material.device):
        model, weights = start(material, fold, clips, classes, recipe)
        frames = model.frames(store)
        epochs = fit(
            model.classifier,
            frames,
            Batches(material.windows, clips, recipe.train, np.random.default_rng(numbers)),
            torch.from_numpy(classes),
            fine_tuned=model.fine_tuned,
            class_weights=weights if recipe.train.class_weights else None,
            settings=recipe.train,
        )
        yield Learning(model, epochs, frames, store)


def start(
    material: Material, fold: Fold, clips: np.ndarray, classes: np.ndarray, recipe: Recipe
) -> tuple[TrainedModel, Tensor]:
    """Measure statistics and class weights on some clips, and draw initial weights.

    Parameters
    ----------
    material : Material
        Features of all clips.
    fold : Fold
        Whose training part the clips must belong to.
    clips : ndarray, shape (B,), int64
        What is measured.
    classes : ndarray, shape (clips,), int64
        Class of every clip of the store.
    recipe : Recipe
        Settings.

    Returns
    -------
    TrainedModel, Tensor of shape (K,)

    Raises
    ------
    ProtocolError
        When one of the clips is not in the training part of the fold.
    """
    store, pooled, settings = material.store, material.pooled, recipe.train
    check_trained(fold, clips.tolist(), store.clip_ids)
    transform = FeatureTransform.fit(
        recipe.feature_mode, pooled, clips.tolist(), standardise=settings.standardise
    )
    classifier = WindowClassifier(
        pooled.channels,
        len(recipe.labels),
        embed=settings.embed,
        hidden=settings.hidden,
        dropout=settings.dropout,
        readout=settings.readout,
        head=settings.head,
    )
    model = TrainedModel(
        transform, classifier.to(material.device), copy.deepcopy(material.fine_tuned)
    )
    return model, class_weights(classes[clips], len(recipe.labels))


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    devices = [] if device == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
