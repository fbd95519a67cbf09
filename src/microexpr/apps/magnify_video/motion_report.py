"""What the temporal filter passes, and how many times larger the method made it."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from microexpr.config import Magnify
from microexpr.face.steady import corners, there_and_back
from microexpr.magnify.temporal import Matrix, filter_gain, filter_matrix, filtering_of

QUALITY = 0.03  # weakest corner, of the strongest: weaker ones move with the noise
QUALITY_PERCENTILE = 99.9  # or what so many pixels do not reach
BLOCK_PX = 3
BACK_PX = 1.0
NOISE_PX = 0.03  # in-band motions below it are no more than noise
SHARE = 95  # percentile over points


def clip_filter(n_frames: int, fps: float, settings: Magnify) -> Matrix:
    """Return the temporal filter of a clip of this length, (T, T)."""
    return filter_matrix(n_frames, **filtering_of(settings, fps))


def response(n_frames: int, fps: float, settings: Magnify) -> dict[str, float]:
    """Return what the filter passes, :class:`microexpr.magnify.temporal.FilterGain`; may warn."""
    gain = filter_gain(n_frames, **filtering_of(settings, fps))
    return gain._asdict() | {"realised": gain.realised}


def _corners(luma: np.ndarray, roi: tuple[int, int, int, int] | None) -> np.ndarray:
    # The best corners of a smooth region would move with the noise: strong in the whole frame.
    strength = cv2.cornerMinEigenVal(luma, BLOCK_PX)
    # One glint must not put all else below the limit.
    limit = min(QUALITY * strength.max(), float(np.percentile(strength, QUALITY_PERCENTILE)))
    x, y, width, height = roi or (0, 0, luma.shape[1], luma.shape[0])
    strongest = float(strength[y : y + height, x : x + width].max())
    if strongest <= max(limit, 0):
        return np.empty((0, 1, 2), np.float32)
    mask = np.zeros_like(luma)
    mask[y : y + height, x : x + width] = 255
    return corners(luma, mask, max(limit / strongest, 1e-6), width * height)


class Gain(NamedTuple):
    """How many times larger motions in the passband became, on points that were followed.

    `measured`: 1 plus the least-squares ratio of the motion that was added to the motion that the
    filter passes; for a control, which adds none, the ratio of the result's motion to the latter.
    nan where no point is left, or the motion of the points in the band is no more than noise.
    """

    points: int
    lost: int  # points that were followed in the original but not in the result
    measured: float


class MotionMeter:
    """Follows points of a clip's first frame, uint8, inside `roi`, in the clip and its versions."""

    def __init__(self, luma: np.ndarray, roi: tuple[int, int, int, int] | None = None) -> None:
        self._luma, self.points = luma, _corners(luma, roi)
        self._paths: list[list[np.ndarray]] = []

    def add(self, frames: Sequence[np.ndarray]) -> None:
        """Take one frame's luma, (H, W) uint8: of the original, then of each version."""
        self._paths.append([self.displacement_px(luma) for luma in frames])

    def displacement_px(self, luma: np.ndarray) -> np.ndarray:
        """Return where the points moved in another frame, (points, 2) px; nan: lost."""
        if not len(self.points):
            return np.empty((0, 2))
        moved, kept = there_and_back(self._luma, luma, self.points, None, BACK_PX)
        shift = (moved - self.points)[:, 0].astype(float)
        shift[~kept] = np.nan
        return shift

    def gain(self, version: int, matrix: Matrix, *, added: bool) -> Gain:
        """Compare a version with the original."""
        original, result = (np.stack([row[k] for row in self._paths]) for k in (0, version + 1))
        return compare(original, result, matrix, added=added)


def compare(original: np.ndarray, result: np.ndarray, matrix: Matrix, *, added: bool) -> Gain:
    """Compare the paths of points, (T, points, 2) px from the original's first frame; nan: lost."""
    there = np.isfinite(original).all((0, 2))
    kept = there & np.isfinite(result).all((0, 2))
    lost = int(there.sum() - kept.sum())
    if not kept.any():
        return Gain(0, lost, np.nan)
    before, after = original[:, kept], result[:, kept]
    passed, gain = np.tensordot(matrix, before, 1), np.nan
    if np.percentile(np.hypot(*np.moveaxis(passed, -1, 0)).max(axis=0), SHARE) > NOISE_PX:
        base, start = (before, 1.0) if added else (0.0, 0.0)  # or it replaced what was there
        gain = start + float((passed * (after - base)).sum() / (passed**2).sum())
    return Gain(int(kept.sum()), lost, gain)
