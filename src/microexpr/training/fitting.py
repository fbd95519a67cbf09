"""The optimisation loop: batches of clips, two learning rates, one log entry an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.config import Train
from microexpr.errors import ConfigError
from microexpr.training.model import Trunk, WindowClassifier
from microexpr.training.optimiser import AdamW, Group
from microexpr.training.readings import FrameSource
from microexpr.training.windows import WindowTable


@dataclass(frozen=True)
class Epoch:
    """One pass over the training clips: mean over the windows drawn, while the weights move."""

    loss: float
    accuracy: float
    seconds: float


class Batches:
    """Training windows, in batches of whole clips; each iteration is one epoch.

    Parameters
    ----------
    table : WindowTable
        Windows of all clips.
    clips : ndarray, shape (clips,), int64
        Clips to train on; each has a window.
    settings : Train
        ``batch_clips`` and ``windows_per_clip``.
    rng : numpy.random.Generator
        Order of the clips, and windows drawn.
    """

    def __init__(
        self, table: WindowTable, clips: np.ndarray, settings: Train, rng: np.random.Generator
    ) -> None:
        self._table, self._clips, self._settings, self._rng = table, clips, settings, rng

    def __len__(self) -> int:
        return math.ceil(len(self._clips) / self._settings.batch_clips)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield rows of windows, (W, N), and the clip of each, (W,), both int64."""
        per_clip = self._settings.windows_per_clip
        for batch in np.array_split(self._rng.permutation(self._clips), len(self)):
            rows, owner = self._table.draw(batch, per_clip, self._rng)
            yield torch.from_numpy(rows), torch.from_numpy(batch[owner])


def fit(
    classifier: WindowClassifier,
    frames: FrameSource,
    batches: Batches,
    classes: Tensor,
    *,
    trunk: Trunk | None,
    class_weights: Tensor | None,
    settings: Train,
) -> Iterator[Epoch]:
    """Train in place, one epoch whenever the next entry of the log is asked for.

    Who stops asking stops the training there; the rates follow the schedule of all epochs.

    Parameters
    ----------
    classifier : WindowClassifier
        New layers; they learn at ``settings.lr``.
    frames : FrameSource
        Gives the frames of a batch.
    batches : Batches
        Gives the windows of an epoch.
    classes : Tensor, shape (clips,), int64
        Class of every clip of the store.
    trunk : Trunk or None
        Retrained blocks that `frames` uses; they learn at ``settings.lr_trunk``.
    class_weights : Tensor, shape (K,), or None
        Weights of the cross-entropy.
    settings : Train
        Section of the configuration.

    Yields
    ------
    Epoch

    Raises
    ------
    ConfigError
        When the loss is no longer finite.
    """
    device = next(classifier.parameters()).device
    optimiser = _optimiser(classifier, trunk, settings, settings.epochs * len(batches))
    loss_of = nn.CrossEntropyLoss(None if class_weights is None else class_weights.to(device))
    for epoch in range(settings.epochs):
        classifier.train()
        if trunk is not None:
            trunk.train()
        start, seen, lost, right = time.perf_counter(), 0, 0.0, 0
        for windows, clips in starmap(classifier.examples, batches):
            rows, index = torch.unique(windows, return_inverse=True)
            target = classes[clips].to(device)
            logits = classifier(frames(rows), index.to(device))
            loss = loss_of(logits, target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen += len(target)
            lost += loss.item() * len(target)
            right += int((logits.argmax(1) == target).sum())
        if not math.isfinite(lost):
            raise ConfigError(
                f"the loss is not finite in epoch {epoch + 1}: lower train.lr {settings.lr} "
                f"or train.lr_trunk {settings.lr_trunk}"
            )
        yield Epoch(lost / seen, right / seen, time.perf_counter() - start)


def _optimiser(
    classifier: WindowClassifier, trunk: Trunk | None, settings: Train, steps: int
) -> AdamW:
    groups = [Group(list(classifier.parameters()), settings.lr)]
    if trunk is not None:
        groups.append(Group(trunk.retrained(), settings.lr_trunk))
    return AdamW(
        groups, weight_decay=settings.weight_decay, schedule=settings.schedule, steps=steps
    )
