"""Small 3D CNNs over a clip that is cut or resampled to a fixed number of frames."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from microexpr.baselines.base import Description, FaceClip, Floats
from microexpr.baselines.flow import flow, shrunk
from microexpr.baselines.lbp_top import resample
from microexpr.baselines.networks import NetworkSystem, Schedule, Streams


class MicroExpSTCNN(NetworkSystem):
    """MicroExpSTCNN: a 3D CNN with one convolution over 18 grey frames.

    Reddy, Karri, Dubey and Mukherjee, IJCNN 2019, arXiv:1904.01390. Specified, by the paper and the
    authors' code: inputs minus the mean, over the maximum; layers, initial weights, SGD, 100
    epochs. Inferred: the 18 frames are the first in time (the code takes the first in the order of
    the file system); shorter clips repeat their last frame (the authors' 156 clips leave out some;
    which ones is not said). The last epoch is tested.
    """

    name = "micro_exp_stcnn"
    frames = 18
    size_px = 64
    schedule = Schedule(epochs=100, batch_clips=16, lr=0.01, optimiser="sgd")

    def describe(self, clip: FaceClip) -> Description:
        """Take the first 18 frames, (1, 18, 64, 64), grey levels 0..1."""
        frames = clip.grey(self.size_px)[: self.frames]
        missing = self.frames - len(frames)
        padded = np.pad(frames, ((0, missing), (0, 0), (0, 0)), mode="edge")
        note = f"last frame repeated {missing} times" if missing else ""
        return Description(padded[None].astype(np.float32) / np.float32(255), note)

    def statistics(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the mean and, of what is left, the maximum of the training clips."""
        mean = values.mean(keepdims=True)
        return mean, (values - mean).max(keepdims=True)

    def network(self, n_classes: int) -> nn.Module:
        """Make the network with normal weights."""
        return OneConvolution((self.frames, self.size_px, self.size_px), n_classes)


