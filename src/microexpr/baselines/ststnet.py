"""STSTNet: a shallow CNN over optical flow and optical strain between onset and apex.

Liong, Gan, See, Khor and Huang, "Shallow triple stream three-dimensional CNN (STSTNet) for
micro-expression recognition", FG 2019, arXiv:1902.03634.

Published: UF1 0.68 and UAR 0.7013 on the SMIC part of the MEGC 2019 composite (442 clips of three
data sets, leave one subject out); no accuracy for SMIC.

Specified, by the paper and the authors' code: horizontal flow, vertical flow and strain from onset
to apex, 28x28x3; convolutions 3x3 (padding 2) with 3, 5 and 8 filters, each over all three
channels; ReLU, BatchNorm, max-pooling 3 (stride 3, padding 1), dropout 0.5; average pooling 2,
dense of 400; Adam at 0.00005, 800 epochs of batches of 256.

Inferred: Farnebäck's flow at the size of the crop instead of TV-L1; inputs divided by the training
clips' standard deviation instead of scaled to grey levels; the onset is the first frame of the
clip. The apex is the data set's, where it gives one, else estimated (:mod:`.apex`).
"""

from __future__ import annotations

import numpy as np
from torch import nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.flow import flow_to_apex, shrunk, strain
from microexpr.baselines.networks import NetworkSystem, Schedule

SIZE_PX = 28
FILTERS = 3 + 5 + 8


class STSTNet(NetworkSystem):
    """Flow and strain from onset to apex, one convolution, one dense layer."""

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
        return nn.Sequential(
            nn.Conv2d(3, FILTERS, 3, padding=2),
            nn.ReLU(),
            nn.BatchNorm2d(FILTERS),
            nn.MaxPool2d(3, stride=3, padding=1),
            nn.Dropout(0.5),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(FILTERS * 5 * 5, n_classes),
        )
