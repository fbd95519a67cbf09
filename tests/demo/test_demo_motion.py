"""The motion: what the truth says is what the frames show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from microexpr.config import Demo
from microexpr.demo.clip import (
    REPERTOIRES,
    Action,
    Nuisance,
    Portrait,
    Scenario,
    frames,
    smooth_walk,
)
from microexpr.demo.identity import Identity, canonical_grid
from microexpr.demo.plan import plan

SHORT = {"subjects": 1, "clips_per_class": 1, "median_frames": 9, "min_frames": 9, "max_frames": 9}
STILL = {
    "sequence_share": 0,
    "drift_px": 0,
    "distraction": 0,
    "gaze_px": 0,
    "noise_sigma": 0,
    "flicker": 0,
}


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait.of(Identity.of(Demo().seed, 1))


def shoot(settings: Demo, portrait: Portrait, clip: int) -> tuple[Scenario, list[np.ndarray]]:
    scenario = Scenario.draw(plan(settings)[clip], settings, portrait.who)
    return scenario, [frame.copy() for frame in frames(scenario, settings, portrait)]


def grey_roi(scenario: Scenario, frame: np.ndarray) -> np.ndarray:
    return frame[scenario.window].mean(axis=2)


def local_flow(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lucas and Kanade's least squares in Gaussian windows: flow (2, h, w), smaller eigenvalue."""
    before, after = (cv2.GaussianBlur(grey, (0, 0), 1) for grey in (before, after))
    slope = np.array([[1, -8, 0, 8, -1]]) / 12  # fourth order: two-point differences are too flat
    gx, gy = (cv2.filter2D((before + after) / 2, -1, kernel) for kernel in (slope, slope.T))
    gt = after - before
    xx, xy, yy, xt, yt = (
        cv2.GaussianBlur(product, (0, 0), 4)
        for product in (gx * gx, gx * gy, gy * gy, gx * gt, gy * gt)
    )
    determinant = xx * yy - xy**2 + 1e-9
    flow = np.stack([xy * yt - yy * xt, xy * xt - xx * yt]) / determinant
    return flow, (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)


def test_flow_estimator_measures_a_known_shift(portrait: Portrait) -> None:
    grey = portrait.still[100:400, 200:440].mean(axis=2)
    window = np.outer(np.hanning(300), np.hanning(240))
    spectrum = np.fft.rfft2(grey * window)
    phase = -2j * np.pi * (0.4 * np.fft.rfftfreq(240) - 0.3 * np.fft.fftfreq(300)[:, None])
    shifted = np.fft.irfft2(spectrum * np.exp(phase), (300, 240))
    flow, texture = local_flow(grey * window, shifted)
    assert np.allclose(np.median(flow[:, texture > 1], axis=1), [0.4, -0.3], atol=0.03)


@pytest.mark.parametrize("clip", [0, 1, 2])
def test_frames_are_the_still_at_displaced_points(portrait: Portrait, clip: int) -> None:
    """Against quintic splines; torch's bicubic kernel would move the texture 1.2 times too far."""
    scenario, shown = shoot(Demo(**SHORT, **STILL), portrait, clip)
    window = scenario.window
    dx, dy = scenario.apex_displacement_px
    rows, columns = np.mgrid[window]
    still = portrait.still[..., 1].astype(float)
    expected = map_coordinates(still, [rows - dy, columns - dx], order=5) - still[window]
    seen = shown[scenario.when.apex][window][..., 1] - still[window]
    assert (seen * expected).sum() / (expected**2).sum() == pytest.approx(1, abs=0.03)
    assert np.std(seen - expected) < 0.32  # rounding alone gives 0.29


@pytest.mark.parametrize("clip", [0, 1, 2])
def test_frames_show_the_recorded_displacement(portrait: Portrait, clip: int) -> None:
    scenario, shown = shoot(Demo(**SHORT, **STILL), portrait, clip)
    flow, texture = local_flow(
        grey_roi(scenario, shown[0]), grey_roi(scenario, shown[scenario.when.apex])
    )
    truth = scenario.apex_displacement_px
    norm = np.hypot(*truth)
    assert norm.max() == pytest.approx(scenario.actions[0].peak_px, rel=1e-5)
    moving = (norm > 0.5 * norm.max()) & (texture > 1)
    assert moving.sum() > 300
    measured, true = flow[:, moving], truth[:, moving]
    assert (measured * true).sum() / (true**2).sum() == pytest.approx(1, abs=0.15)
    assert np.median(np.hypot(*(measured - true))) < 0.2 * norm.max()
    resting = (norm < 0.02 * norm.max()) & (texture > 1)
    assert resting.sum() > 1000
    assert np.median(np.hypot(*flow[:, resting])) < 0.05 * norm.max()


def test_motion_follows_the_profile(portrait: Portrait) -> None:
    scenario, shown = shoot(Demo(**SHORT, **STILL), portrait, 0)
    grey = np.array([grey_roi(scenario, frame) for frame in shown])
    pattern = grey[scenario.when.apex] - grey[0]
    course = ((grey - grey[0]) * pattern).sum(axis=(1, 2)) / (pattern**2).sum()
    assert np.allclose(course, scenario.when.profile(), atol=0.08)


