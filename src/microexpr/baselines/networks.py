"""Compared systems whose classifier is a small network."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from microexpr.baselines.describing import DescribingSystem, Lesson
from microexpr.baselines.fit import Schedule, fit, probabilities, seeded

log = logging.getLogger(__name__)
# By the rank of the inputs: on a CPU pooling and its gradient are several times faster this way.
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}

Floats = NDArray[np.float32]


class NetworkSystem(DescribingSystem):
    """A network that is trained on each fold's training clips from new random weights.

    Attributes
    ----------
    schedule : Schedule
        Epochs, batch and rate; ``compare.epochs`` replaces the epochs.
    """

    schedule: ClassVar[Schedule]

    @abstractmethod
    def network(self, n_classes: int) -> nn.Module:
        """Make the network with random weights."""

    def statistics(self, values: Floats) -> tuple[Floats, Floats]:
        """Measure shift and scale of the inputs on training clips, (clips, channels, ...).

        Mean and standard deviation of each channel, shaped to broadcast.
        """
        axes = (0, *range(2, values.ndim))
        mean, sd = (f(values, axis=axes, keepdims=True) for f in (np.mean, np.std))
        return mean, np.maximum(sd, np.finfo(np.float32).eps)

    def settings(self) -> dict[str, Any]:
        """Give the settings that results depend on."""
        return super().settings() | {"epochs": self.own_schedule.epochs}

    @property
    def own_schedule(self) -> Schedule:
        """The schedule with ``compare.epochs``, where it is given."""
        return replace(self.schedule, epochs=self.epochs or self.schedule.epochs)

    def learn(self, lesson: Lesson) -> Callable[[Floats], NDArray[np.float64]]:
        """Train a new network; return what takes inputs to probabilities."""
        shift, scale = self.statistics(lesson.values)

        def read(values: Floats) -> Tensor:
            return torch.from_numpy((values - shift) / scale).to(self.device)

        state = lesson.seed.generate_state(1)[0]
        with seeded(int(state), self.device):
            network = self.network(lesson.n_classes).to(  # type: ignore[call-overload]
                self.device,
                memory_format=CHANNELS_LAST[lesson.values.ndim],  # missing in torch's stubs
            )
            losses = fit(
                network,
                read(lesson.values),
                torch.from_numpy(lesson.classes).to(self.device),
                self.own_schedule,
                class_weights=self._weights(lesson) if self.class_weights else None,
                rng=np.random.default_rng(lesson.seed),
            )
        log.info("%s: loss %.3f to %.3f", self.name, losses[0], losses[-1])
        return lambda values: probabilities(network, read(values))

    def _weights(self, lesson: Lesson) -> Tensor:
        """Inverse frequencies in the training clips; 0 for a class that does not occur."""
        present = np.unique(lesson.classes)
        weights = torch.zeros(lesson.n_classes)
        balanced = compute_class_weight("balanced", classes=present, y=lesson.classes)
        weights[present] = torch.from_numpy(balanced).float()
        return weights.to(self.device)
