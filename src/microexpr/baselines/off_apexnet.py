"""OFF-ApexNet: two streams over horizontal and vertical optical flow from onset to apex.

Gan, Liong, Yau, Huang and Tan, "OFF-ApexNet on micro-expression recognition system", Signal
Processing: Image Communication 74, 2019, arXiv:1805.08699.

Published: UF1 0.68 and UAR 0.67 on the SMIC part of the MEGC 2019 composite (442 clips of three
data sets, leave one subject out); no accuracy for SMIC.

Specified: flow from onset to apex, 28x28 px, a stream for each component; in each two convolutions
5x5 (6 and 16 filters) with max-pooling 2; concatenation, two dense layers of 1024, dense and
soft-max.

Inferred: Farnebäck's flow at the size of the crop instead of TV-L1; inputs divided by the training
clips' standard deviation; ReLU; dropout 0.5 before each dense layer; Adam at 0.0001, 100 epochs of
batches of 128. The onset is the first frame of the clip, the apex the data set's, where it gives
one, else estimated (:mod:`.apex`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.flow import flow_to_apex, shrunk
from microexpr.baselines.networks import NetworkSystem, Schedule

SIZE_PX = 28
FILTERS = (6, 16)
DENSE = 1024


class OFFApexNet(NetworkSystem):
    """Flow from onset to apex, two convolutional streams, three dense layers."""

    name = "off_apexnet"
    frames = 2
    schedule = Schedule(epochs=100, batch_clips=128, lr=1e-4)

    def describe(self, clip: FaceClip) -> Description:
        """Return the flow from the first frame to the apex, (2, 28, 28), px."""
        field, note = flow_to_apex(clip)
        return Description(shrunk(field, SIZE_PX), note)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network."""
        return Network(n_classes)


class Network(nn.Module):
    """Two streams, joined before the dense layers; (clips, 2, 28, 28) to logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.horizontal, self.vertical = self._stream(), self._stream()
        size = 2 * FILTERS[1] * (SIZE_PX // 4) ** 2
        self.dense = nn.Sequential(
            *(nn.Dropout(0.5), nn.Linear(size, DENSE), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Linear(DENSE, DENSE), nn.ReLU()),
            nn.Linear(DENSE, n_classes),
        )

    @staticmethod
    def _stream() -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(1, FILTERS[0], 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(*FILTERS, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )

    def forward(self, fields: Tensor) -> Tensor:
        """Classify flow fields."""
        streams = self.horizontal(fields[:, :1]), self.vertical(fields[:, 1:])
        return self.dense(torch.cat(streams, dim=1))
