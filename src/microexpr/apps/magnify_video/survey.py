"""How the face moves, how large motion is, which alpha, and how many times larger motion became.

What is looked at before magnification decodes the clip, a part of which is in memory at a time.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch

from microexpr.apps.magnify_video.magnified_frames import Progress
from microexpr.apps.magnify_video.region import Region, Roi
from microexpr.apps.magnify_video.request import Plan, fitted
from microexpr.config import Crop, Magnify
from microexpr.errors import ConfigError
from microexpr.face.detection import FaceDetector
from microexpr.face.steady import SteadyFace, corners, steady_face, there_and_back
from microexpr.magnify.methods import METHODS
from microexpr.magnify.motion import DetailMotion, detail_motion, pool_of, pooled
from microexpr.magnify.temporal import Matrix, filter_gain, filter_matrix, filtering_of
from microexpr.runtime.notices import notice
from microexpr.video.frame import Frame
from microexpr.video.time_axis import Resampled, mixed

SECTION_BYTES = 1 << 27  # of pooled frames in memory
SECTION_FRAMES = (64, 600)  # least and most: a filter over more is too large
STEADY_PX = 0.5  # a face that moves less is left where it is
FACE_MARGIN = 0.2  # around the box of the face, of its sides
MOST_ALPHA, LEAST_ALPHA = 20.0, 1.0  # of --alpha auto; noise would be seen, and no motion
AIM = 0.5  # of the bound at which detail breaks
QUALITY = 0.03  # weakest corner, of the strongest: weaker ones move with the noise
QUALITY_PERCENTILE = 99.9  # or what so many pixels do not reach
BLOCK_PX = 3
BACK_PX = 1.0
NOISE_PX = 0.03  # in-band motions below it are no more than noise
SHARE = 95  # percentile over points


@dataclass(frozen=True)
class Survey:
    """What was found: the plan that follows from it, and the motion in the passband."""

    plan: Plan
    motion: DetailMotion
    bound: float
    least_px: float  # wavelengths below count as this

    def about(self, alpha: float) -> dict[str, float] | None:
        """Return the bound and the motion that it limits, px; None for what magnifies nothing."""
        if math.isinf(self.bound):
            return None
        return {
            "detail_wavelength_px": self.motion.wavelength_px,
            "limit_px": self.motion.limit_px(self.bound, self.least_px),
            "magnified_px": (1 + alpha) * self.motion.px,
        }


def surveyed(plan: Plan, progress: Progress) -> Survey:
    """Follow the face, measure the motion, choose alpha; warn of motion that breaks detail."""
    plan = _stabilised(plan, progress)
    task, motion = plan.task, _motion(plan, progress)
    row = METHODS[task.method]
    kind = METHODS.load(task.method, "stream") if row.stream else None
    bound, own = float(getattr(kind, "bound", math.inf)), task.settings.own(row.section)
    least_px = float(own.get("lambda_c_px", 0))
    if not task.alphas:
        alpha = task.settings.alpha
        if math.isfinite(bound):  # as large as detail bears, of two digits
            limit_px = AIM * motion.limit_px(bound, least_px)
            alpha = limit_px / motion.px - 1 if motion.px > 0 else MOST_ALPHA
            alpha = math.floor(min(max(alpha, LEAST_ALPHA), MOST_ALPHA) * 10) / 10
        plan = replace(plan, task=replace(task, alphas=(alpha,)))
    if not own.get("bounded"):
        motion.warn(max(plan.task.alphas), bound, least_px, getattr(kind, "advice", ""))
    return Survey(plan, motion, bound, least_px)


def frames_of(plan: Plan) -> Resampled:
    """Return the frames of a clip, evenly in time."""

    def between(before: Frame, after: Frame, share: float) -> Frame:
        luma = mixed(before.luma, after.luma, share)
        return replace(before, luma=luma, chroma=mixed(before.chroma, after.chroma, share))

    times = dict(zip(plan.axis.stamps, plan.axis.grid_s.tolist(), strict=True))
    known = ((times[frame.pts], frame) for frame in plan.source.frames() if frame.pts in times)
    return Resampled(known, plan.axis, between)


def _stabilised(plan: Plan, progress: Progress) -> Plan:
    """Return a plan in which the face is held still where it moves; the rest does not change."""
    task = plan.task
    if not task.may_stabilise:
        return plan
    detector = FaceDetector(min_score=Crop().min_score, width_px=Crop().detection_width_px)
    lumas = (frame.luma8() for frame in _watched(plan, progress, 0.0))
    face = steady_face(lumas, fps=plan.axis.fps, detector=detector)
    if face is None:
        if task.stabilise == "face":
            raise ConfigError("--stabilise face: no face in the first frames; use none")
        return plan
    if face.lost:
        advice = "which are held as their neighbours are: look at them, or use --stabilise none"
        notice(f"the face was lost in {face.lost} of {task.n_frames} frames, {advice}")
    if task.stabilise is None and face.motion_px < STEADY_PX:
        return plan
    size = plan.source.height, plan.source.width
    roi = task.roi or _around(face, *size)
    region = Region.of(roi, *size, masked=METHODS[task.method].mask)
    held = "the face is held still while its motion is magnified (--stabilise none: not)"
    notice(f"the head moves by {face.motion_px:.2g} px: {held}")
    region = replace(region, transforms=face.transforms)
    return fitted(replace(plan, task=replace(task, roi=roi, region=region)))


def _around(face: SteadyFace, height: int, width: int) -> Roi:
    """Return the region of a face with its margin, inside the frame."""
    x, y, wide, high = face.box
    left, top = (max(0, round(at - FACE_MARGIN * side)) for at, side in ((x, wide), (y, high)))
    right = min(width, round(x + (1 + FACE_MARGIN) * wide))
    bottom = min(height, round(y + (1 + FACE_MARGIN) * high))
    return left, top, right - left, bottom - top


def _watched(plan: Plan, progress: Progress, start: float) -> Iterator[Frame]:
    for number, frame in enumerate(frames_of(plan), 1):
        progress("measure", start + number / plan.task.n_frames / 2)
        yield frame


def _motion(plan: Plan, progress: Progress) -> DetailMotion:
    """Return the largest motion in the passband: of the clip, or of its sections."""
    task, section, found = plan.task, list[torch.Tensor](), list[DetailMotion]()
    inner, length = task.region.inner, task.n_frames
    like = torch.empty(task.region.shape)[inner]
    pool = pool_of(like)
    if task.stream:
        least, most = SECTION_FRAMES
        fit = int(SECTION_BYTES / (like.numel() / pool**2 * 4))
        length = math.ceil(length / math.ceil(length / min(max(fit, least), most)))
    for index, frame in enumerate(_watched(plan, progress, 0.5)):
        luma = task.region.luma(frame, index)[inner]
        section.append(pooled(torch.from_numpy(luma), pool))
        if len(section) == length or index + 1 == task.n_frames:
            small = torch.stack(section)
            matrix = clip_filter(len(small), plan.axis.fps, task.settings)
            still = task.settings.reference_frame  # 0 where the clip is cut
            found.append(detail_motion(small, matrix, reference_frame=still, pool=1))
            section.clear()
    px, wavelength = max(found, key=lambda motion: motion.px / motion.wavelength_px)
    return DetailMotion(px * pool, wavelength * pool)


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
    filter passes; of a control, which adds none, the ratio of motions. nan: nothing but noise
    moves.
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
