from __future__ import annotations

import warnings
from typing import get_args

import numpy as np
import pytest
from scipy import signal

from microexpr.config.preprocessing import TemporalFilter
from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.magnify.operator import low_rank
from microexpr.magnify.temporal import filter_gain, filter_matrix

FILTERS = get_args(TemporalFilter)
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


def phases_gain(matrix: np.ndarray, hertz: float, fps: float) -> tuple[float, float]:
    """Return the smallest and the largest gain over the phases, both without their means."""
    t = np.arange(len(matrix)) / fps
    waves = [np.cos(2 * np.pi * hertz * t + p) for p in np.linspace(0, np.pi, 48, endpoint=False)]
    gains = [np.std(matrix @ wave) / np.std(wave) for wave in waves]
    return min(gains), max(gains)


def bands() -> list[tuple[int, float, tuple[float, float]]]:
    """Draw clips of 30 to 300 frames with bands of every width that hold a bin of the clip."""
    rng, found = np.random.default_rng(18), []
    while len(found) < 40:
        n, fps = int(rng.integers(30, 300)), float(rng.choice([24, 30, 100, 200]))
        low = np.exp(rng.uniform(np.log(0.3), np.log(0.4 * fps)))
        high = low * np.exp(0.01 + 0.8 * abs(rng.normal()))
        bins = np.arange(1, n // 2) * fps / n
        if high < fps / 2 and ((low <= bins) & (bins <= high)).any():
            found.append((n, fps, (low, high)))
    return found


@pytest.mark.parametrize(("n_frames", "fps", "passband_hz"), bands())
def test_ideal_filter_passes_every_phase_of_its_band(
    n_frames: int, fps: float, passband_hz: tuple[float, float]
) -> None:
    """A projection on the mirrored clip's cosines removed every other phase of its own band."""
    options = {"fps": fps, "passband_hz": passband_hz, "temporal_filter": "ideal"}
    matrix = filter_matrix(n_frames, anchored=False, **options)
    for hertz in np.linspace(*passband_hz, 7):
        smallest, largest = phases_gain(matrix, hertz, fps)
        assert smallest > 0.9 and largest < 1.08
    width = 2 * (passband_hz[1] - passband_hz[0]) / fps * n_frames
    assert np.linalg.matrix_rank(matrix, tol=1e-6) < width + 9
    assert np.linalg.norm(matrix, 2) < 1.2  # noise does not grow


@pytest.mark.parametrize("n_frames", [17, 34, 58, 128])
@pytest.mark.parametrize("fps", [100.0, 200.0])
def test_ideal_filter_passes_motions_of_every_length_and_phase(n_frames: int, fps: float) -> None:
    options = {"fps": fps, "passband_hz": (0.5, 10.0), "temporal_filter": "ideal"}
    matrix = filter_matrix(n_frames, **options)
    time = np.linspace(0, 1, n_frames)
    for course in (np.sin(np.pi * time) ** 2, np.sin(np.pi / 2 * time) ** 2):
        assert np.ptp(matrix @ course) == pytest.approx(1, abs=0.11)
        assert np.corrcoef(matrix @ course, course)[0, 1] > 0.95


def test_ideal_filter_rejects_what_the_clip_can_tell_from_the_band() -> None:
    n, fps = 64, 100.0
    options = {"fps": fps, "passband_hz": (6.0, 13.0), "temporal_filter": "ideal"}
    matrix = filter_matrix(n, anchored=False, **options)
    for bins, most in ((-3, 0.45), (-2, 0.45), (1.5, 0.4), (2, 0.35), (3, 0.3), (8, 0.15)):
        hertz = (6 if bins < 0 else 13) + bins * fps / n
        assert phases_gain(matrix, hertz, fps)[1] < most
    drift = np.arange(n) / n
    assert np.std(matrix @ drift) < 0.3 * np.std(drift)
    noise = np.random.default_rng(0).normal(size=(n, 2000))
    assert (matrix @ noise).std() < 0.45  # 14 % of the frequencies, and 4 courses at its edges


def test_fir_is_the_window_of_the_published_code() -> None:
    """Wadhwa et al. 2013: Hamming window of T + 1 values, applied in a circle to differences."""
    n, fps, low, high = 40, 24.0, 1.0, 3.0
    x = np.random.default_rng(2).normal(size=n)
    k = np.arange(n + 1) - n / 2
    window = 0.54 + 0.46 * np.cos(2 * np.pi * k / n)
    taps = (2 * high / fps * np.sinc(2 * high / fps * k)) - 2 * low / fps * np.sinc(
        2 * low / fps * k
    )
    taps *= window
    taps /= taps @ np.cos(2 * np.pi * (low + high) / 2 / fps * k)
    transfer = np.fft.fft(np.fft.ifftshift(taps[:n]))
    expected = np.fft.ifft(transfer * np.fft.fft(x - x[0])).real
    options = {"fps": fps, "passband_hz": (low, high), "temporal_filter": "fir"}
    assert np.allclose(filter_matrix(n, anchored=False, **options) @ x, expected, atol=1e-9)
    wave = np.sin(2 * np.pi * 1.8 * np.arange(n + 1) / fps)
    odd = filter_matrix(n + 1, anchored=False, **options)
    assert np.corrcoef(odd @ wave, wave)[0, 1] > 0.99  # no delay


def test_lowpass_difference_is_the_recursion_of_the_published_code() -> None:
    """Wu et al. 2012: r1 = 0.4 and r2 = 0.05 at 30 frames/s are 2.44 and 0.245 Hz."""
    x, (r1, r2), expected = np.random.default_rng(3).normal(size=50), (0.4, 0.05), []
    fast = slow = x[0]
    for value in x:
        fast, slow = (1 - r1) * fast + r1 * value, (1 - r2) * slow + r2 * value
        expected.append(fast - slow)
    edges = tuple(-np.log(1 - r) * 30 / (2 * np.pi) for r in (r2, r1))
    assert edges == pytest.approx((0.245, 2.44), abs=5e-3)
    options = {"fps": 30.0, "passband_hz": edges, "temporal_filter": "lowpass_difference"}
    assert np.allclose(filter_matrix(50, **options) @ x, expected, atol=1e-9)


def test_butterworth_equals_filtfilt_of_the_padded_clip() -> None:
    n, fps = 34, 100.0
    x = np.random.default_rng(0).normal(size=n)
    b, a = signal.butter(2, (0.5, 10), btype="bandpass", fs=fps)
    padded = np.pad(x, 3 * n, mode="edge")
    expected = signal.filtfilt(b, a, padded, padlen=0)[3 * n : 4 * n]
    matrix = filter_matrix(n, order=2, temporal_filter="butterworth", anchored=False, **SMIC)
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
def test_low_rank_factors_equal_the_matrix(temporal_filter: str) -> None:
    matrix = filter_matrix(32, temporal_filter=temporal_filter, **SMIC)
    left, right = low_rank(matrix)
    assert np.allclose(left @ right, matrix, atol=2e-5)
    assert left.shape[1] == right.shape[0] <= 32


@pytest.mark.parametrize(("n_frames", "expected"), [(11, 0.63), (20, 0.88), (34, 0.95), (60, 0.89)])
def test_gain_of_a_course_over_the_clip(n_frames: int, expected: float) -> None:
    gain = filter_gain(n_frames, temporal_filter="butterworth", **SMIC)
    assert gain.expression == gain.realised == pytest.approx(expected, abs=0.03)
    assert gain.correlation > 0.98


@pytest.mark.parametrize("temporal_filter", FILTERS)
def test_gain_over_the_phases_is_that_of_every_sinusoid(temporal_filter: str) -> None:
    options = {"fps": 30.0, "passband_hz": (1.0, 4.0), "temporal_filter": temporal_filter}
    gain = filter_gain(90, **options)
    found = phases_gain(filter_matrix(90, **options), 2.0, 30.0)
    assert (gain.smallest, gain.largest) == pytest.approx(found, abs=0.01)
    assert gain.smallest <= gain.realised <= gain.largest


def test_gain_of_the_reference_difference_is_one() -> None:
    gain = filter_gain(17, temporal_filter="reference", **SMIC)
    assert gain[:6] == pytest.approx([1] * 6)


def test_a_weak_gain_is_said_and_a_good_one_is_not() -> None:
    with pytest.warns(MicroexprWarning, match=r"20 frames at 100 fps.*correlation -0") as found:
        gain = filter_gain(20, fps=100.0, passband_hz=(0.4, 3.0), temporal_filter="iir", order=5)
    assert gain.correlation < 0 and len(found) == 1
    with pytest.warns(MicroexprWarning, match="0.49 to 0.50 of an oscillation"):
        low = -np.log(0.5) * 30 / (2 * np.pi)  # r2 = 0.5, r1 = 0.9
        high = -np.log(0.1) * 30 / (2 * np.pi)
        filter_gain(90, fps=30.0, passband_hz=(low, high), temporal_filter="lowpass_difference")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n_frames in (11, 34, 128):
            filter_gain(n_frames, **SMIC)


@pytest.mark.parametrize("temporal_filter", ["ideal", "butterworth", "fir"])
@pytest.mark.parametrize("fps", [100.0, 200.0])
@pytest.mark.parametrize("n_frames", [11, 17, 34, 58])
def test_normalised_alpha_means_the_same_at_every_length(
    temporal_filter: str, fps: float, n_frames: int
) -> None:
    options = {"fps": fps, "passband_hz": (0.5, 10.0), "temporal_filter": temporal_filter}
    matrix = filter_matrix(n_frames, normalise_gain=True, **options)
    course = np.sin(np.pi * np.linspace(0, 1, n_frames)) ** 2
    assert np.ptp(matrix @ course) / np.ptp(course) == pytest.approx(1)


def test_normalised_oscillations_have_gain_one_over_the_phases() -> None:
    options = {"fps": 30.0, "passband_hz": (0.5, 3.0), "temporal_filter": "iir"}
    matrix = filter_matrix(240, normalise_gain=True, **options)
    assert np.mean(phases_gain(matrix, np.sqrt(1.5), 30.0)) == pytest.approx(1, abs=0.03)
    assert np.allclose(
        filter_matrix(300, normalise_gain=True, **options)[:240, :240], matrix, atol=1e-12
    )  # settled: the gain does not depend on the length


@pytest.mark.parametrize(
    ("n_frames", "temporal_filter", "order"), [(11, "butterworth", 1), (20, "iir", 5)]
)
def test_a_gain_too_small_to_divide_by_is_refused(
    n_frames: int, temporal_filter: str, order: int
) -> None:
    options = {"fps": 100.0, "passband_hz": (0.4, 3.0), "order": order}
    options |= {"temporal_filter": temporal_filter}
    with pytest.raises(ConfigError, match=r"^magnify\.normalise_gain: the .* passes 0\.\d\d of"):
        filter_matrix(n_frames, normalise_gain=True, **options)
    assert np.any(filter_matrix(n_frames, **options))


def test_band_without_a_frequency_is_an_error_with_the_numbers() -> None:
    for n_frames in (10, 16):
        with pytest.raises(ConfigError, match=r"0\.4-3 Hz.*frames at 100 fps.*Hz on") as error:
            filter_matrix(n_frames, fps=100.0, passband_hz=(0.4, 3), temporal_filter="ideal")
        assert "magnify.passband_hz" in str(error.value)
        assert "magnify.temporal_filter" in str(error.value)
        assert f"{100 / (2 * n_frames):.3g} Hz on" in str(error.value)
    assert np.any(filter_matrix(17, fps=100.0, passband_hz=(0.4, 3), temporal_filter="ideal"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passband_hz": (0.5, 60.0)}, "60 Hz.*Nyquist frequency 50 Hz"),
        ({"passband_hz": (0.5, 50.0), "temporal_filter": "fir"}, "Nyquist"),
        ({"passband_hz": (10.0, 0.5)}, "10-0.5 Hz"),
        ({"passband_hz": (0.0, 5.0)}, "0-5 Hz"),
        ({"fps": 0.0}, "fps must be above 0"),
        ({"reference_frame": 30}, "30 lies outside a clip of 30 frames"),
        ({"reference_frame": -1}, "magnify.reference_frame: -1"),
        ({"temporal_filter": "gauss"}, "temporal_filter must be .*gauss"),
        ({"order": 0, "temporal_filter": "iir"}, "order must be at least 1, got 0"),
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
        filter_matrix(8, order=4, temporal_filter="butterworth", **SMIC)
