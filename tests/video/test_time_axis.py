"""Constant rate: even times stay, uneven ones are resampled, whatever is lost is filled in."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microexpr.errors import DataError
from microexpr.video.frame import Frame
from microexpr.video.time_axis import Regridded, constant_rate

MS = Fraction(1, 1000)


def frame(pts: int, value: float = 0.0) -> Frame:
    return Frame(np.full((4, 4), value, np.uint16), np.full((2, 2, 2), 128, np.uint8), 16, pts)


@pytest.mark.parametrize(
    ("pts", "fps"),
    [
        (np.rint(np.arange(200) * 1000 / 30), 30),  # 33, 33, 34: rounded to ms
        (np.rint(np.arange(500) * 1000 / 240), 240),  # 4, 4, 5
        (np.rint(np.arange(100) * 1000 * 1001 / 30000), 30000 / 1001),
        (np.arange(50) * 40 + np.array([0, 3, -3, 1, 0] * 10), 25),  # jitter below a tenth
    ],
)
def test_even_times_are_left_alone(pts, fps):
    ticks = [int(t) for t in pts]
    grid = constant_rate(ticks, MS)
    assert not grid.resampled
    assert grid.pts == tuple(ticks)
    assert grid.fps == pytest.approx(fps, rel=2e-3)


def test_a_gap_makes_a_clip_uneven():
    pts = [0, 40, 80, 200, 240, 280]  # 25 frames/s, two lost
    grid = constant_rate(pts, MS)
    assert grid.resampled
    assert grid.fps == pytest.approx(25)
    np.testing.assert_allclose([float(t * grid.time_base) for t in grid.pts], np.arange(8) / 25)


def test_the_commonest_rate_wins():
    pts = np.cumsum([0] + [33, 33, 34] * 20 + [42] * 30)
    grid = constant_rate([int(t) for t in pts], MS)
    assert grid.fps == pytest.approx(30, rel=1e-3)
    assert float(grid.pts[-1] * grid.time_base) == pytest.approx(pts[-1] / 1000, abs=0.5 / 30)


def test_a_given_rate_leaves_the_times():
    grid = constant_rate([0, 40, 90, 120], MS, fps=200.0)
    assert (grid.fps, grid.pts, grid.resampled) == (200.0, (0, 40, 90, 120), False)


def test_one_frame_has_no_rate():
    with pytest.raises(DataError, match="one frame"):
        constant_rate([0], MS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 90), min_size=3, max_size=40))
@example([20, 20, 39])
def test_what_is_linear_in_time_is_resampled_exactly(steps):
    pts = [0, *np.cumsum(steps).tolist()]
    grid = constant_rate(pts, MS)
    out = list(Regridded([frame(t, 10 * t) for t in pts], MS, grid))
    assert [f.pts for f in out] == list(grid.pts)
    times_ms = np.array([float(t * grid.time_base / MS) for t in grid.pts])
    values = np.array([float(f.luma[0, 0]) for f in out])
    # A frame may stand for a time that is a twentieth of a frame away; codes are rounded.
    tolerance_ms = 0.05 * 1000 / grid.fps + 0.1
    held = times_ms > pts[-1]
    np.testing.assert_allclose(values[~held], 10 * times_ms[~held], atol=10 * tolerance_ms)
    assert (values[held] == 10 * pts[-1]).all()


def test_frames_that_are_there_pass_unchanged():
    frames = [frame(t, t) for t in (0, 40, 80, 200)]
    regridded = Regridded(frames, MS, constant_rate([f.pts for f in frames], MS))
    out = list(regridded)
    assert all(f.luma is out[k].luma for f, k in zip(frames, (0, 1, 2, 5), strict=True))
    assert regridded.interpolated == 2


def test_lost_frames_are_filled_in():
    grid = constant_rate([0, 40, 80, 120, 160], MS)
    out = Regridded([frame(0, 0), frame(40, 100), frame(120, 300)], MS, grid)
    assert [int(f.luma[0, 0]) for f in out] == [0, 100, 200, 300, 300]
    assert out.interpolated == 2


def test_no_frame_at_all_is_an_error():
    with pytest.raises(DataError, match="no frame"):
        list(Regridded([], MS, constant_rate([0, 40], MS)))
