"""Compared systems whose classifier is a small network, tested after its last epoch."""

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
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
    weight_decay: float = 0.0  # part of the gradient

    def optimiser_of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser."""
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[self.optimiser]
        return kind(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True)

    def batches(self, rng: np.random.Generator, clips: int) -> Iterator[Tensor]:
        """Yield the batches of an epoch: all clips in a new order.

        They are of nearly equal size: BatchNorm has no statistics of a single clip.
        """
        parts = math.ceil(clips / self.batch_clips)
        yield from map(torch.from_numpy, np.array_split(rng.permutation(clips), parts))

    def check(self, loss: float, epoch: int) -> None:
        """Raise a ConfigError if the loss of an epoch, counted from 0, is not finite."""
        if not math.isfinite(loss):
            raise ConfigError(f"the loss is not finite in epoch {epoch + 1} (rate {self.lr:g})")


def fit(
    network: nn.Module,
    inputs: Tensor,
    classes: Tensor,
    schedule: Schedule,
    *,
    class_weights: Tensor | None,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Train in place by cross-entropy; yield the mean loss of each epoch, which must be finite."""
    optimiser = schedule.optimiser_of(network.parameters())
    loss_of = nn.CrossEntropyLoss(class_weights)
    for epoch in range(schedule.epochs):
        lost = 0.0
        network.train()
        for batch in schedule.batches(rng, len(inputs)):
            chosen = batch.to(inputs.device)
            loss = loss_of(network(inputs[chosen]), classes[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            lost += loss.item() * len(batch)
        schedule.check(lost, epoch)
        yield lost / len(inputs)


@torch.no_grad()
def probabilities(network: nn.Module, inputs: Tensor) -> NDArray[np.float64]:
    """Return soft-max probabilities (clips, K) of inputs (clips, ...)."""
    network.eval()
    logits = torch.cat([network(chunk) for chunk in inputs.split(TEST_CLIPS)])
    return logits.double().softmax(1).cpu().numpy()


class Streams(nn.Module):
    """A network of its own for each of some channels; the outputs are joined."""

    def __init__(self, make: Callable[[], nn.Module], channels: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(make() for _ in range(channels))

    def forward(self, clips: Tensor) -> Tensor:
        """Take clips (clips, channels, ...) to what the streams give, side by side."""
        return torch.cat([s(clips[:, [i]]) for i, s in enumerate(self.streams)], dim=1)


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

    def trained(self, training: TrainingClips) -> Iterator[Classifier]:
        """Train a new network; yield it after each epoch, as a function to probabilities."""
        shift, scale = self.statistics(training.values)

        def read(values: Floats) -> Tensor:
            return torch.from_numpy((values - shift) / scale).to(self.device)

        weights = class_weights(training.classes, training.n_classes)
        with seeded(int(training.seed.generate_state(1)[0]), self.device):
            network = self.network(training.n_classes).to(  # type: ignore[call-overload]
                self.device,
                memory_format=CHANNELS_LAST[training.values.ndim],  # missing in torch's stubs
            )
            losses = []
            for loss in fit(
                network,
                read(training.values),
                torch.from_numpy(training.classes).to(self.device),
                self.schedule,
                class_weights=weights.to(self.device) if self.class_weights else None,
                rng=np.random.default_rng(training.seed),
            ):
                losses.append(loss)
                yield lambda values: probabilities(network, read(values))
        log.info("%s: loss %.3f to %.3f", self.name, losses[0], losses[-1])