class OneConvolution(nn.Module):
    """Conv3D, pooling, two dense layers; (clips, 1, 18, 64, 64) to logits."""

    kernel = (15, 3, 3)
    pool = 3
    chunk_clips = 2  # whose feature maps stay in the processor's cache

    def __init__(self, shape: tuple[int, int, int], n_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(1, 32, self.kernel)
        pooled = [(s - k + 1) // self.pool for s, k in zip(shape, self.kernel, strict=True)]
        # What pooling drops at the far ends (1 of 4 frames, 2 of 62 px) is not computed.
        self.used = [p * self.pool + k - 1 for p, k in zip(pooled, self.kernel, strict=True)]
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
        chunks = clips[:, :, :t, :y, :x].split(self.chunk_clips)
        return self.dense(torch.cat([self._pooled(chunk) for chunk in chunks]))

    def _pooled(self, clips: Tensor) -> Tensor:
        # ReLU after pooling gives the same as before it, on 27 times fewer values.
        return nn.functional.max_pool3d(self.convolution(clips), self.pool).relu()


class FCNN3D(NetworkSystem):
    """3D-FCNN: three streams of 3D convolutions, over grey frames and over optical flow.

    In the spirit of Li, Wang, See and Liu, Pattern Analysis and Applications 22(4), 2019.
    Specified, by the abstract: a 3D CNN that sees grey frames and optical flow. Inferred, as no
    code and no layer sizes are public: one stream each for grey, horizontal and vertical flow; 8
    frames by temporal interpolation; flow from the first frame to each, at 112 px, because between
    successive frames of a fast camera it is far below the noise; all layers; Adam at 0.001, 20
    epochs.
    """

    name = "fcnn_3d"
    frames = 8
    size_px, flow_size_px = 28, 112
    schedule = Schedule(epochs=20, batch_clips=16, lr=1e-3)

    def describe(self, clip: FaceClip) -> Description:
        """Return grey and flow, (3, 8, 28, 28); flow in px of a 112 px face."""
        resampled = resample(clip.grey(self.flow_size_px), self.frames)
        frames = resampled.round().clip(0, 255).astype(np.uint8)
        fields = [shrunk(flow(frames[0], frame), self.size_px) for frame in frames]
        grey = shrunk(resampled / np.float32(255), self.size_px)
        return Description(np.concatenate([grey[None], np.stack(fields, axis=1)]))

    def network(self, n_classes: int) -> nn.Module:
        """Make three streams, joined before the dense layers."""
        joined = 3 * 32 * (2 * 3 * 3)  # streams, filters, frames and px after pooling twice
        return nn.Sequential(
            *(Streams(self._stream, 3), nn.Dropout(0.5)),
            *(nn.Linear(joined, 128), nn.ReLU(), nn.Linear(128, n_classes)),
        )

    @staticmethod
    def _stream() -> nn.Module:
        return nn.Sequential(
            *(nn.Conv3d(1, 16, 3, padding=1), nn.MaxPool3d((2, 3, 3)), nn.ReLU()),
            *(nn.Conv3d(16, 32, 3, padding=1), nn.MaxPool3d((2, 3, 3)), nn.ReLU()),
            nn.Flatten(),
        )


class SETFNet(NetworkSystem):
    """SETFNet: three regions of the face, a 3D CNN each, squeeze and excitation over all of them.

    In the spirit of Yao, Xiao, Cao, Chen and Chen, ICCEA 2020. Specified, by the abstract of the
    thesis behind it: three streams (left eye and eyebrow, right eye and eyebrow, mouth), a 3D CNN
    each, an SE block that weighs the features. Inferred: squares of 0.9 eye distances from the
    detector's five landmarks, those of the eyes raised so that the brow is inside; 8 frames by
    temporal interpolation; all layers, SE (Hu et al. 2018) with reduction 16; Adam at 0.001, 20
    epochs.
    """

    name = "setfnet"
    frames = 8
    schedule = Schedule(epochs=20, batch_clips=16, lr=1e-3)

    def describe(self, clip: FaceClip) -> Description:
        """Cut the three regions, (3, 8, 24, 24), grey levels 0..1."""
        boxes, frames = regions(clip.landmarks_for(self.name)), resample(clip.grey(), self.frames)
        cut = [[_cut(frame, box) for frame in frames] for box in boxes]
        return Description(np.asarray(cut, dtype=np.float32) / np.float32(255))

    def network(self, n_classes: int) -> nn.Module:
        """Make three streams with an SE block."""
        return Excited(n_classes)


REGION_PX = 24
SIDE, RAISED = 0.9, 0.15  # of the eye distance


def regions(landmarks_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place the squares of right eye, left eye and mouth: centre x, y and side, px, (3, 3)."""
    right_eye, left_eye, _, *corners = landmarks_px
    distance = np.hypot(*(left_eye - right_eye))
    raised = np.array([0, RAISED * distance])
    centres = [right_eye - raised, left_eye - raised, np.mean(corners, axis=0)]
    return np.array([[*centre, SIDE * distance] for centre in centres])


def _cut(frame: Floats, box: NDArray[np.float64]) -> Floats:
    """Cut a square and scale it; what lies outside the crop repeats its border."""
    x, y, side = box
    scale = REGION_PX / side
    offset = (REGION_PX - 1) / 2 - scale * np.array([x, y])
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    # Linear interpolation skips pixels when it shrinks by more than two: blur first.
    smooth = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale) if scale < 0.7 else frame
    size = (REGION_PX, REGION_PX)
    square = cv2.warpAffine(smooth, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, dtype=np.float32)


class Excited(nn.Module):
    """Three streams, SE, global average, dense; (clips, 3, 8, 24, 24) to logits."""

    filters = (16, 32, 64)
    reduction = 16

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.streams = Streams(self._stream, 3)
        channels = 3 * self.filters[-1]
        squeezed = channels // self.reduction
        self.excitation = nn.Sequential(
            *(nn.Linear(channels, squeezed), nn.ReLU()),
            *(nn.Linear(squeezed, channels), nn.Sigmoid()),
        )
        self.dense = nn.Sequential(nn.Dropout(0.5), nn.Linear(channels, n_classes))

    def _stream(self) -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in zip((1, *self.filters), self.filters, strict=False):
            convolution = nn.Conv3d(before, after, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm3d(after), nn.ReLU(), nn.MaxPool3d(2)]
        return nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips."""
        # A weight a channel commutes with the average over its map.
        means = self.streams(clips).mean(dim=(2, 3, 4))
        return self.dense(means * self.excitation(means))
