"""3D-FCNN: three streams of 3D convolutions, over grey frames and over optical flow.

In the spirit of Li, Wang, See and Liu, "Micro-expression recognition based on 3D flow convolutional
neural network", Pattern Analysis and Applications 22(4), 2019.

Published: 55.49 % on SMIC (91 of 164 clips), leave one subject out.

Specified, by the abstract: a 3D CNN that sees grey frames and optical flow.

Inferred, as no code and no layer sizes are public: one stream each for grey, horizontal and
vertical flow; 8 frames by temporal interpolation, 28x28 px; flow from the first frame to each, at
112 px, because between successive frames of a fast camera it is far below the noise; in each stream
Conv3D 16 filters 3x3x3, ReLU, pooling, Conv3D 32, ReLU, pooling; concatenation, dropout 0.5, dense
128, dense; Adam at 0.001, 20 epochs of batches of 16.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.flow import flow, shrunk
from microexpr.baselines.lbp_top import resample
from microexpr.baselines.networks import NetworkSystem, Schedule

FRAMES, SIZE_PX, FLOW_SIZE_PX = 8, 28, 112
STREAMS = 3


class FCNN3D(NetworkSystem):
    """Grey, horizontal and vertical flow, a small 3D CNN each."""

    name = "fcnn_3d"
    frames = FRAMES
    schedule = Schedule(epochs=20, batch_clips=16, lr=1e-3)

    def describe(self, clip: FaceClip) -> Description:
        """Return grey and flow, (3, 8, 28, 28); flow in px of a 112 px face."""
        resampled = resample(clip.grey(FLOW_SIZE_PX), FRAMES)
        frames = resampled.round().clip(0, 255).astype(np.uint8)
        fields = [shrunk(flow(frames[0], frame), SIZE_PX) for frame in frames]
        grey = shrunk(resampled / np.float32(255), SIZE_PX)
        return Description(np.concatenate([grey[None], np.stack(fields, axis=1)]))

    def network(self, n_classes: int) -> nn.Module:
        """Make the network."""
        return Network(n_classes)


class Network(nn.Module):
    """Three streams, joined before the dense layers; (clips, 3, 8, 28, 28) to logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(self._stream() for _ in range(STREAMS))
        with torch.no_grad():
            size = self._joined(torch.zeros(1, STREAMS, FRAMES, SIZE_PX, SIZE_PX)).shape[1]
        self.dense = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(size, 128), nn.ReLU(), nn.Linear(128, n_classes)
        )

    @staticmethod
    def _stream() -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(1, 16, 3, padding=1),
            nn.MaxPool3d((2, 3, 3)),
            nn.ReLU(),
            nn.Conv3d(16, 32, 3, padding=1),
            nn.MaxPool3d((2, 3, 3)),
            nn.ReLU(),
            nn.Flatten(),
        )

    def _joined(self, clips: Tensor) -> Tensor:
        return torch.cat([s(clips[:, [i]]) for i, s in enumerate(self.streams)], dim=1)

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips."""
        return self.dense(self._joined(clips))
