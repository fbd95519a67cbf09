"""The time axis of a clip: when its frames were taken, and the even times that filters see.

Filters and windows count frames: to them, a frame that the camera dropped never was, and what comes
after it moves too early. So a clip with gaps or a varying rate is resampled, or refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

import numpy as np

from microexpr.config.data import Uneven
from microexpr.errors import DataError

T = TypeVar("T")

UNEVEN = 0.1  # share of a frame's duration by which a frame may miss its even time
CLOCK_S = 0.55e-3  # by which it may always: many programs round times to milliseconds
WINDOW = 0.12  # share of the commonest step by which another may differ and be one of them
CHANGES = 0.05  # share of steps that rounding makes longer or shorter, to be seen as such
SAME = 0.75  # units of the stamps by which a stated rate may drift from the estimate in a clip
SLIGHT = 0.02  # share of a frame's duration by which it may where stamps are uneven
JOINED = (1, 8, 64)  # steps that a gap may have, from one round of the estimate to the next
# What is filled in is guessed. In a longer gap a whole micro-expression may be lost: they last
# 1/25 to 1/5 s by the oldest definition (Ekman and Friesen 1969).
LONGEST_GAP_S = 0.2
MOST = 100  # even frames per frame
LONGEST_LENIENT_S = 10.0  # for people who look at the result
DROPPED_SHARE = 0.25  # of the steps; where more are long, the stamps are those of a slow motion
FINE = Fraction(1, 90000)  # s; time base of resampled clips


@dataclass(frozen=True)
class TimeAxis:
    """When the frames of a clip were taken.

    Parameters
    ----------
    stamps, unit_s : tuple of int, Fraction
        Time stamps of the frames, in the order in which they are shown; their unit, s.
    rate : float
        Rate of the even times, in frames per second of the stamps.
    even : bool
        Whether the frames lie at even times: frame k at k / rate.
    offset_s, tolerance_s : float
        First even time after the first stamp; how far from its even time a frame may lie, s.
    capture_fps : float, optional
        True rate, frames/s, where the stamps are those of a slow motion.
    """

    stamps: tuple[int, ...]
    unit_s: Fraction
    rate: float
    even: bool = True
    offset_s: float = 0.0
    tolerance_s: float = 0.0
    capture_fps: float | None = None

    @property
    def fps(self) -> float:
        """Rate at which the even frames were taken, frames/s: what filters are told."""
        return self.capture_fps or self.rate

    @property
    def stamped_s(self) -> np.ndarray:
        """Times of the frames, (T,), since the first even time, in seconds of the stamps."""
        first = self.stamps[0]
        return np.array([s - first for s in self.stamps]) * float(self.unit_s) - self.offset_s

    def __len__(self) -> int:
        """Return the number of even frames."""
        return len(self.stamps) if self.even else round(self.stamped_s.max() * self.rate) + 1

    @property
    def grid_s(self) -> np.ndarray:
        """Times of the frames as `stamped_s`; where they are even, exactly so."""
        return np.arange(len(self.stamps)) / self.rate if self.even else self.stamped_s

    @property
    def times_s(self) -> np.ndarray:
        """Times at which the frames were taken, (T,), s: those of a slow motion in real time."""
        return self.grid_s * (self.rate / self.fps)

    @property
    def missing(self) -> int:
        """Number of even frames that are not there."""
        slots = np.rint(self.stamped_s * self.rate)
        there = np.abs(self.stamped_s - slots / self.rate) <= self.tolerance_s
        return 0 if self.even else len(self) - len(np.unique(slots[there]))

    def gap(self) -> tuple[int, float]:
        """Return the frame before the longest gap, and the time in which frames are missing, s."""
        steps = np.diff(np.maximum.accumulate(self.times_s))
        longest = int(steps.argmax())
        return longest, float(steps[longest]) - 1 / self.fps

    def shown(self) -> tuple[tuple[int, ...], Fraction]:
        """Return the time stamps of the even frames and their unit, s."""
        if self.even:
            return self.stamps, self.unit_s
        start = max(0.0, float(self.stamps[0] * self.unit_s) + self.offset_s)  # MP4 has no earlier
        return tuple(round((start + k / self.rate) / FINE) for k in range(len(self))), FINE

    @property
    def shown_rate(self) -> Fraction:
        """Rate at which the even frames are shown, frames/s."""
        return Fraction(self.rate).limit_denominator(1001)

    def summary(self) -> str:
        """Return in one line what resampling does."""
        taken = np.diff(self.times_s) * 1000
        return (
            f"{len(self.stamps)} frames, {taken.min():.3g} to {taken.max():.3g} ms apart, are "
            f"resampled to {len(self)} at {self.fps:.5g} frames/s, {self.missing} of them "
            f"interpolated; longest gap {1000 * self.gap()[1]:.3g} ms"
        )

    def check(
        self, numbers: Sequence[int], uneven: Uneven, longest_s: float = LONGEST_GAP_S
    ) -> None:
        """Refuse what cannot or shall not be resampled.

        Parameters
        ----------
        numbers : sequence of int
            Of the frames, for messages.
        uneven : {"resample", "fail"}
            ``data.uneven``.
        longest_s : float
            Longest gap that is filled, s.

        Raises
        ------
        DataError
            Naming the frame and its time, s since the first frame.
        """
        if self.even:
            return
        times = self.times_s - self.times_s[0]
        back = np.flatnonzero(np.diff(times) < 0)
        if len(back):
            k = int(back[0]) + 1
            raise DataError(
                f"the time stamps run backwards: frame {numbers[k]} at {times[k]:.4g} s comes "
                f"after frame {numbers[k - 1]} at {times[k - 1]:.4g} s"
            )
        if len(self) > MOST * len(times):
            raise DataError(f"its {len(times)} frames would become {len(self)} at {self.fps:g}/s")
        k, gap_s = self.gap()
        found = (
            f"a gap of {1000 * gap_s:.3g} ms after frame {numbers[k]} at {times[k]:.4g} s, in a "
            f"clip of {self.fps:.5g} frames/s"
        )
        if gap_s > max(longest_s, 0.5 / self.fps) + 1e-6:
            raise DataError(
                f"{found}: more than {1000 * longest_s:g} ms are not filled in (use the frames on "
                "one side of it: onset and offset)"
            )
        same = np.flatnonzero(np.diff(times) == 0)
        if uneven == "fail" and len(same):
            k = int(same[0])
            found = f"frames {numbers[k]} and {numbers[k + 1]} are both at {times[k]:.4g} s"
        if uneven == "fail":
            raise DataError(f"uneven in time: {found}; see data.uneven")


def counted(frames: int, rate: Fraction) -> TimeAxis:
    """Return the axis of frames that are evenly spaced."""
    return TimeAxis(tuple(range(frames)), 1 / rate, float(rate))


def time_axis(
    stamps: Sequence[int],
    unit_s: Fraction,
    *,
    rates: Iterable[Fraction] = (),
    certain: bool = False,
    capture_fps: float | None = None,
) -> TimeAxis:
    """Find the rate of a clip and whether its frames are evenly spaced.

    A rate that the container states is taken where all stamps lie on its grid, rounded to their
    unit. Otherwise the rate is that of the commonest step, estimated by least squares over all
    frames; it survives rounding, jitter, gaps and stamps that occur twice.

    Parameters
    ----------
    stamps, unit_s : sequence of int, Fraction
        Time stamps as the frames are shown, and their unit, s.
    rates : iterable of Fraction
        Frames/s that the container states.
    certain : bool
        Whether the stamps are camera counters, and their rate is known.
    capture_fps : float, optional
        True rate where the stamps have another. Frames count as evenly spaced then, unless the
        stamps are even but for some dropped frames.

    Raises
    ------
    DataError
        For a single frame of unknown rate, or stamps that are all the same.
    """
    found = None
    if len(stamps) > 1 or certain:
        ticks = np.array([stamp - stamps[0] for stamp in stamps], float)
        unit, rates = _rounding(stamps), list(rates)
        known = (_on_grid(ticks, unit, unit_s, Fraction(rate), certain) for rate in rates)
        found = next((axis for axis in known if axis), None) or _estimated(ticks, unit, unit_s)
        # An estimate is never as good as what is stated and fits as well.
        slack = max(SAME * unit * unit_s, SLIGHT / found.rate) / float(ticks.max() * unit_s or 1)
        fits = (float(rate) for rate in rates if abs(rate / found.rate - 1) < slack)
        found = replace(found, stamps=tuple(stamps), rate=next(fits, found.rate))
    if capture_fps is None:
        if found is None:
            raise DataError("a clip of one frame has no frame rate")
        return found
    if found is None:
        return TimeAxis(tuple(stamps), unit_s, capture_fps)
    return replace(found, capture_fps=capture_fps, even=found.even or not _drops_frames(found))


def _rounding(stamps: Sequence[int]) -> int:
    """Return to what the stamps are rounded: their unit, or that of a container before."""
    steps = np.array([later - stamp for stamp, later in pairwise(stamps)], float)
    common = math.gcd(*(later - stamp for stamp, later in pairwise(stamps)))
    usual = np.sort(steps)[(len(steps) - 1) // 2] if len(steps) else 0.0
    changes = (steps != usual) & (np.abs(steps - usual) <= common)
    return common if 0 < common <= 0.5 * usual and changes.mean() >= CHANGES else 1


def _on_grid(
    ticks: np.ndarray, unit: int, unit_s: Fraction, rate: Fraction, certain: bool
) -> TimeAxis | None:
    """Return the axis at a stated rate; None where the stamps contradict it."""
    step = float(1 / (rate * unit_s))  # in ticks
    # What is no whole number of units is rounded, the first stamp too.
    slack = 1.001 * unit if step % unit else 1e-6
    counts = np.arange(len(ticks))
    if np.abs(ticks - step * counts).max() <= slack:
        drift = (_slope(counts, ticks, 0 * counts) - step) * counts[-1]
        return TimeAxis((0,), unit_s, float(rate)) if abs(drift) <= SAME * unit else None
    slots = np.rint(ticks / step)
    after = np.diff(np.unique(slots)).astype(int)
    if np.abs(ticks - step * slots).max() > min(slack, 0.4 * step) or not len(after):
        return None
    # Every second number only: half the rate, and no gap.
    every = math.gcd(*after.tolist())
    if not certain and np.median(after) > every:
        return None
    even = len(after) == len(ticks) - 1 and bool((np.diff(slots) == every).all())
    return TimeAxis(
        (0,), unit_s, float(rate / every), even, tolerance_s=1.001 * slack * float(unit_s)
    )


def _estimated(ticks: np.ndarray, unit: int, unit_s: Fraction) -> TimeAxis:
    """Return the axis at the rate of the commonest step."""
    second_s, counts = float(unit_s), np.arange(len(ticks))
    whole = np.maximum.accumulate(ticks)
    kept = np.concatenate([[True], np.diff(whole) > 0])
    taken = whole[kept]
    if len(taken) < 2:
        raise DataError("the video's time stamps do not increase; give fps in data.table")
    step, slots, run = _commonest(taken, unit, CLOCK_S / second_s)
    rounding = max(CLOCK_S / second_s, 0.55 * unit if unit <= 0.5 * step else 0)
    tolerance = min(UNEVEN * step + rounding, 0.49 * step)
    if kept.all():
        straight = _slope(counts, ticks, 0 * counts)
        if np.ptp(ticks - straight * counts) <= 2 * tolerance:
            rate = 1 / (straight * second_s)
            return TimeAxis((0,), unit_s, rate, tolerance_s=tolerance * second_s)
    missed = (taken - slots * step)[run == np.bincount(run).argmax()]
    offset = (missed.max() + missed.min()) / 2
    offset -= step * np.rint(offset / step)
    times = {"offset_s": float(offset * second_s), "tolerance_s": tolerance * second_s}
    return TimeAxis((0,), unit_s, 1 / (step * second_s), even=False, **times)


def _commonest(ticks: np.ndarray, unit: int, clock: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the commonest step, and for each frame its number of steps and its run.

    Runs are frames between which there are whole numbers of steps. `clock` is what programs may
    have rounded away, in ticks.
    """
    steps = np.diff(ticks)
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    rounding = unit if unit <= 0.5 * usual else 0
    spread = min(4.5 * float(np.median(np.abs(steps - usual))), 0.45 * usual)
    window = min(max(WINDOW * usual + max(rounding, 1.9 * clock), spread), 0.6 * usual)
    step = float(steps[np.abs(steps - usual) <= window].mean())
    for most in JOINED:
        times = np.maximum(np.rint(steps / step), 1)
        # Where a gap is no whole number of steps, the frames after it have a phase of their own.
        limit = np.where(times > 1, WINDOW * usual + rounding, window)
        broken = (np.abs(steps - times * step) > limit) | (times > most)
        run = np.concatenate([[0], np.cumsum(broken)])
        slots = np.concatenate([[0], np.cumsum(times)])
        step = _slope(slots, ticks, run) or step
    return step, slots, run


