"""Small CNNs over the optical flow from onset to apex, the yardsticks of the field."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import nn

from microexpr.baselines import STSTNetSettings
from microexpr.baselines.base import Description, Descriptors, FaceClip, Floats, TrainingClips
from microexpr.baselines.flow import flow_to_apex
from microexpr.baselines.networks import NetworkSystem, Schedule, Streams, probabilities
from microexpr.baselines.together import FoldNetworks
from microexpr.protocol import Fold
from microexpr.protocol.predictions import ClipPredictions, class_numbers
from microexpr.training.fitting import class_weights
from microexpr.training.fold import seeded

SIZE_PX = 28
EPOCHS = {"code": 800, "paper": 500}
LOCK = Lock()  # torch has one generator of random numbers for all threads


def grey_levels(maps: Floats) -> Floats:
    """Scale each map of a clip, (channels, H, W), to 0 to 255, and round it."""
    low, high = (f(maps, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    span = np.where(high > low, high - low, 1)
    return np.round(255 * (maps - low) / span).astype(np.float32)


class STSTNet(NetworkSystem):
    """STSTNet: a shallow CNN over optical flow and optical strain between onset and apex.

    Liong, Gan, See, Khor and Huang, FG 2019, arXiv:1902.03634. Specified, by the paper and the
    authors' code: inputs (strain by eq. 7), layers, Adam, 500 epochs (paper, main.m) or 800
    (main.py), see ``compare.ststnet``. Inferred: Farnebäck's flow at the size of the crop instead
    of TV-L1; inputs divided by the training clips' root mean square of each map, unless scaled to
    grey levels; clips in a new order in each epoch; the onset is the first frame of the clip. An
    apex that the data set lacks is estimated.
    """

    name = "ststnet"
    frames = 2
    together = 8
    schedule = Schedule(epochs=EPOCHS["code"], batch_clips=256, lr=5e-5)

    def __init__(self, settings: STSTNetSettings, device: str = "cpu") -> None:
        self.version = settings.compare.ststnet
        self.schedule = replace(self.schedule, epochs=EPOCHS[self.version.epochs])
        super().__init__(settings, device)

    def settings(self) -> dict[str, Any]:
        """Return the settings that results depend on."""
        return super().settings() | {"maps": self.version.maps}

    def describe(self, clip: FaceClip) -> Description:
        """Return flow and strain from the first frame to the apex, (3, 28, 28)."""
        found = flow_to_apex(clip, SIZE_PX)
        if self.version.maps == "grey_levels":
            return found._replace(values=grey_levels(found.values)[::-1].copy())
        return found

    def network(self, n_classes: int) -> nn.Module:
        """Make the network: its three streams together are one convolution of 16 filters."""
        filters = 3 + 5 + 8
        return nn.Sequential(
            *(nn.Conv2d(3, filters, 3, padding=2), nn.ReLU(), nn.BatchNorm2d(filters)),
            *(nn.MaxPool2d(3, stride=3, padding=1), nn.Dropout(0.5), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(filters * 5 * 5, n_classes)),
        )

    def statistics(self, values: Floats) -> tuple[Floats, Floats]:
        """Return 0 and the root mean square of each channel: no motion stays 0."""
        squares = np.square(values).mean(axis=(0, 2, 3), keepdims=True)
        if self.version.maps == "grey_levels":
            return np.zeros_like(squares), np.ones_like(squares)
        return np.zeros_like(squares), np.sqrt(squares).clip(min=np.finfo(np.float32).eps)

    def each_epoch(
        self, examples: Descriptors, folds: Sequence[Fold], *, seed: int
    ) -> Iterator[list[ClipPredictions]]:
        """Train a network for each fold, all of them together; yield predictions of each epoch."""
        trainings = [self.training(examples, fold, seed) for fold in folds]
        scales = np.stack([self.statistics(t.values)[1][0] for t in trainings])
        networks = [self._new(training) for training in trainings]
        trained = np.zeros((len(folds), len(examples.clip_ids)), bool)
        for row, fold in zip(trained, folds, strict=True):
            row[list(fold.train)] = True
        classes = class_numbers(examples, self.labels)
        arrays = examples.values, scales[:, :, 0, 0], trained, classes
        inputs, by, members, truth = (torch.from_numpy(x).to(self.device) for x in arrays)
        weights = torch.stack([class_weights(t.classes, t.n_classes) for t in trainings])
        weights = (weights if self.class_weights else torch.ones_like(weights)).to(self.device)
        rngs = [np.random.default_rng(training.seed) for training in trainings]
        group = FoldNetworks(networks, inputs, by, members, rngs)
        optimiser = self.schedule.optimiser_of(group.stacked.values())
        tests = [
            inputs[list(fold.test)] / s[:, None, None] for fold, s in zip(folds, by, strict=True)
        ]
        rng = np.random.default_rng(self.seeds(seed))
        for epoch in range(self.schedule.epochs):
            lost = 0.0
            for part in self.schedule.batches(rng, len(classes)):
                lost += float(group.step(part, truth[part], weights, optimiser).sum())
            self.schedule.check(lost, epoch)
            found = (probabilities(*pair) for pair in zip(networks, tests, strict=True))
            yield [ClipPredictions.of_whole_clips(shares) for shares in found]

    def _new(self, training: TrainingClips) -> nn.Sequential:
        with LOCK, seeded(int(training.seed.generate_state(1)[0]), self.device):
            network = self.network(training.n_classes).to(self.device)
        assert isinstance(network, nn.Sequential)
        return network


class SSSNet(NetworkSystem):
    """SSSNet: a shallow CNN of one stream over optical flow and optical strain.

    Varanka, Peng and Zhao, Electronic Imaging 2021, doi:10.2352/ISSN.2470-1173.2021.11.HVEI-157.
    Specified, by the authors' code (meb): inputs of 64x64, layers, Adam at 0.0001 with weight decay
    0.001, 200 epochs, batches of 256. Inferred: as for STSTNet; inputs minus the training clips'
    mean, over their standard deviation.
    """

    name = "sssnet"
    frames = 2
    size_px = 64
    schedule = Schedule(epochs=200, batch_clips=256, lr=1e-4, weight_decay=1e-3)

    def describe(self, clip: FaceClip) -> Description:
        """Return flow (px) and strain from the first frame to the apex, (3, 64, 64)."""
        return flow_to_apex(clip, self.size_px)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network."""
        left_px = ((self.size_px - 4) // 3 - 2) // 2
        return nn.Sequential(
            # ReLU after pooling gives the same as before it, on fewer values.
            *(nn.Conv2d(3, 32, 5), nn.MaxPool2d(3), nn.ReLU(), nn.BatchNorm2d(32)),
            *(nn.Dropout2d(0.5), nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.BatchNorm2d(64), nn.Dropout2d(0.5), nn.Flatten()),
            *(nn.Linear(64 * left_px**2, 256), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(256, n_classes),
        )


class OFFApexNet(NetworkSystem):
    """OFF-ApexNet: two streams over horizontal and vertical optical flow from onset to apex.

    Gan, Liong, Yau, Huang and Tan, Signal Processing: Image Communication 74, 2019,
    arXiv:1805.08699. Specified: inputs and layers. Inferred: as for STSTNet; ReLU; dropout 0.5
    before each dense layer; Adam at 0.0001, 100 epochs of batches of 128.
    """

    name = "off_apexnet"
    frames = 2
    schedule = Schedule(epochs=100, batch_clips=128, lr=1e-4)

    def describe(self, clip: FaceClip) -> Description:
        """Return the flow from the first frame to the apex, (2, 28, 28), px."""
        found = flow_to_apex(clip, SIZE_PX)
        return found._replace(values=found.values[:2].copy())

    def network(self, n_classes: int) -> nn.Module:
        """Make two streams, joined before the dense layers."""
        return nn.Sequential(
            Streams(self._stream, 2),
            *(nn.Dropout(0.5), nn.Linear(2 * 16 * (SIZE_PX // 4) ** 2, 1024), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Linear(1024, 1024), nn.ReLU()),
            nn.Linear(1024, n_classes),
        )

    @staticmethod
    def _stream() -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(6, 16, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),
            nn.Flatten(),
        )
