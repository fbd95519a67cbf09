"""AdamW (Loshchilov and Hutter 2019) under a one-cycle schedule (Smith and Topin 2019).

It is torch's own kernel, and tests hold it to ``torch.optim`` bit by bit. What it goes without is
the class around it: that imports torch's compiler, which takes longer than three folds of pooled
features take to train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

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
