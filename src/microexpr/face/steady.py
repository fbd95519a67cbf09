"""How a face moves as a whole: what is taken away before its motion is magnified."""

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
    follower, lost, found = None, 0, list[np.ndarray]()
    for index, luma in enumerate(frames):
        if follower is not None:
            lost += not follower.follow(luma)
        elif index >= SEARCHED:
            return None
        elif (face := detector.detect(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR))) is not None:
            follower = _Follower(luma, face.box)
        found.append(np.eye(2, 3) if follower is None else follower.last)
    if follower is None:
        return None
    smooth = gaussian_filter1d(np.stack(found), SMOOTHING_S * fps, axis=0, mode="nearest")
    return SteadyFace(follower.box, smooth, lost)


class _Follower:
    """Follows the points of a face from the frame in which it was found."""

    def __init__(self, luma: np.ndarray, box: np.ndarray) -> None:
        x, y, width, height = (float(side) for side in box)
        self.box, mask = (x, y, width, height), np.zeros_like(luma)
        cv2.ellipse(mask, ((x + width / 2, y + height / 2), (width, height), 0.0), 255, -1)
        self.key, self.last = luma, np.eye(2, 3)
        self.points = corners(luma, mask, QUALITY, width * height)

    def follow(self, luma: np.ndarray) -> bool:
        """Let `last` be the transform to a frame, where enough points are found in it."""
        if len(self.points) < LEAST_POINTS:
            return False
        guess = cv2.transform(self.points, self.last).astype(np.float32)
        there, kept = there_and_back(self.key, luma, self.points, guess, BACK_PX)
        if kept.sum() < LEAST_POINTS:
            return False
        matrix, inliers = cv2.estimateAffinePartial2D(
            self.points[kept], there[kept], ransacReprojThreshold=INLIER_PX, refineIters=20
        )
        if matrix is None or inliers.sum() < LEAST_POINTS:
            return False
        self.last = matrix
        return True


def corners(luma: np.ndarray, mask: np.ndarray, quality: float, area_px: float) -> np.ndarray:
    """Find points (n, 1, 2), well apart in a masked area; `quality`: least, of the strongest."""
    distance = max(3.0, np.sqrt(area_px / MAX_POINTS) / 2)
    found = cv2.goodFeaturesToTrack(luma, MAX_POINTS, quality, distance, mask=mask)
    return np.empty((0, 1, 2), np.float32) if found is None else found


def there_and_back(
    key: np.ndarray, luma: np.ndarray, points: np.ndarray, guess: np.ndarray | None, back_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Follow points of one frame into another; return where they are, and which came back."""
    there, seen = _followed(key, luma, points, points if guess is None else guess)
    back, again = _followed(luma, key, there, there if guess is None else points)
    near = np.hypot(*(back - points)[:, 0].T) <= back_px
    return there, seen & again & near


def _followed(
    before: np.ndarray, after: np.ndarray, points: np.ndarray, guess: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    size, flags = (WINDOW_PX, WINDOW_PX), cv2.OPTFLOW_USE_INITIAL_FLOW
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, guess.copy(), winSize=size, criteria=STOP, flags=flags
    )
    return moved, found[:, 0] == 1
