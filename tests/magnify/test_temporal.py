from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import signal

from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.magnify.operator import low_rank
from microexpr.magnify.temporal import filter_matrix, realised_gain

FILTERS = ["butterworth", "ideal", "iir", "reference"]
SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}


@pytest.mark.parametrize("temporal_filter", FILTERS)
@pytest.mark.parametrize("n_frames", [11, 34, 58])
@pytest.mark.parametrize("reference_frame", [0, 5])
def test_still_clip_gives_zero_and_reference_frame_stays(
    temporal_filter: str, n_frames: int, reference_frame: int
) -> None:
    matrix = filter_matrix(
        n_frames, temporal_filter=temporal_filter, reference_frame=reference_frame, **SMIC
    )
    assert np.abs(matrix.sum(axis=1)).max() < 1e-9
    assert np.abs(matrix[reference_frame]).max() == 0
    assert np.abs(matrix).max() > 0.1


def test_ideal_filter_keeps_a_mirrored_cosine_in_the_band_and_removes_one_outside() -> None:
    n, fps = 40, 100.0
    t = np.arange(n) + 0.5
    matrix = filter_matrix(n, fps=fps, passband_hz=(3, 6), temporal_filter="ideal", anchored=False)
    inside = np.cos(np.pi * 4 * t / n)  # 4 half cycles: 5 Hz
    outside = np.cos(np.pi * 8 * t / n)  # 10 Hz
    assert np.allclose(matrix @ inside, inside, atol=1e-12)
    assert np.abs(matrix @ outside).max() < 1e-12
    assert np.allclose(matrix @ matrix, matrix, atol=1e-12)  # a projection
    assert low_rank(matrix)[0].shape[1] == 2  # 3.75 and 5 Hz


def test_ideal_filter_passes_the_band_that_was_asked_for() -> None:
    """eulerian-magnification 0.22 passes half the frequencies asked for."""
    n, fps = 64, 100.0
    t = np.arange(n) / fps
    matrix = filter_matrix(
        n,
        fps=fps,
        passband_hz=(6, 13),
        temporal_filter="ideal",
        boundary="periodic",
        anchored=False,
    )
    for cycles in range(1, 32):
        hertz = cycles * fps / n
        wave = np.sin(2 * np.pi * hertz * t)
        gain = np.abs(matrix @ wave).max() / np.abs(wave).max()
        assert gain == pytest.approx(1.0 if 6 <= hertz <= 13 else 0.0, abs=1e-9)


def test_butterworth_equals_filtfilt_of_the_padded_clip() -> None:
    n, fps = 34, 100.0
    x = np.random.default_rng(0).normal(size=n)
    b, a = signal.butter(2, (0.5, 10), btype="bandpass", fs=fps)
    padded = np.pad(x, 3 * n, mode="edge")
    expected = signal.filtfilt(b, a, padded, padlen=0)[3 * n : 4 * n]
    matrix = filter_matrix(n, order=2, anchored=False, **SMIC)
    assert np.allclose(matrix @ x, expected, atol=1e-8)


def test_iir_is_causal_and_starts_without_a_transient() -> None:
    """Pyeulervid starts from a zero state, which its amplified residual shows."""
    matrix = filter_matrix(30, temporal_filter="iir", **SMIC)
    assert np.abs(np.triu(matrix, 1)).max() == 0
    assert np.abs(matrix @ np.full(30, 0.5)).max() < 1e-12
    sos = signal.butter(1, (0.5, 10), btype="bandpass", fs=100.0, output="sos")
    x = np.random.default_rng(1).normal(size=30)
    expected = signal.sosfilt(sos, x - x[0])  # constant input gives zero: start at rest
    assert np.allclose(matrix @ x, expected, atol=1e-9)


def test_zero_phase_filters_do_not_delay() -> None:
    t = np.arange(58) / 100
    bump = np.exp(-(((t - 0.29) / 0.04) ** 2))
    for temporal_filter in ("butterworth", "ideal"):
        matrix = filter_matrix(58, temporal_filter=temporal_filter, **SMIC)
        assert abs(int(np.argmax(matrix @ bump)) - 29) <= 1