def test_nothing_moves_without_amplitude_and_nuisances(portrait: Portrait) -> None:
    _, shown = shoot(Demo(**SHORT, **STILL, amplitude_px=0), portrait, 0)
    for frame in shown:
        assert np.array_equal(frame, shown[0])
    rounding = np.abs(shown[0].astype(float) - portrait.still)
    assert rounding.max() < 0.51


def test_without_amplitude_only_nuisances_remain(portrait: Portrait) -> None:
    scenario, moved = shoot(Demo(**SHORT, distraction=0, amplitude_px=2), portrait, 1)
    _, rest = shoot(Demo(**SHORT, distraction=0, amplitude_px=0), portrait, 1)
    apex, onset, window = scenario.when.apex, scenario.when.onset, scenario.window
    assert not np.array_equal(rest[0], rest[apex])
    for index in range(onset + 1):
        assert np.array_equal(moved[index], rest[index])
    difference = np.abs(moved[apex].astype(int) - rest[apex]).max(axis=2)
    outside = difference.copy()
    outside[window] = 0
    assert not outside.any()
    displaced = np.hypot(*scenario.apex_displacement_px)
    assert difference[window][displaced < 1e-3].max() <= 1
    assert difference[window][displaced > 1].max() > 10


def test_noise_and_flicker_have_the_set_size(portrait: Portrait) -> None:
    quiet = {**STILL, "amplitude_px": 0}
    settings = Demo(**{**SHORT, **quiet, "noise_sigma": 3.0})
    scenario, shown = shoot(settings, portrait, 0)
    window = scenario.window
    middle = portrait.still[window]
    unclipped = (middle > 20) & (middle < 235)
    spread = (shown[4][window] - middle)[unclipped].std()
    assert spread == pytest.approx(np.hypot(3, 1 / np.sqrt(12)), rel=0.03)
    scenario, shown = shoot(Demo(**{**SHORT, **quiet, "flicker": 0.2}), portrait, 0)
    gains = [frame[window].mean() / middle.mean() for frame in shown]
    assert np.allclose(gains, scenario.nuisance.gain, atol=0.02)
    assert np.ptp(gains) > 0.02


def test_head_drift_has_the_set_size() -> None:
    settings = Demo(drift_px=0.4)
    largest = [
        np.abs(Nuisance.draw(settings, 31, np.random.default_rng(seed)).head[:, :2]).max()
        for seed in range(300)
    ]
    assert np.median(largest) == pytest.approx(0.4, rel=0.4)
    assert not smooth_walk(31, 4, np.random.default_rng(0))[0].any()


def test_nuisances_do_not_depend_on_the_amplitude(portrait: Portrait) -> None:
    small, large = (
        Scenario.draw(plan(settings)[0], settings, portrait.who).nuisance
        for settings in (
            Demo(distraction=0.5, amplitude_px=1),
            Demo(amplitude_px=5, distraction=0.1),
        )
    )
    for name in ("head", "gain", "blobs"):
        assert np.array_equal(getattr(small, name), getattr(large, name))
    assert np.allclose(small.distraction, large.distraction)
    assert np.abs(small.distraction).max() == pytest.approx(0.5)


@pytest.mark.parametrize("label", list(REPERTOIRES))
def test_classes_are_their_action_units(label: str) -> None:
    drawn = [Action.draw(label, 0.5, np.random.default_rng(seed)) for seed in range(200)]
    for action in drawn:
        assert set(action.units) <= set(REPERTOIRES[label][0])
        assert set(action.units) & set(REPERTOIRES[label][1])
        assert 0.35 <= action.peak_px <= 0.65
    assert {unit for action in drawn for unit in action.units} == set(REPERTOIRES[label][0])


@pytest.mark.parametrize(
    ("unit", "place", "sign_x", "sign_y"),
    [
        (1, "brow", 0, -1),  # raised
        (4, "brow", -1, 1),  # lowered and drawn together
        (12, "corner", 1, -1),  # out and up
        (15, "corner", 1, 1),  # down
    ],
)
def test_action_units_pull_the_right_way(
    portrait: Portrait, unit: int, place: str, sign_x: int, sign_y: int
) -> None:
    who = portrait.who
    x, y = canonical_grid(who.placement)
    field = Action((unit,), (1.0,), 0.0, 1.0).field(who, x, y)
    at = {"brow": (0.2, who.brows.y), "corner": (who.mouth.half_width, who.mouth.y)}[place]
    for side in (1, -1):
        row, column = np.unravel_index(np.hypot(x - side * at[0], y - at[1]).argmin(), x.shape)
        dx, dy = field[:, row, column]
        assert np.hypot(dx, dy) > 0.5
        assert dy * sign_y > 0.3
        if sign_x:
            assert dx * side * sign_x > 0