def _slope(slots: np.ndarray, ticks: np.ndarray, run: np.ndarray) -> float:
    """Return the step that fits best in all runs of frames, each with a phase of its own."""
    frames = np.bincount(run)
    x = slots - (np.bincount(run, slots) / frames)[run]
    y = ticks - (np.bincount(run, ticks) / frames)[run]
    return float((x * y).sum() / (x * x).sum()) if x.any() else 0.0


def _drops_frames(axis: TimeAxis) -> bool:
    """Tell whether stamps are even but for some gaps of whole steps."""
    steps = np.diff(axis.stamped_s) * axis.rate
    whole = np.rint(steps)
    fits = np.abs(steps - whole) <= 2 * max(UNEVEN, axis.tolerance_s * axis.rate)
    return bool(fits.all() and (whole >= 1).all() and (whole > 1).mean() <= DROPPED_SHARE)


class Resampled(Iterable[T]):
    """Frames at the even times of an axis.

    A frame that is there at the right time passes unchanged. Elsewhere its neighbours are mixed in
    proportion to their distance in time; before the first and after the last frame that one is
    repeated. Frames that come late are left out. `interpolated` counts the frames so far that the
    source does not hold.

    Parameters
    ----------
    frames : iterable of (float, T)
        Time, as in ``grid_s``, and frame.
    axis : TimeAxis
        Of the clip.
    mix : callable
        ``mix(before, after, share)`` gives the frame between two: `before` for a share of 0.
    """

    def __init__(
        self,
        frames: Iterable[tuple[float, T]],
        axis: TimeAxis,
        mix: Callable[[T, T, float], T],
    ) -> None:
        self._frames, self._axis, self._mix = frames, axis, mix
        self.interpolated = 0

    def __iter__(self) -> Iterator[T]:
        """Yield a frame for each even time."""
        rate, tolerance = self._axis.rate, self._axis.tolerance_s
        count, done = len(self._axis), 0
        before: tuple[float, T] | None = None
        for after in self._frames:
            if before is not None and after[0] <= before[0]:
                continue
            while done < count and done / rate < after[0] - tolerance:
                yield self._between(before or after, after, done / rate)
                done += 1
            if done < count and abs(done / rate - after[0]) <= tolerance:
                yield after[1]
                done += 1
            before = after
        if before is None:
            raise DataError("no frame can be decoded")
        for _ in range(done, count):
            yield self._between(before, before, 0.0)

    def _between(self, before: tuple[float, T], after: tuple[float, T], time: float) -> T:
        self.interpolated += 1
        if before is after:
            return before[1]
        share = (time - before[0]) / (after[0] - before[0])
        return self._mix(before[1], after[1], min(max(share, 0.0), 1.0))


def mixed(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Return the codes between two arrays of the same shape and type."""
    between = before + np.float32(share) * (after.astype(np.float32) - before)
    return np.rint(between).astype(before.dtype)
