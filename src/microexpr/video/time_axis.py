"""The time axis of a clip: when its frames were taken, and a constant rate for temporal filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from microexpr.errors import DataError
from microexpr.video.frame import Frame

UNEVEN = 0.1  # share of a frame's duration by which a time may miss the even grid
SAME = 0.05  # share of a frame's duration within which two times are one
FINE = Fraction(1, 90000)  # s; time base of resampled clips


def frame_rate(time: Sequence[float] | np.ndarray) -> float:
    """Return frames/s from time stamps in seconds: the inverse of their median distance.

    Raises
    ------
    DataError
        When the stamps do not increase.
    """
    if len(time) < 2:
        raise DataError("a clip of one frame has no frame rate")
    step = float(np.median(np.diff(time)))
    if step <= 0:
        raise DataError("the video's time stamps do not increase; give fps in data.table")
    return 1 / step


@dataclass(frozen=True)
class Grid:
    """When the frames of the output are shown, and at which rate they were taken.

    Parameters
    ----------
    pts, time_base : tuple of int, Fraction
        Times and their unit, s.
    fps : float
        Capture rate, frames/s: what filters are told.
    resampled : bool
        Whether these are other times than those of the source.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    fps: float
    resampled: bool

    @property
    def rate(self) -> Fraction:
        """Rate at which the frames are shown, frames/s."""
        if len(self.pts) < 2:
            return Fraction(self.fps).limit_denominator(1001)
        span = (self.pts[-1] - self.pts[0]) * self.time_base
        return ((len(self.pts) - 1) / span).limit_denominator(1001)


def constant_rate(pts: Sequence[int], time_base: Fraction, *, fps: float | None = None) -> Grid:
    """Find the constant rate of a clip.

    Times that lie within a tenth of a frame (or one tick of the time base) of an even grid are left
    as they are. Others are replaced by an even grid of the commonest rate, from the first time to
    the last; :class:`Regridded` interpolates the frames.

    Parameters
    ----------
    pts, time_base : sequence of int, Fraction
        Increasing times, and their unit, s.
    fps : float, optional
        True capture rate where the container states another, as for slow motion: the frames count
        as evenly spaced, and are shown when the container says.

    Raises
    ------
    DataError
        For a single frame without `fps`.
    """
    if fps is not None:
        return Grid(tuple(pts), time_base, fps, resampled=False)
    if len(pts) < 2:
        raise DataError("a clip of one frame has no frame rate")
    ticks = np.asarray(pts, float)
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    missed = np.abs(ticks - ticks[0] - step * np.arange(len(ticks))).max()
    if missed <= max(1.0, UNEVEN * step):
        return Grid(tuple(pts), time_base, 1 / (step * float(time_base)), resampled=False)
    steps = np.diff(ticks)
    usual = np.sort(steps)[len(steps) // 2]
    # The mean of the usual steps: their median is off by what a coarse time base rounds away.
    step = steps[np.abs(steps - usual) <= max(1.0, SAME * usual)].mean() * float(time_base)
    start, end = (float(pts[k] * time_base) for k in (0, -1))
    count = round((end - start) / step) + 1
    even = tuple(round((start + k * step) / FINE) for k in range(count))
    return Grid(even, FINE, 1 / step, resampled=True)


class Regridded:
    """Frames, in order of time, at the times of a grid.

    A frame that is there at the right time passes unchanged. Elsewhere its neighbours are mixed in
    proportion to their distance in time, and beyond the last frame that one is repeated.
    `interpolated` counts the frames so far that the source does not hold.
    """

    def __init__(self, frames: Iterable[Frame], time_base: Fraction, grid: Grid) -> None:
        self._frames, self._time_base, self._grid = frames, time_base, grid
        self.interpolated = 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield a frame for each time of the grid."""
        source = iter(self._frames)
        after = next(source, None)
        if after is None:
            raise DataError("no frame can be decoded")
        before = after
        tolerance = SAME / float(self._grid.rate)
        for pts in self._grid.pts:
            time = float(pts * self._grid.time_base)
            while after is not None and self._time(after) < time - tolerance:
                before, after = after, next(source, None)
            if after is not None and abs(self._time(after) - time) <= tolerance:
                yield replace(after, pts=pts)
                continue
            self.interpolated += 1
            yield replace(self._between(before, after, time), pts=pts)

    def _time(self, frame: Frame) -> float:
        return float(frame.pts * self._time_base)

    def _between(self, before: Frame, after: Frame | None, time: float) -> Frame:
        if after is None or after is before:
            return before
        start, end = self._time(before), self._time(after)
        # Rounding may put a time just behind the later frame; never beyond it.
        share = np.float32(min(1.0, (time - start) / (end - start)))
        return replace(
            before,
            luma=_mixed(before.luma, after.luma, share),
            chroma=_mixed(before.chroma, after.chroma, share),
        )


def _mixed(before: np.ndarray, after: np.ndarray, share: np.float32) -> np.ndarray:
    mixed = before + share * (after.astype(np.float32) - before)
    return np.rint(mixed).astype(before.dtype)
