"""MicroExpSTCNN: a 3D CNN with one convolution over 18 grey frames.

Reddy, Karri, Dubey and Mukherjee, "Spontaneous facial micro-expression recognition using 3D
spatiotemporal convolutional neural networks", IJCNN 2019, arXiv:1904.01390.

Published: 68.75 % on SMIC (22 of 32 clips) on one split of the clips, 80 to 20, with the best epoch
chosen on the tested clips; subjects are on both sides.

Specified, by the paper and the authors' code: 18 grey frames of 64x64 px; minus the mean, over the
maximum; Conv3D 32 filters of 3x3 px and 15 frames, ReLU, max-pooling 3x3x3, dropout 0.5, dense 128,
ReLU, dropout 0.5, dense and soft-max; normal initial weights (sd 0.05); SGD at 0.01 without
momentum; 100 epochs of batches of 16.

Inferred: which 18 frames. The code takes the first 18 in the order of the file system; here they
are the first 18 in time. Shorter clips repeat their last frame (the authors' 156 clips leave out
some; which ones is not said). The last epoch is tested.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.networks import Floats, NetworkSystem, Schedule

FRAMES, SIZE_PX = 18, 64
KERNEL = (15, 3, 3)
POOL = 3
CHUNK_CLIPS = 2  # whose feature maps stay in the processor's cache


class MicroExpSTCNN(NetworkSystem):
    """The first 18 frames, one 3D convolution, two dense layers."""

    name = "micro_exp_stcnn"
    frames = FRAMES
    schedule = Schedule(epochs=100, batch_clips=16, lr=0.01, optimiser="sgd")

    def describe(self, clip: FaceClip) -> Description:
        """Take the first 18 frames, (1, 18, 64, 64), grey levels 0..1."""
        frames = clip.grey(SIZE_PX)[:FRAMES]
        missing = FRAMES - len(frames)
        padded = np.pad(frames, ((0, missing), (0, 0), (0, 0)), mode="edge")
        note = f"last frame repeated {missing} times" if missing else ""
        return Description(padded[None].astype(np.float32) / np.float32(255), note)

    def statistics(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the mean and, of what is left, the maximum of the training clips."""
        mean = values.mean(keepdims=True)
        return mean, (values - mean).max(keepdims=True)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network with normal weights."""
        return Network(n_classes)


class Network(nn.Module):
    """Conv3D, pooling, two dense layers; (clips, 1, 18, 64, 64) to logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(1, 32, KERNEL)
        outputs = [s - k + 1 for s, k in zip((FRAMES, SIZE_PX, SIZE_PX), KERNEL, strict=True)]
        pooled = [size // POOL for size in outputs]
        # What pooling drops at the far ends (1 of 4 frames, 2 of 62 px) is not computed.
        self.used = [p * POOL + k - 1 for p, k in zip(pooled, KERNEL, strict=True)]
        hidden, output = nn.Linear(32 * int(np.prod(pooled)), 128), nn.Linear(128, n_classes)
        self.dense = nn.Sequential(
            nn.Dropout(0.5), nn.Flatten(), hidden, nn.ReLU(), nn.Dropout(0.5), output
        )
        for layer in (self.convolution, hidden, output):
            nn.init.normal_(layer.weight, std=0.05)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips."""
        t, y, x = self.used
        chunks = clips[:, :, :t, :y, :x].split(CHUNK_CLIPS)
        return self.dense(torch.cat([self._pooled(chunk) for chunk in chunks]))

    def _pooled(self, clips: Tensor) -> Tensor:
        # ReLU after pooling gives the same as before it, on 27 times fewer values.
        return nn.functional.max_pool3d(self.convolution(clips), POOL).relu()
