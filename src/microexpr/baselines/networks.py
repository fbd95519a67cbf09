"""Compared systems whose classifier is a small network, tested after its last epoch."""

import logging
import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from microexpr.baselines import SystemSettings
from microexpr.baselines.base import Classifier, DescribingSystem, Floats, TrainingClips
from microexpr.errors import ConfigError
from microexpr.training.fitting import class_weights
from microexpr.training.fold import seeded

log = logging.getLogger(__name__)
TEST_CLIPS = 64  # through a network at a time


@dataclass(frozen=True)
class Schedule:
    """How a network is trained."""

    epochs: int  # none is chosen afterwards
    batch_clips: int  # per step
    lr: float  # constant
    optimiser: Literal["adam", "sgd"] = "adam"  # sgd is without momentum


def fit(
    network: nn.Module,
    inputs: Tensor,
    classes: Tensor,
    schedule: Schedule,
    *,
    class_weights: Tensor | None,
    rng: np.random.Generator,
) -> list[float]:
    """Train in place by cross-entropy; return the mean loss of each epoch, which must be finite."""
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[schedule.optimiser]
    optimiser = kind(network.parameters(), lr=schedule.lr, fused=True)
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
    """Return soft-max probabilities (clips, K) of inputs (clips, ...)."""
    network.eval()
    logits = torch.cat([network(chunk) for chunk in inputs.split(TEST_CLIPS)])
    return logits.double().softmax(1).cpu().numpy()


# By the rank of the inputs: on a CPU pooling and its gradient are several times faster this way.
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


class NetworkSystem(DescribingSystem):
    """A network that is trained on each fold's training clips from new random weights."""

    schedule: Schedule  # ``compare.epochs`` replaces its epochs

    def __init__(self, settings: SystemSettings, device: str = "cpu") -> None:
        super().__init__(settings, device)
        self.epochs = self.epochs or self.schedule.epochs
        self.schedule = replace(self.schedule, epochs=self.epochs)

    @abstractmethod
    def network(self, n_classes: int) -> nn.Module:
        """Make the network with random weights."""

    def statistics(self, values: Floats) -> tuple[Floats, Floats]:
        """Return mean and sd of each channel of clips (clips, channels, ...), to broadcast."""
        axes = (0, *range(2, values.ndim))
        mean, sd = (f(values, axis=axes, keepdims=True) for f in (np.mean, np.std))
        return mean, np.maximum(sd, np.finfo(np.float32).eps)

    def train(self, training: TrainingClips) -> Classifier:
        """Train a new network; return a function from inputs to probabilities."""
        shift, scale = self.statistics(training.values)

        def read(values: Floats) -> Tensor:
            return torch.from_numpy((values - shift) / scale).to(self.device)

        weights = class_weights(training.classes, training.n_classes)
        state = training.seed.generate_state(1)[0]
        with seeded(int(state), self.device):
            network = self.network(training.n_classes).to(  # type: ignore[call-overload]
                self.device,
                memory_format=CHANNELS_LAST[training.values.ndim],  # missing in torch's stubs
            )
            losses = fit(
                network,
                read(training.values),
                torch.from_numpy(training.classes).to(self.device),
                self.schedule,
                class_weights=weights.to(self.device) if self.class_weights else None,
                rng=np.random.default_rng(training.seed),
            )
        log.info("%s: loss %.3f to %.3f", self.name, losses[0], losses[-1])
        return lambda values: probabilities(network, read(values))
