"""The rate of a clip, from its time stamps; it survives rounding, jitter, gaps and repetitions."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from microexpr.errors import DataError
from microexpr.video.time_axis import TimeAxis

UNEVEN = 0.1  # share of a frame's duration by which a frame may miss its even time
CLOCK_S = 0.55e-3  # by which it may always: many programs round times to milliseconds
WINDOW = 0.12  # share of the commonest step by which another may differ and be one of them
CHANGES = 0.05  # share of steps that rounding makes longer or shorter, to be seen as such
SAME = 0.75  # units of the stamps by which a stated rate may drift from the estimate in a clip
SLIGHT = 0.02  # share of a frame's duration by which it may where stamps are uneven
JOINED = (1, 8, 64)  # steps that a gap may have, from one round of the estimate to the next
DROPPED_SHARE = 0.25  # of the steps; where more are long, the stamps are those of a slow motion


def time_axis(
    stamps: Sequence[int],
    unit_s: Fraction,
    *,
    rates: Iterable[Fraction] = (),
    certain: bool = False,
    capture_fps: float | None = None,
) -> TimeAxis:
    """Find the rate of a clip and whether its frames are evenly spaced.

    A stated rate of `rates` (frames/s) is taken where all `stamps` lie on its grid, rounded to
    their unit `unit_s`. Otherwise it is that of the commonest step, by least squares. `certain`:
    stamps are counters of known rate. With a true rate `capture_fps` frames count as even, unless
    some were dropped. DataError: one frame of unknown rate, or stamps that are all the same.
    """
    stamps = tuple(stamps)
    if len(stamps) < 2 and not certain:
        if capture_fps is None:
            raise DataError("a clip of one frame has no frame rate")
        return TimeAxis(stamps, unit_s, capture_fps)
    rates, unit = [Fraction(rate) for rate in rates], _rounding(stamps)
    ticks = np.array([stamp - stamps[0] for stamp in stamps], float)
    known = (_on_grid(ticks, unit, unit_s, rate, certain=certain) for rate in rates)
    fit = next((found for found in known if found), None) or _estimated(ticks, unit, unit_s)
    # An estimate is never as good as what is stated and fits as well.
    slack = max(SAME * unit * unit_s, SLIGHT / fit.rate) / float(ticks.max() * unit_s or 1)
    near = (float(rate) for rate in rates if abs(rate / fit.rate - 1) < slack)
    axis = TimeAxis(stamps, unit_s, next(near, fit.rate), *fit[1:], capture_fps=capture_fps)
    if capture_fps is not None and not _drops_frames(axis):
        return replace(axis, even=True)
    return axis


class _Fit(NamedTuple):
    """What the stamps follow; the fields are those of `TimeAxis`."""

    rate: float
    even: bool
    offset_s: float
    tolerance_s: float


def _rounding(stamps: Sequence[int]) -> int:
    """Return to what the stamps are rounded: their unit, or that of a container before."""
    steps = np.array([later - stamp for stamp, later in pairwise(stamps)], float)
    common = math.gcd(*(later - stamp for stamp, later in pairwise(stamps)))
    usual = np.sort(steps)[(len(steps) - 1) // 2] if len(steps) else 0.0
    changes = (steps != usual) & (np.abs(steps - usual) <= common)
    return common if 0 < common <= 0.5 * usual and changes.mean() >= CHANGES else 1


def _on_grid(
    ticks: np.ndarray, unit: int, unit_s: Fraction, rate: Fraction, *, certain: bool
) -> _Fit | None:
    """Return the fit at a stated rate; None where the stamps contradict it."""
    step = float(1 / (rate * unit_s))  # in ticks
    # What is no whole number of units is rounded, the first stamp too.
    slack = 1.001 * unit if step % unit else 1e-6
    tolerance_s = 1.001 * slack * float(unit_s)
    counts = np.arange(len(ticks))
    if np.abs(ticks - step * counts).max() <= slack:
        drift = (_slope(counts, ticks) - step) * counts[-1]
        return _Fit(float(rate), True, 0.0, tolerance_s) if abs(drift) <= SAME * unit else None
    slots = np.rint(ticks / step)
    after = np.diff(np.unique(slots)).astype(int)
    if np.abs(ticks - step * slots).max() > min(slack, 0.4 * step) or not len(after):
        return None
    # Every second number only: half the rate, and no gap.
    every = math.gcd(*after.tolist())
    if not certain and np.median(after) > every:
        return None
    even = bool((np.diff(slots) == every).all())
    return _Fit(float(rate / every), even, 0.0, tolerance_s)


def _estimated(ticks: np.ndarray, unit: int, unit_s: Fraction) -> _Fit:
    """Return the fit at the rate of the commonest step."""
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
        straight = _slope(counts, ticks)
        if np.ptp(ticks - straight * counts) <= 2 * tolerance:
            return _Fit(1 / (straight * second_s), True, 0.0, tolerance * second_s)
    missed = (taken - slots * step)[run == np.bincount(run).argmax()]
    offset = (missed.max() + missed.min()) / 2
    offset -= step * np.rint(offset / step)
    return _Fit(1 / (step * second_s), False, float(offset * second_s), tolerance * second_s)


def _commonest(ticks: np.ndarray, unit: int, clock: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the commonest step, and the steps and the run of each frame; a gap may end a run."""
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


def _slope(slots: np.ndarray, ticks: np.ndarray, run: np.ndarray | None = None) -> float:
    """Return the step that fits best in all runs of frames, each with a phase of its own."""
    run = 0 * slots if run is None else run
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
