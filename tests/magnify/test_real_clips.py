"""Known effects in published clips; skipped where the clips are not at hand."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pyrtools
import pytest
import torch
from synthetic import psnr_db

from microexpr.errors import MicroexprWarning
from microexpr.magnify import amm, pmm
from microexpr.magnify.operator import ClipFilter
from microexpr.magnify.phase import PhaseMagnifier
from microexpr.magnify.temporal import filter_matrix

VIDEO = Path(__file__).parents[3] / "shared" / "data" / "video"
LUMA = torch.tensor([0.299, 0.587, 0.114])
pytestmark = pytest.mark.filterwarnings("ignore::microexpr.errors.MicroexprWarning")


def read(name: str, n_frames: int, box: tuple[slice, slice], shrink: int) -> torch.Tensor:
    """Frames (T, H, W, 3) in 0..1 of a part of a video, made smaller by area."""
    path = VIDEO / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < n_frames:
        ok, frame = capture.read()
        assert ok
        part = frame[box][..., ::-1]
        size = (part.shape[1] // shrink, part.shape[0] // shrink)
        frames.append(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(frames).astype(np.float32) / 255)


def spectrum(signal: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, Hz, and amplitudes of a signal without its slow drift."""
    t = np.arange(len(signal))
    flat = signal - np.polyval(np.polyfit(t, signal, 2), t)
    window = np.hanning(len(signal))
    return np.fft.rfftfreq(len(t), 1 / fps), np.abs(np.fft.rfft(flat * window)) * 2 / window.sum()


def peak(signal: np.ndarray, fps: float, low: float, high: float) -> tuple[float, float]:
    """Frequency and amplitude of the strongest oscillation in a band."""
    frequencies, amplitudes = spectrum(signal, fps)
    amplitudes = np.where((frequencies > low) & (frequencies < high), amplitudes, 0)
    return float(frequencies[amplitudes.argmax()]), float(amplitudes.max())


def test_pulse_shows_in_the_colour_of_the_face() -> None:
    """Wu et al. 2012, figure 1: skin colour follows the heart, 0.83-1 Hz in this clip."""
    clip = read("evm_face.mp4", 240, (slice(100, 460), slice(120, 420)), 2)
    alpha = 50.0
    result = amm(
        clip,
        fps=30.0,
        passband_hz=(0.5, 3.0),
        alpha=alpha,
        temporal_filter="ideal",
        levels=4,
        level_gains=[0.0, 0.0, 0.0, 0.0, 1.0],
        chroma_gain=1.0,
    )
    for rows, columns in ((slice(0, 30), slice(40, 105)), (slice(90, 130), slice(15, 50))):
        before, after = (
            peak(x[:, rows, columns, 1].mean(dim=(1, 2)).numpy(), 30.0, 0.6, 3.0)
            for x in (clip, result)
        )
        assert 0.83 <= after[0] <= 1.0
        assert after[1] / before[1] == pytest.approx(1 + alpha, rel=0.15)


def vertical_px(grey: torch.Tensor) -> np.ndarray:
    """Vertical displacement of a region against its first frame by least squares."""
    still = grey[0].double().numpy()
    gy, gx = np.gradient(still)
    system = np.array([[(gx * gx).sum(), (gx * gy).sum()], [(gx * gy).sum(), (gy * gy).sum()]])
    moments = [
        [(gx * change).sum(), (gy * change).sum()] for change in grey.double().numpy() - still
    ]
    return -np.linalg.solve(system, np.array(moments).T)[1]


def chest(grey: torch.Tensor) -> torch.Tensor:
    """Return the region of the zip, without the fabric's grain, which is below the noise."""
    smooth = [cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in grey.numpy()]
    return torch.from_numpy(np.stack(smooth))[:, 10:25, 15:45]


@pytest.mark.parametrize("method", [amm, pmm])
def test_breathing_lifts_the_chest(method: object) -> None:
    """The sleeping baby of Wu et al.: the chest rises and falls at 0.6 Hz."""
    clip = read("evm_baby.mp4", 150, (slice(180, 436), slice(400, 656)), 4)
    alpha = 3.0
    options = {"lambda_c_px": 0.0} if method is amm else {}
    result = method(
        clip, fps=30.0, passband_hz=(0.3, 3.0), alpha=alpha, temporal_filter="ideal", **options
    )
    before, after = (peak(vertical_px(chest(x @ LUMA)), 30.0, 0.3, 3.0) for x in (clip, result))
    assert before[0] == after[0] == pytest.approx(0.6, abs=0.11)
    assert after[1] / before[1] == pytest.approx(1 + alpha, rel=0.2)


@pytest.mark.parametrize(
    ("name", "box", "passband_hz"),
    [
        ("evm_face.mp4", (slice(150, 310), slice(130, 290)), (0.83, 3.0)),
        ("evm_baby.mp4", (slice(180, 340), slice(400, 560)), (0.5, 5.0)),
    ],
)
def test_pmm_agrees_with_undecimated_masks_of_pyrtools(
    name: str, box: tuple[slice, slice], passband_hz: tuple[float, float]
) -> None:
    """Same bands, same filter, no smoothing: at least 50 dB where the edit itself is 27-33 dB."""
    clip = read(name, 16, box, 1) @ LUMA
    options = {"fps": 30.0, "passband_hz": passband_hz, "temporal_filter": "butterworth"}
    matrix, alpha = filter_matrix(16, **options), 10.0
    pyramids = [
        pyrtools.pyramids.SteerablePyramidFreq(frame, height=5, order=7, is_complex=True)
        for frame in clip.double().numpy()
    ]
    for key in [key for key in pyramids[0].pyr_coeffs if isinstance(key, tuple)]:
        bands = np.stack([pyramid.pyr_coeffs[key] for pyramid in pyramids])
        shift = np.tensordot(matrix, np.angle(bands * bands[0].conj()), 1)
        for pyramid, band in zip(pyramids, bands * np.exp(1j * alpha * shift), strict=True):
            pyramid.pyr_coeffs[key] = band
    expected = torch.from_numpy(np.stack([p.recon_pyr() for p in pyramids])).float()
    standard = {"per_octave": 1, "orientations": 8, "high_octaves": 1.0, "narrow": False}
    standard |= {"top_octaves": 0.0}
    magnifier = PhaseMagnifier(clip[0], levels=5, smoothing_px=0.0, **standard)
    (result,) = magnifier.run(clip, ClipFilter(matrix, clip), [alpha])
    inner = (slice(None), slice(16, -16), slice(16, -16))  # its frames are periodic
    assert psnr_db(result[inner], expected[inner]) > 50
    assert psnr_db(expected[inner], clip[inner]) < 40


def test_bounds_are_measured_on_real_motion() -> None:
    clip = read("evm_baby.mp4", 60, (slice(180, 436), slice(400, 656)), 1) @ LUMA
    options = {"fps": 30.0, "passband_hz": (0.5, 3.0)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pmm(clip, alpha=100.0, orientations=4, **options)
    assert any(issubclass(w.category, MicroexprWarning) for w in caught)
