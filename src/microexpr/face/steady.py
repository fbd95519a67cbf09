"""How a face moves as a whole, frame by frame: what is taken away before its motion is magnified.

The hand that holds the camera and the head move by pixels, an expression by tenths of a pixel.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from microexpr.face.detection import FaceDetector

SEARCHED = 5  # frames at the start in which a face is looked for
MAX_POINTS = 300
QUALITY = 0.005  # weakest point that is followed, of the strongest
WINDOW_PX = 21
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003)
BACK_PX = 0.3  # a point that does not come back this near was lost
INLIER_PX = 1.0  # points that move more against the others belong to the expression
LEAST_POINTS = 12
# sd over time: the transforms are known to .06 px, and the tremor of a hand is lost by more: on a
# drawn face that shakes by up to 5 Hz the error is .09 px at .01 s, .15 at .03, .27 at .05.
SMOOTHING_S = 0.01


@dataclass(frozen=True)
class SteadyFace:
    """Where a face was, and how it moved."""

    box: tuple[float, float, float, float]  # x, y, width, height in the first frame, px
    # (T, 2, 3) float64, each a similarity: from a pixel of the first frame to one of frame t.
    transforms: np.ndarray
    lost: int  # frames in which the face was not found, whose transform is that of a neighbour

    @property
    def motion_px(self) -> float:
        """Largest displacement of the middle of the face, px."""
        x, y, width, height = self.box
        middle = np.array([x + width / 2, y + height / 2, 1.0])
        return float(np.hypot(*(self.transforms @ middle - middle[:2]).T).max())


def steady_face(
    frames: Iterable[np.ndarray], *, fps: float, detector: FaceDetector
) -> SteadyFace | None:
    """Follow the largest face of a clip, luma (H, W) uint8 frame by frame; None: there is none.

    Points of the face are followed from the first frame (Lucas and Kanade 1981); what most of them
    have in common is the similarity transform of a frame, smoothed over time.
    """
    follower, box, lost = None, None, 0
    found: list[np.ndarray] = []
    for index, luma in enumerate(frames):
        if follower is None:
            if index >= SEARCHED:
                return None
            face = detector.detect(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR))
            if face is not None:
                x, y, width, height = (float(side) for side in face.box)
                box = x, y, width, height
                follower = _Follower(luma, face.box)
            found.append(np.eye(2, 3))
            continue
        transform = follower.follow(luma)
        lost += transform is None
        found.append(found[-1] if transform is None else transform)
    if box is None:
        return None
    smooth = gaussian_filter1d(np.stack(found), SMOOTHING_S * fps, axis=0, mode="nearest")
    return SteadyFace(box, smooth, lost)


class _Follower:
    """Follows the points of a face from the frame in which it was found."""

    def __init__(self, luma: np.ndarray, box: np.ndarray) -> None:
        mask = np.zeros_like(luma)
        x, y, width, height = (float(side) for side in box)
        ellipse = ((x + width / 2, y + height / 2), (width, height), 0.0)
        cv2.ellipse(mask, ellipse, 255, -1)
        distance = max(3.0, np.sqrt(width * height / MAX_POINTS) / 2)
        points = cv2.goodFeaturesToTrack(luma, MAX_POINTS, QUALITY, distance, mask=mask)
        self.key, self.last = luma, np.eye(2, 3)
        self.points = np.empty((0, 1, 2), np.float32) if points is None else points

    def follow(self, luma: np.ndarray) -> np.ndarray | None:
        if len(self.points) < LEAST_POINTS:
            return None
        size = (WINDOW_PX, WINDOW_PX)
        guess = cv2.transform(self.points, self.last).astype(np.float32)
        flags = cv2.OPTFLOW_USE_INITIAL_FLOW
        there, seen, _ = cv2.calcOpticalFlowPyrLK(
            self.key, luma, self.points, guess, winSize=size, criteria=STOP, flags=flags
        )
        back, again, _ = cv2.calcOpticalFlowPyrLK(
            luma, self.key, there, self.points.copy(), winSize=size, criteria=STOP, flags=flags
        )
        near = np.hypot(*(back - self.points)[:, 0].T) < BACK_PX
        kept = (seen[:, 0] == 1) & (again[:, 0] == 1) & near
        if kept.sum() < LEAST_POINTS:
            return None
        matrix, inliers = cv2.estimateAffinePartial2D(
            self.points[kept], there[kept], ransacReprojThreshold=INLIER_PX, refineIters=20
        )
        if matrix is None or inliers.sum() < LEAST_POINTS:
            return None
        self.last = matrix
        return matrix
