"""One similarity transform per clip: one per frame would add the jitter of the detector."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from microexpr.config import Crop
from microexpr.errors import DataError
from microexpr.face.detection import Detection


@dataclass(frozen=True)
class CropTransform:
    """The similarity transform of a clip."""

    matrix: np.ndarray  # (2, 3) float64: maps a pixel of the frame to a pixel of the crop
    size_px: int  # side of the square crop

    @property
    def scale(self) -> float:
        """Crop pixels per frame pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    def outside(self, height_px: int, width_px: int) -> float:
        """Return the share of the crop outside a frame of this size; there the edge is repeated."""
        frame = np.full((height_px, width_px), 255, np.uint8)
        size = (self.size_px, self.size_px)
        inside = cv2.warpAffine(frame, self.matrix, size, flags=cv2.INTER_NEAREST)
        return 1 - float(np.count_nonzero(inside)) / inside.size

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Warp frames (T, y, x, 3) uint8 to crops (T, size_px, size_px, 3) uint8."""
        # Where the crop is coarser than the frame, fine detail would alias.
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
        """Map points (n, 2) of the frame to the crop."""
        return landmarks @ self.matrix[:, :2].T + self.matrix[:, 2]


def face_transform(
    detections: Sequence[Detection], *, size_px: int, margin: float, level_eyes: bool
) -> CropTransform:
    """Return one transform from the median of detections, which ignores single outliers.

    The crop is 1 + `margin` times as wide as the larger side of the box. To level the eyes, it is
    rotated about the centre of the box.
    """
    x, y, width, height = np.median([d.box for d in detections], axis=0)
    right_eye, left_eye = np.median([d.landmarks[:2] for d in detections], axis=0)
    across = left_eye - right_eye
    angle = np.degrees(np.arctan2(across[1], across[0])) if level_eyes else 0.0
    scale = size_px / (max(width, height) * (1 + margin))
    center = (float(x + width / 2), float(y + height / 2))
    matrix: np.ndarray = cv2.getRotationMatrix2D(center, float(angle), float(scale))
    matrix[:, 2] += (size_px - 1) / 2 - np.array(center)
    return CropTransform(matrix, size_px)


def whole_frame_transform(height_px: int, width_px: int, size_px: int) -> CropTransform:
    """Return the transform of a frame that is a face crop already; its shape is kept."""
    scale = size_px / max(height_px, width_px)
    center = np.array([width_px - 1, height_px - 1]) / 2
    shift = (size_px - 1) / 2 - scale * center
    return CropTransform(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size_px)


def clip_transform(
    clip_id: str, shape: tuple[int, ...], found: list[Detection], settings: Crop
) -> CropTransform:
    """Return the transform of a clip by the face `found` in its first frames (T, y, x, 3)."""
    if settings.detector == "none":
        return whole_frame_transform(shape[1], shape[2], settings.size_px)
    if not found:
        raise DataError(
            f"clip {clip_id}: no face in frames 0-{shape[0] - 1} "
            f"(crop.first_frames {settings.first_frames}, crop.min_score {settings.min_score})"
        )
    return face_transform(
        found, size_px=settings.size_px, margin=settings.margin, level_eyes=settings.level_eyes
    )


class JitterMeter:
    """Residual motion of the whole crop from frame to frame (Lucas and Kanade 1981, one window).

    Accurate to a few hundredths of a pixel for steps below about one pixel; larger steps are
    underestimated, but still appear large.
    """

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._steps: list[float] = []

    def add(self, crops: np.ndarray) -> None:
        """Add consecutive crops (T, y, x, 3) uint8."""
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
    # Least squares by the pseudo-inverse: a crop without texture gets no motion, not infinite.
    return np.linalg.pinv(gradient @ gradient.T) @ (gradient @ (before - after).ravel())
