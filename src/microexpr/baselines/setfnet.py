"""SETFNet: three regions of the face, a 3D CNN each, squeeze and excitation over all of them.

In the spirit of Yao, Xiao, Cao, Chen and Chen, "Micro-expression recognition based on three-stream
3D convolutional network with SE block", ICCEA 2020.

Published: 70.25 % on SMIC; the protocol was not seen.

Specified, by the abstract of the thesis behind it: three streams (left eye and eyebrow, right eye
and eyebrow, mouth), a 3D CNN each, an SE block that weighs the features.

Inferred: squares of 0.9 eye distances, from the detector's five landmarks, those of the eyes
centred 0.15 eye distances above the pupil so that the brow is inside; 24x24 px, 8 frames by
temporal interpolation; in each stream three times Conv3D 3x3x3 (16, 32, 64 filters), BatchNorm,
ReLU, pooling by 2; SE (Hu et al. 2018) with reduction 16 over the joined channels, global average,
dropout 0.5, dense; Adam at 0.001, 20 epochs of batches of 16.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip
from microexpr.baselines.lbp_top import resample
from microexpr.baselines.networks import NetworkSystem, Schedule
from microexpr.errors import DataError

FRAMES, SIZE_PX = 8, 24
SIDE, RAISED = 0.9, 0.15  # of the eye distance
FILTERS = (16, 32, 64)
REDUCTION = 16
REGIONS = 3


class SETFNet(NetworkSystem):
    """Eyes with eyebrows and mouth, as three streams with an SE block."""

    name = "setfnet"
    frames = FRAMES
    schedule = Schedule(epochs=20, batch_clips=16, lr=1e-3)

    def describe(self, clip: FaceClip) -> Description:
        """Cut the three regions, (3, 8, 24, 24), grey levels 0..1."""
        if clip.landmarks_px is None:
            raise DataError(
                f"clip {clip.clip_id}: setfnet needs landmarks, which crop.detector none does not "
                "give: crop with yunet, or leave setfnet out of compare.systems"
            )
        frames = resample(clip.grey(), FRAMES)
        boxes = regions(clip.landmarks_px)
        cut = [[_cut(frame, box) for frame in frames] for box in boxes]
        return Description(np.asarray(cut, dtype=np.float32) / np.float32(255))

    def network(self, n_classes: int) -> nn.Module:
        """Make the network."""
        return Network(n_classes)


def regions(landmarks_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place the squares of right eye, left eye and mouth: centre x, y and side, px, (3, 3).

    The landmarks (5, 2) are right eye, left eye, nose tip, right and left mouth corner.
    """
    right_eye, left_eye, _, *corners = landmarks_px
    distance = np.hypot(*(left_eye - right_eye))
    raised = np.array([0, RAISED * distance])
    centres = [right_eye - raised, left_eye - raised, np.mean(corners, axis=0)]
    return np.array([[*centre, SIDE * distance] for centre in centres])


def _cut(frame: NDArray[np.float32], box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cut a square and scale it; what lies outside the crop repeats its border."""
    x, y, side = box
    scale = SIZE_PX / side
    offset = (SIZE_PX - 1) / 2 - scale * np.array([x, y])
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    # Linear interpolation skips pixels when it shrinks by more than two: blur first.
    smooth = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale) if scale < 0.7 else frame
    size = (SIZE_PX, SIZE_PX)
    square = cv2.warpAffine(smooth, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, dtype=np.float32)


class Network(nn.Module):
    """Three streams, SE, global average, dense; (clips, 3, 8, 24, 24) to logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(self._stream() for _ in range(REGIONS))
        channels = REGIONS * FILTERS[-1]
        self.excitation = nn.Sequential(
            nn.Linear(channels, channels // REDUCTION),
            nn.ReLU(),
            nn.Linear(channels // REDUCTION, channels),
            nn.Sigmoid(),
        )
        self.dense = nn.Sequential(nn.Dropout(0.5), nn.Linear(channels, n_classes))

    @staticmethod
    def _stream() -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in zip((1, *FILTERS), FILTERS, strict=False):
            convolution = nn.Conv3d(before, after, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm3d(after), nn.ReLU(), nn.MaxPool3d(2)]
        return nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips."""
        maps = torch.cat([s(clips[:, [i]]) for i, s in enumerate(self.streams)], dim=1)
        # A weight a channel commutes with the average over its map.
        means = maps.mean(dim=(2, 3, 4))
        return self.dense(means * self.excitation(means))
