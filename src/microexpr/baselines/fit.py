"""The training loop of the small networks: a fixed number of epochs, the last one is tested."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from microexpr.errors import ConfigError

TEST_CLIPS = 64  # through a network at a time


@dataclass(frozen=True)
class Schedule:
    """How a network learns.

    Parameters
    ----------
    epochs : int
        Passes over the training clips. None is chosen afterwards.
    batch_clips : int
        Clips a step.
    lr : float
        Constant rate.
    optimiser : {"adam", "sgd"}
        ``sgd`` is without momentum.
    weight_decay : float
        L2 penalty, added to the gradient.
    """

    epochs: int
    batch_clips: int
    lr: float
    optimiser: Literal["adam", "sgd"] = "adam"
    weight_decay: float = 0.0


def fit(
    network: nn.Module,
    inputs: Tensor,
    classes: Tensor,
    schedule: Schedule,
    *,
    class_weights: Tensor | None,
    rng: np.random.Generator,
) -> list[float]:
    """Train in place by cross-entropy.

    Parameters
    ----------
    network : nn.Module
        Takes inputs to logits (clips, K).
    inputs : Tensor, shape (clips, ...), float32
        On the network's device.
    classes : Tensor, shape (clips,), int64
        Classes, on the same device.
    schedule : Schedule
        Epochs, batches, optimiser.
    class_weights : Tensor, shape (K,), or None
        Of the cross-entropy.
    rng : numpy.random.Generator
        Order of the clips.

    Returns
    -------
    list of float
        Mean loss of each epoch, while the weights move.

    Raises
    ------
    ConfigError
        When the loss is no longer finite.
    """
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[schedule.optimiser]
    optimiser = kind(
        network.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True
    )
    loss_of = nn.CrossEntropyLoss(class_weights)
    network.train()
    # Batches of nearly equal size: BatchNorm has no statistics of a single clip.
    batches = math.ceil(len(inputs) / schedule.batch_clips)
    losses = []
    for epoch in range(schedule.epochs):
        lost = 0.0
        for batch in np.array_split(rng.permutation(len(inputs)), batches):
            chosen = torch.from_numpy(batch).to(inputs.device)
            loss = loss_of(network(inputs[chosen]), classes[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            lost += loss.item() * len(batch)
        if not math.isfinite(lost):
            raise ConfigError(f"the loss is not finite in epoch {epoch + 1} (rate {schedule.lr:g})")
        losses.append(lost / len(inputs))
    return losses


@torch.no_grad()
def probabilities(network: nn.Module, inputs: Tensor) -> NDArray[np.float64]:
    """Give soft-max probabilities (clips, K) of inputs (clips, ...)."""
    network.eval()
    logits = torch.cat([network(chunk) for chunk in inputs.split(TEST_CLIPS)])
    return logits.double().softmax(1).cpu().numpy()


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch inside the block, and restore the caller's generators afterwards."""
    devices = [] if device == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
