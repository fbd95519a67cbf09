"""The optimisation loop: batches of clips, two learning rates, one log entry an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.config import Train
from microexpr.errors import ConfigError
from microexpr.training.feature_modes import FrameSource
from microexpr.training.model import FineTunedBlocks, WindowClassifier
from microexpr.training.windows import WindowTable

BETA_1, BETA_2, EPS = 0.9, 0.999, 1e-8
# The schedule's, as in torch: the share of the steps that the rates rise, by how much they have
# been divided at the start and at the end, and beta 1 at the lowest and at the highest rate.
RISING, START_DIVISOR, END_DIVISOR = 0.3, 25.0, 1e4
CYCLED_BETA_1 = (0.95, 0.85)


class Group(NamedTuple):
    """Parameters that learn at one peak rate."""

    parameters: Sequence[nn.Parameter]
    lr: float


class AdamW:
    """The optimiser of one training.

    Parameters
    ----------
    groups : sequence of Group
        Parameters without a gradient are left alone.
    weight_decay : float
        Decoupled, times the rate.
    schedule : {"one_cycle", "constant"}
        Of the rates, and with ``one_cycle`` of beta 1.
    steps : int
        Of the whole training.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        weight_decay: float,
        schedule: Literal["one_cycle", "constant"],
        steps: int,
    ) -> None:
        self._groups, self._weight_decay = groups, weight_decay
        self._schedule, self._steps, self._done = schedule, steps, 0
        self._state: dict[nn.Parameter, tuple[Tensor, Tensor, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self._groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters against their gradients; the schedule moves on."""
        for group in self._groups:
            lr, beta_1 = group.lr, BETA_1
            if self._schedule == "one_cycle":
                lr, beta_1 = one_cycle(self._done, self._steps, group.lr)
            moved = [p for p in group.parameters if p.grad is not None]
            if not moved:
                continue
            state = [self._moments(parameter) for parameter in moved]
            first, second, counts = (list(part) for part in zip(*state, strict=True))
            torch._foreach_add_(counts, 1)
            torch._fused_adamw_(
                moved,
                [parameter.grad for parameter in moved],
                first,
                second,
                [],
                counts,
                lr=lr,
                beta1=beta_1,
                beta2=BETA_2,
                weight_decay=self._weight_decay,
                eps=EPS,
                amsgrad=False,
                maximize=False,
            )
        self._done += 1

    def _moments(self, parameter: nn.Parameter) -> tuple[Tensor, Tensor, Tensor]:
        """First and second moment, and how many steps they have seen."""
        if parameter not in self._state:
            count = torch.zeros((), dtype=torch.float32, device=parameter.device)
            self._state[parameter] = torch.zeros_like(parameter), torch.zeros_like(parameter), count
        return self._state[parameter]


def one_cycle(step: int, steps: int, peak: float) -> tuple[float, float]:
    """Rate and beta 1 at a step: both follow half a cosine up to the peak, then one down.

    Parameters
    ----------
    step, steps : int
        Which, from 0, of how many.
    peak : float
        Highest rate.
    """
    start = peak / START_DIVISOR
    turn, last = RISING * steps - 1, steps - 1
    low, high = CYCLED_BETA_1
    if step <= turn:
        share = step / turn
        return _between(start, peak, share), _between(low, high, share)
    share = (step - turn) / (last - turn)
    return _between(peak, start / END_DIVISOR, share), _between(high, low, share)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


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
    fine_tuned: FineTunedBlocks | None,
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
    fine-tuned blocks : Trunk or None
        Retrained blocks that `frames` uses; they learn at ``settings.lr_fine_tuned``.
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
    optimiser = _optimiser(classifier, fine_tuned, settings, settings.epochs * len(batches))
    loss_of = nn.CrossEntropyLoss(None if class_weights is None else class_weights.to(device))
    for epoch in range(settings.epochs):
        classifier.train()
        if fine_tuned is not None:
            fine_tuned.train()
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
                f"or train.lr_fine_tuned {settings.lr_fine_tuned}"
            )
        yield Epoch(lost / seen, right / seen, time.perf_counter() - start)


def _optimiser(
    classifier: WindowClassifier, fine_tuned: FineTunedBlocks | None, settings: Train, steps: int
) -> AdamW:
    groups = [Group(list(classifier.parameters()), settings.lr)]
    if fine_tuned is not None:
        groups.append(Group(fine_tuned.retrained(), settings.lr_fine_tuned))
    return AdamW(
        groups, weight_decay=settings.weight_decay, schedule=settings.schedule, steps=steps
    )
