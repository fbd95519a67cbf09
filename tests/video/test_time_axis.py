"""Time axes: the true rate, every gap, no false alarm; what is uneven is resampled or refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from microexpr.errors import DataError
from microexpr.video.rate import time_axis
from microexpr.video.time_axis import Resampled, TimeAxis, counted, mixed

MS, TS = Fraction(1, 1000), Fraction(1, 90000)
NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)
RATES = [FILM, 24, 25, NTSC, 30, 50, 60, 90, 100, 120, 150, 200, 240, 250, 300, 500]
UNITS = [MS, TS, Fraction(1, 15360), Fraction(1, 16000), Fraction(1, 600), Fraction(1, 100)]


def resampled(stamps, values, unit=MS, **stated) -> tuple[list[float], int]:
    """Resample numbers; give them and how many are interpolated."""
    axis = time_axis(stamps, unit, **stated)
    frames = Resampled(zip(axis.grid_s, values, strict=True), axis, between)
    return list(frames), frames.interpolated


def between(before: float, after: float, share: float) -> float:
    return before + share * (after - before)


def stamps_of(times_s, unit: Fraction) -> list[int]:
    return [int(stamp) for stamp in np.rint(np.asarray(times_s) / float(unit))]


@pytest.mark.parametrize("rate", [120, 240, 60, 30, NTSC, FILM, 200, 100])
@pytest.mark.parametrize("start_s", [0, 0.2, 3600, 95443.7])
def test_a_rate_that_the_stamps_confirm_is_exact(rate, start_s):
    for unit, frames in ((MS, 40), (TS, 40), (1 / Fraction(rate), 40), (MS, 5000)):
        stamps = stamps_of(start_s + np.arange(frames) / float(rate), unit)
        axis = time_axis(stamps, unit, rates=[Fraction(1000), Fraction(rate)])
        assert axis.even and axis.fps == float(rate)


def test_a_rate_that_the_stamps_contradict_is_not_taken():
    stamps = stamps_of(np.arange(100) / 29.5, MS)
    axis = time_axis(stamps, MS, rates=[Fraction(30), Fraction(125), Fraction(1000)])
    assert axis.even and axis.fps == pytest.approx(29.5, rel=1e-3)


@pytest.mark.parametrize(
    ("rate", "stated", "unit"), [(NTSC, 30, MS), (FILM, 24, TS), (199.9, 200, TS), (60, 59.5, MS)]
)
def test_a_header_that_is_nearly_right_is_not_believed(rate, stated, unit):
    stamps = stamps_of(np.arange(60) / float(rate), unit)
    axis = time_axis(stamps, unit, rates=[Fraction(stated)])
    assert axis.even and axis.fps == pytest.approx(float(rate), rel=2e-4)


def test_stamps_that_would_need_millions_of_frames_are_refused():
    stamps = np.cumsum([0, 1, 1, 1, 190_000, 1, 1, 1, 190_000])
    axis = time_axis([int(stamp) for stamp in stamps], Fraction(1, 1_000_000))
    with pytest.raises(DataError, match="its 9 frames would become 380007"):
        axis.check(stamps, "resample")


@pytest.mark.parametrize(
    ("stamps", "fps"),
    [
        (np.rint(np.arange(200) * 1000 / 30), 30),  # 33, 33, 34: rounded to ms
        (np.rint(np.arange(500) * 1000 / 240), 240),  # 4, 4, 5
        (np.floor(np.arange(500) * 1000 / 240), 240),
        (np.rint(np.arange(100) * 1000 * 1001 / 30000), 30000 / 1001),
        (np.arange(50) * 40 + np.array([0, 3, -3, 1, 0] * 10), 25),  # jitter below a tenth
    ],
)
def test_even_times_are_left_alone(stamps, fps):
    ticks = [int(t) for t in stamps]
    axis = time_axis(ticks, MS)
    assert axis.even
    assert axis.shown() == (tuple(ticks), MS)
    assert axis.fps == pytest.approx(fps, rel=1e-3)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[list[int], Fraction, float, np.ndarray]:
    """Draw stamps, their unit, the true rate, and the even times at which frames are there."""
    rate = float(draw(st.sampled_from(RATES)))
    unit = draw(st.sampled_from([unit for unit in UNITS if rate * unit <= 0.51]))
    # Short clips at coarse units do not tell their rate to a thousandth.
    least = max(24, int(1100 * rate * max(unit, MS)))
    slots = np.arange(draw(st.integers(least, least + 200)))
    for place in draw(st.lists(st.integers(2, len(slots) - 3), max_size=4)):
        slots[place:] += draw(st.integers(1, 20))
    times = draw(st.floats(0, 1e5)) + slots / rate
    if unit <= MS and draw(st.booleans()):  # from a container that counts milliseconds
        times = np.round(times, 3)
    return stamps_of(times, unit), unit, rate, slots


@settings(max_examples=300, deadline=None)
@given(clocks(), st.booleans())
def test_rate_and_gaps_are_found_and_rounding_is_no_gap(clock, stated):
    stamps, unit, rate, slots = clock
    rates = [Fraction(rate).limit_denominator(1001)] if stated else []
    axis = time_axis(stamps, unit, rates=rates)
    assert axis.fps == pytest.approx(rate, rel=1e-3)
    even = bool((np.diff(slots) == 1).all())
    assert axis.even == even
    assert len(axis) == slots[-1] - slots[0] + 1
    assert axis.missing == len(axis) - len(slots)
    if even:
        return
    k, gap_s = axis.gap()
    assert np.diff(slots)[k] == np.diff(slots).max()
    rounded_s = 1.1 * float(max(unit, MS))
    assert gap_s == pytest.approx((np.diff(slots).max() - 1) / rate, abs=rounded_s)
    frames = Resampled(zip(axis.grid_s, slots, strict=True), axis, between)
    np.testing.assert_allclose(list(frames), np.arange(slots[-1] + 1), atol=rate * rounded_s)
    assert frames.interpolated == axis.missing


@settings(max_examples=150, deadline=None)
@given(clocks(), st.floats(0, 0.08), st.integers(0, 99))
def test_jitter_below_a_tenth_of_a_frame_is_even(clock, jitter, seed):
    _, unit, rate, slots = clock
    assume((np.diff(slots) == 1).all() and unit <= MS)
    noise = np.random.default_rng(seed).uniform(-jitter, jitter, len(slots))
    moved = stamps_of((slots + noise) / rate, unit)
    assume((np.diff(moved) > 0).all())
    axis = time_axis(moved, unit)
    assert axis.even
    assert axis.fps == pytest.approx(rate, rel=2e-3)


@settings(max_examples=100, deadline=None)
@given(clocks(), st.data())
def test_a_stamp_that_occurs_twice_is_a_frame_too_many(clock, data):
    stamps, unit, rate, slots = clock
    place = data.draw(st.integers(1, len(stamps) - 1))
    twice = [*stamps[:place], stamps[place - 1], *stamps[place:]]
    axis = time_axis(twice, unit)
    assert not axis.even
    assert axis.fps == pytest.approx(rate, rel=1e-3)
    assert len(axis) == slots[-1] - slots[0] + 1
    with pytest.raises(DataError, match=rf"frames {place - 1} and {place} are both at"):
        axis.check(range(len(twice)), "fail", 1e9)


def test_a_gap_of_no_whole_number_of_frames_leaves_the_rate():
    times = np.arange(60) / 200.0
    times[30:] += 1.37 / 200
    axis = time_axis(stamps_of(times, TS), TS)
    assert axis.fps == pytest.approx(200, rel=1e-3)
    assert not axis.even and len(axis) == 61


@pytest.mark.parametrize("others", [[24] * 10, [29, 136, 36, 100, 40, 136, 34, 33, 67, 33]])
def test_a_varying_rate_is_found(others):
    stamps = np.cumsum([0, *[33, 33, 34] * 6, *others]).tolist()
    axis = time_axis(stamps, MS, rates=[Fraction(30), Fraction(1000)])
    assert not axis.even
    assert axis.fps == pytest.approx(30, rel=5e-3)
    axis.check(stamps, "resample")
    with pytest.raises(DataError, match="uneven in time: a gap of .* ms after frame"):
        axis.check(stamps, "fail")


def test_the_commonest_rate_wins():
    stamps = np.cumsum([0] + [33, 33, 34] * 20 + [42] * 30)
    axis = time_axis([int(t) for t in stamps], MS)
    assert axis.fps == pytest.approx(30, rel=1e-3)
    shown, unit = axis.shown()
    assert float(shown[-1] * unit) == pytest.approx(stamps[-1] / 1000, abs=0.5 / 30)


def test_a_gap_makes_a_clip_uneven():
    axis = time_axis([0, 40, 80, 200, 240, 280], MS)  # 25 frames/s, two lost
    assert not axis.even
    assert axis.fps == pytest.approx(25)
    shown, unit = axis.shown()
    np.testing.assert_allclose([float(t * unit) for t in shown], np.arange(8) / 25)


@pytest.mark.parametrize(
    ("counters", "fps", "frames"),
    [
        ([7, 8, 9, 10], 100, 4),
        ([10, 11, 13, 14], 100, 5),
        ([1, 2, 9, 10, 11, 17], 100, 17),
        ([1, 3, 5, 7], 50, 4),  # every second image: half the rate, no gap
        ([5], 100, 1),
    ],
)
def test_counters_are_times_at_the_rate_of_the_data_set(counters, fps, frames):
    axis = time_axis(counters, Fraction(1, 100), rates=[Fraction(100)], certain=True)
    assert (axis.fps, len(axis)) == (fps, frames)
    assert axis.even == (frames == len(counters))


def test_a_rate_of_the_users_is_the_rate_of_the_counters_bit_for_bit():
    for fps in (29.97, 200.0, 1 / 3):
        rate = Fraction(fps)
        axis = time_axis(range(3, 40), 1 / rate, rates=[rate], certain=True)
        assert axis.even and axis.fps == fps


@pytest.mark.parametrize(
    ("stamps", "frames"),
    [
        ([0, 40, 90, 120], 4),  # wrong times: evenly spaced
        ([0, 40, 20, 60], 4),
        ([0, 4, 8, 40, 80, 120, 124, 128], 8),  # played slowly in the middle
        ([0, 40, 80, 120, 160], 5),
        ([0, 40, 80, 120, 160, 280, 320], 9),  # even, but for two dropped frames
    ],
)
def test_a_given_rate_wins_and_dropped_frames_stay_gaps(stamps, frames):
    axis = time_axis(stamps, MS, capture_fps=200.0)
    assert (axis.fps, len(axis)) == (200.0, frames)
    assert axis.even == (frames == len(stamps))
    assert axis.times_s[-1] == pytest.approx((frames - 1) / 200)
    if axis.even:
        assert axis.shown() == (tuple(stamps), MS)


def test_what_cannot_be_resampled_is_refused_by_frame_and_time():
    axis = time_axis([*range(5), *range(65, 70)], Fraction(1, 100), rates=[100], certain=True)
    for uneven in ("resample", "fail"):
        with pytest.raises(DataError, match=r"a gap of 600 ms after frame 14 at 0.04 s"):
            axis.check(range(10, 20), uneven)
    axis.check(range(10), "resample", 10.0)
    axis = time_axis([0, 40, 80, 40, 80, 120], MS)
    with pytest.raises(DataError, match="run backwards: frame 3 at 0.04 s comes after frame 2"):
        axis.check(range(6), "resample")


def test_one_frame_and_time_that_stands_still_have_no_rate():
    with pytest.raises(DataError, match="one frame"):
        time_axis([0], MS)
    with pytest.raises(DataError, match="do not increase"):
        time_axis([0, 0, 0, 0], MS, rates=[Fraction(30)])
    assert time_axis([0], MS, capture_fps=30.0).fps == 30


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 90), min_size=3, max_size=40))
@example([20, 20, 39])
def test_what_is_linear_in_time_is_resampled_exactly(steps):
    stamps = [0, *np.cumsum(steps).tolist()]
    axis = time_axis(stamps, MS)
    values, _ = resampled(stamps, [10.0 * t for t in stamps])
    assert len(values) == len(axis)
    times_ms = 1000 * (axis.offset_s + np.arange(len(axis)) / axis.fps)
    # A frame may stand for a time that is a tolerance away; first and last frame are held.
    wanted = 10 * np.clip(times_ms, 0, stamps[-1])
    # Even clips begin at their first frame, which may itself be that far from the even times.
    allowed_ms = 1000 * axis.tolerance_s * (1 + axis.even) + 0.1
    np.testing.assert_allclose(values, wanted, atol=10 * allowed_ms)


def test_frames_that_are_there_pass_unchanged():
    frames = [object() for _ in range(4)]
    axis = time_axis([0, 40, 80, 200], MS)
    there = Resampled(zip(axis.grid_s, frames, strict=True), axis, lambda *_: None)
    assert list(there) == [*frames[:3], None, None, frames[3]]
    assert there.interpolated == 2


def test_lost_frames_are_filled_in():
    axis = counted(5, Fraction(25))
    out = Resampled([(0, 0.0), (0.04, 100.0), (0.12, 300.0)], axis, between)
    assert [round(value) for value in out] == [0, 100, 200, 300, 300]
    assert out.interpolated == 2


def test_frames_that_come_late_are_left_out():
    axis = time_axis([0, 40, 40, 80, 120], MS)
    late = Resampled(zip(axis.grid_s, "abcde", strict=True), axis, lambda *_: "?")
    assert "".join(late) == "abde"


def test_no_frame_at_all_is_an_error():
    with pytest.raises(DataError, match="no frame"):
        list(Resampled([], counted(2, Fraction(25)), between))


def test_codes_are_mixed_and_rounded():
    for kind in (np.uint8, np.uint16):
        made = mixed(np.array([0, 200], kind), np.array([10, 100], kind), 0.25)
        assert made.dtype == kind and made.tolist() == [2, 175]


def test_stamps_of_any_size_are_read():
    far = 2**62
    axis = time_axis([far + 40 * k for k in range(9)], MS)
    assert isinstance(axis, TimeAxis) and axis.even and axis.fps == pytest.approx(25)
    assert not time_axis([-far, -far + 40, far], MS).even