def test_reference_is_the_difference() -> None:
    x = np.arange(6.0) ** 2
    matrix = filter_matrix(
        6, fps=25.0, passband_hz=(0.5, 99.0), temporal_filter="reference", reference_frame=2
    )
    assert np.allclose(matrix @ x, x - x[2])


@pytest.mark.parametrize("temporal_filter", FILTERS)
@pytest.mark.parametrize("boundary", ["mirror", "periodic"])
def test_low_rank_factors_equal_the_matrix(temporal_filter: str, boundary: str) -> None:
    matrix = filter_matrix(32, temporal_filter=temporal_filter, boundary=boundary, **SMIC)
    left, right = low_rank(matrix)
    assert np.allclose(left @ right, matrix, atol=2e-5)
    assert left.shape[1] == right.shape[0] <= 32


@pytest.mark.parametrize(("n_frames", "expected"), [(11, 0.63), (20, 0.88), (34, 0.95), (60, 0.89)])
def test_realised_gain_of_the_default_band(n_frames: int, expected: float) -> None:
    gain, correlation = realised_gain(n_frames, 100.0, (0.5, 10.0), "butterworth", 1)
    assert gain == pytest.approx(expected, abs=0.03)
    assert correlation > 0.98


def test_realised_gain_of_the_reference_difference_is_one() -> None:
    gain, correlation = realised_gain(17, 100.0, (0.5, 10.0), "reference", 1)
    assert gain == pytest.approx(1) and correlation == pytest.approx(1)


def test_causal_filter_on_a_short_clip_warns_that_it_reverses() -> None:
    with pytest.warns(MicroexprWarning, match=r"20 frames at 100 fps.*correlation -0"):
        _, correlation = realised_gain(20, 100.0, (0.4, 3.0), "iir", 5)
    assert correlation < 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        realised_gain(20, 100.0, (0.4, 3.0), "butterworth", 1)


def test_band_without_a_frequency_is_an_error_with_the_numbers() -> None:
    for n_frames in (10, 16):
        with pytest.raises(ConfigError, match=r"0\.4-3 Hz.*frames at 100 fps.*Hz apart") as error:
            filter_matrix(n_frames, fps=100.0, passband_hz=(0.4, 3), temporal_filter="ideal")
        assert "magnify.passband_hz" in str(error.value)
        assert "magnify.temporal_filter" in str(error.value)
        assert f"{100 / (2 * n_frames):.3g} Hz apart" in str(error.value)
    assert np.any(filter_matrix(17, fps=100.0, passband_hz=(0.4, 3), temporal_filter="ideal"))
    with pytest.raises(ConfigError, match="33 frames"):
        filter_matrix(
            33,
            fps=100.0,
            passband_hz=(0.4, 3),
            temporal_filter="ideal",
            boundary="periodic",
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passband_hz": (0.5, 60.0)}, "60 Hz.*Nyquist frequency 50 Hz"),
        ({"passband_hz": (0.5, 50.0)}, "Nyquist"),
        ({"passband_hz": (10.0, 0.5)}, "10-0.5 Hz"),
        ({"passband_hz": (0.0, 5.0)}, "0-5 Hz"),
        ({"fps": 0.0}, "data.fps"),
        ({"reference_frame": 30}, "30 lies outside a clip of 30 frames"),
        ({"reference_frame": -1}, "magnify.reference_frame: -1"),
        ({"temporal_filter": "gauss"}, "magnify.temporal_filter: 'gauss'"),
        ({"order": 0}, "magnify.order: 0"),
    ],
)
def test_impossible_options_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        filter_matrix(30, **{**SMIC, **options})


@pytest.mark.parametrize("temporal_filter", FILTERS)
@pytest.mark.parametrize("n_frames", [0, 1])
def test_too_short_clips_are_errors(temporal_filter: str, n_frames: int) -> None:
    with pytest.raises(DataError, match=f"a clip of {n_frames} frames is too short"):
        filter_matrix(n_frames, temporal_filter=temporal_filter, **SMIC)


def test_order_needs_frames() -> None:
    with pytest.raises(DataError, match="8 frames.*order 4 needs 9"):
        filter_matrix(8, order=4, **SMIC)
