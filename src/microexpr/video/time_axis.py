"""The time axis of a clip: when its frames were taken, and the even times that filters see.

Filters and windows count frames: to them, a frame that the camera dropped never was, and what comes
after it moves too early. So a clip with gaps or a varying rate is resampled, or refused.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from microexpr.config.data import Uneven
from microexpr.errors import DataError

T = TypeVar("T")
# What is filled in is guessed. In a longer gap a whole micro-expression may be lost: they last
# 1/25 to 1/5 s by the oldest definition (Ekman and Friesen 1969).
LONGEST_GAP_S = 0.2
LONGEST_LENIENT_S = 10.0  # for people who look at the result
MOST = 100  # even frames per frame
FINE = Fraction(1, 90000)  # s; time base of resampled clips


@dataclass(frozen=True)
class TimeAxis:
    """When the frames of a clip were taken."""

    stamps: tuple[int, ...]  # time stamps of the frames, in the order in which they are shown
    unit_s: Fraction  # of the stamps
    rate: float  # of the even times, in frames per second of the stamps
    even: bool = True  # frame k lies at k / rate
    offset_s: float = 0.0  # first even time after the first stamp
    tolerance_s: float = 0.0  # how far from its even time a frame may lie
    capture_fps: float | None = None  # true rate, where the stamps are those of a slow motion

    @property
    def fps(self) -> float:
        """Rate at which the even frames were taken, frames/s: what filters are told."""
        return self.capture_fps or self.rate

    @property
    def stamped_s(self) -> np.ndarray:
        """Times of the frames, (T,), since the first even time, in seconds of the stamps."""
        first = self.stamps[0]
        ticks = np.array([stamp - first for stamp in self.stamps], float)
        return ticks * float(self.unit_s) - self.offset_s

    def __len__(self) -> int:
        """Return the number of even frames."""
        return self._frames

    @property
    def _frames(self) -> int:
        """The same of any stamps: len() of more than 2**63 is an error."""
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
        return longest, round(float(steps[longest]) - 1 / self.fps, 6)

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
            f"interpolated; longest gap {round(1000 * self.gap()[1], 1):g} ms"
        )

    def check(
        self, numbers: Sequence[int], uneven: Uneven, longest_s: float = LONGEST_GAP_S
    ) -> None:
        """Refuse what cannot or shall not be resampled; DataError names the frame and time."""
        if self.even:
            return
        times = self.times_s - self.times_s[0]
        back, same = (np.flatnonzero(found) for found in (np.diff(times) < 0, np.diff(times) == 0))

        def at(k: int) -> str:
            return f"{numbers[k]} at {times[k]:.4g} s"

        if len(back):
            k = int(back[0])
            raise DataError(
                f"the time stamps run backwards: frame {at(k + 1)} comes after frame {at(k)} "
                "(where only the times are wrong, give fps in data.table)"
            )
        if (even := self._frames) > MOST * len(times):
            raise DataError(f"its {len(times)} frames would become {even} at {self.fps:g}/s")
        k, gap_s = self.gap()
        found = f"a gap of {round(1000 * gap_s, 1):g} ms after frame {at(k)}"
        found += f", in a clip of {self.fps:.5g} frames/s"
        if gap_s > max(longest_s, 0.5 / self.fps) + 1e-6:
            raise DataError(
                f"{found}: more than {1000 * longest_s:g} ms are not filled in; use the frames on "
                "one side of it"
            )
        if len(same):
            k = int(same[0])
            found = f"frames {numbers[k]} and {numbers[k + 1]} are both at {times[k]:.4g} s"
        if uneven == "fail":
            raise DataError(f"uneven in time: {found} (data.uneven: resample would resample it)")


def counted(frames: int, rate: Fraction) -> TimeAxis:
    """Return the axis of frames that are evenly spaced."""
    return TimeAxis(tuple(range(frames)), 1 / rate, float(rate))


class Resampled(Iterable[T]):
    """Frames at the even times of an axis, of frames with their times as in ``grid_s``.

    A frame that is there at the right time passes unchanged. Elsewhere its neighbours are mixed, by
    ``mix(before, after, share)``, or the first or last one repeated: `interpolated` counts these.
    """

    def __init__(
        self, frames: Iterable[tuple[float, T]], axis: TimeAxis, mix: Callable[[T, T, float], T]
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
        yield from (self._between(before, before, 0.0) for _ in range(done, count))

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
