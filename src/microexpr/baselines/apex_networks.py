"""Small CNNs over the optical flow from onset to apex, the yardsticks of the field."""

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.flow import flow_to_apex, shrunk, strain
from microexpr.baselines.networks import NetworkSystem, Schedule

SIZE_PX = 28


class STSTNet(NetworkSystem):
    """STSTNet: a shallow CNN over optical flow and optical strain between onset and apex.

    Liong, Gan, See, Khor and Huang, FG 2019, arXiv:1902.03634. Specified, by the paper and the
    authors' code: inputs, layers, Adam, 800 epochs. Inferred: Farnebäck's flow at the size of the
    crop instead of TV-L1; inputs divided by the training clips' standard deviation instead of
    scaled to grey levels; the onset is the first frame of the clip. An apex that the data set lacks
    is estimated.
    """

    name = "ststnet"
    frames = 2
    schedule = Schedule(epochs=800, batch_clips=256, lr=5e-5)

    def describe(self, clip: FaceClip) -> Description:
        """Return flow (px) and strain from the first frame to the apex, (3, 28, 28)."""
        field, note = flow_to_apex(clip)
        maps = np.concatenate([field, strain(field)[None]])
        return Description(shrunk(maps, SIZE_PX), note)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network.

        The three streams read the same input and are concatenated, and all that follows acts on
        each channel alone: together they are one convolution of 16 filters.
        """
        filters = 3 + 5 + 8
        return nn.Sequential(
            *(nn.Conv2d(3, filters, 3, padding=2), nn.ReLU(), nn.BatchNorm2d(filters)),
            *(nn.MaxPool2d(3, stride=3, padding=1), nn.Dropout(0.5), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(filters * 5 * 5, n_classes)),
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
        field, note = flow_to_apex(clip)
        return Description(shrunk(field, SIZE_PX), note)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network."""
        return TwoStreams(n_classes)


class TwoStreams(nn.Module):
    """Two streams, joined before the dense layers; (clips, 2, 28, 28) to logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.horizontal, self.vertical = self._stream(), self._stream()
        self.dense = nn.Sequential(
            *(nn.Dropout(0.5), nn.Linear(2 * 16 * (SIZE_PX // 4) ** 2, 1024), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Linear(1024, 1024), nn.ReLU()),
            nn.Linear(1024, n_classes),
        )

    @staticmethod
    def _stream() -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )

    def forward(self, fields: Tensor) -> Tensor:
        """Classify flow fields."""
        streams = self.horizontal(fields[:, :1]), self.vertical(fields[:, 1:])
        return self.dense(torch.cat(streams, dim=1))
