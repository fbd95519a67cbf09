"""The optimisation loop: batches of clips, targets, AdamW with two learning rates."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, starmap
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.config import Train
from microexpr.errors import ConfigError
from microexpr.training.feature_modes import FineTunedBlocks, FrameSource
from microexpr.training.model import WindowClassifier
from microexpr.training.windows import WindowTable

BETA_1, BETA_2, EPS = 0.9, 0.999, 1e-8
# The schedule, as in torch: share of the steps in which the rates rise, what divides the peak rate
# at the start and the start's rate at the end, and beta 1 at the lowest and at the highest rate.
RISING, START_DIVISOR, END_DIVISOR = 0.3, 25.0, 1e4
CYCLED_BETA_1 = (0.95, 0.85)


class AdamW:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), bit by bit as in torch.

    ``torch.optim`` imports torch's compiler, which takes seconds: longer than many a fold. `groups`
    are parameters and their peak rate; ``one_cycle`` moves beta 1, too, over `steps`.
    """

    def __init__(
        self,
        groups: Sequence[tuple[Sequence[nn.Parameter], float]],
        weight_decay: float,
        schedule: Literal["one_cycle", "constant"],
        steps: int,
    ) -> None:
        self._groups, self._weight_decay = groups, weight_decay
        self._schedule, self._steps, self._done = schedule, steps, 0
        self._state: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}

    def zero_grad(self) -> None:
        """Remove all gradients."""
        for parameter in chain(*(parameters for parameters, _ in self._groups)):
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters against their gradients, and advance the schedule."""
        for parameters, peak in self._groups:
            lr, beta_1 = peak, BETA_1
            if self._schedule == "one_cycle":
                lr, beta_1 = one_cycle(self._done, self._steps, peak)
            moved = [(p, p.grad, *self._moments(p)) for p in parameters if p.grad is not None]
            if not moved:
                continue
            tensors, gradients, first, second, counts = map(list, zip(*moved, strict=True))
            torch._foreach_add_(counts, 1)
            options: dict[str, Any] = {"weight_decay": self._weight_decay, "eps": EPS}
            options |= {"lr": lr, "beta1": beta_1, "beta2": BETA_2}
            options |= {"amsgrad": False, "maximize": False}
            torch._fused_adamw_(tensors, gradients, first, second, [], counts, **options)
        self._done += 1

    def _moments(self, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return first moment, second moment and the number of steps of a parameter."""
        if p not in self._state:
            count = torch.zeros((), dtype=torch.float32, device=p.device)
            self._state[p] = torch.zeros_like(p), torch.zeros_like(p), count
        return self._state[p]


def one_cycle(step: int, steps: int, peak: float) -> tuple[float, float]:
    """Return learning rate and beta 1 at `step` (from 0) of `steps` (Smith and Topin 2019)."""
    start = peak / START_DIVISOR
    turn, last = RISING * steps - 1, steps - 1
    low, high = CYCLED_BETA_1
    if step <= turn:
        share = step / turn
        return _between(start, peak, share), _between(low, high, share)
    share = (step - turn) / (last - turn)
    return _between(peak, start / END_DIVISOR, share), _between(high, low, share)


def _between(start: float, end: float, share: float) -> float:
    """Return the value on half a cosine from `start` to `end`."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def permuted(classes: np.ndarray, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `classes`, (clips,) int64, with those of the training clips `clips` permuted."""
    changed = classes.copy()
    changed[clips] = rng.permutation(classes[clips])
    return changed


def class_weights(classes: np.ndarray, n_classes: int) -> Tensor:
    """Return inverse frequencies of `classes`, (n_classes,) float32; 0 without a clip; mean 1."""
    counts = np.bincount(classes, minlength=n_classes)
    present, weights = counts > 0, np.zeros(n_classes, np.float32)
    weights[present] = len(classes) / (present.sum() * counts[present])
    return torch.from_numpy(weights)


@dataclass(frozen=True)
class Epoch:
    """Log of one epoch: means over the windows drawn, while the weights change."""

    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Batches:
    """Windows of training clips, in batches of whole clips; each iteration is one epoch."""

    table: WindowTable
    clips: np.ndarray  # (B,) int64; each has a window
    settings: Train
    rng: np.random.Generator  # draws the order of the clips, and windows

    def __len__(self) -> int:
        return math.ceil(len(self.clips) / self.settings.batch_clips)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield rows of windows, (W, N), and the clip of each, (W,), both int64."""
        for batch in np.array_split(self.rng.permutation(self.clips), len(self)):
            rows, owner = self.table.draw(batch, self.settings.windows_per_clip, self.rng)
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
    """Train in place on classes (clips,) of the store, one epoch per item, as long as asked."""
    device = next(classifier.parameters()).device
    groups = [(list(classifier.parameters()), settings.lr)]
    if fine_tuned is not None:
        groups.append((list(fine_tuned.tuned_parameters().values()), settings.lr_fine_tuned))
    steps = settings.epochs * len(batches)
    optimiser = AdamW(groups, settings.weight_decay, settings.schedule, steps)
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
