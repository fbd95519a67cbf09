"""Scenes whose motion is known, and the estimators that read it back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Image = NDArray[np.float64]


def texture(height_px: int, width_px: int, seed: int = 0, *, slope: float = 1.6) -> Image:
    """1/f^slope noise, low-passed so that a sub-pixel shift of it has no ringing; mean 0.5."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height_px)[:, None], np.fft.rfftfreq(width_px)[None]
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1
    shape = radius.shape
    spectrum = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / radius**slope
    spectrum *= np.exp(-((radius / 0.3) ** 4))
    spectrum[0, 0] = 0
    image = np.fft.irfft2(spectrum, s=(height_px, width_px))
    return 0.5 + 0.15 * (image - image.mean()) / image.std()


def moved(image: Image, shift_px: Image) -> torch.Tensor:
    """Clip (T, H, W) of an image that moves along x, exactly and cyclically."""
    fx = np.fft.rfftfreq(image.shape[1])
    phases = np.exp(-2j * np.pi * fx * np.asarray(shift_px)[:, None, None])
    frames = np.fft.irfft(np.fft.rfft(image, axis=1) * phases, n=image.shape[1], axis=-1)
    return torch.from_numpy(frames.astype(np.float32))


def onset_apex_offset(n_frames: int) -> Image:
    """sin^2 over the clip: 0, 1, 0."""
    return np.sin(np.pi * np.arange(n_frames) / (n_frames - 1)) ** 2


def displacement_px(clip: torch.Tensor, reference: Image) -> Image:
    """Shift of each frame along x by least squares on the reference's exact gradient."""
    fx = 2j * np.pi * np.fft.rfftfreq(reference.shape[1])
    gradient = -np.fft.irfft(np.fft.rfft(reference, axis=1) * fx, n=reference.shape[1], axis=-1)
    difference = clip.double().numpy() - reference
    return np.tensordot(difference, gradient, 2) / (gradient**2).sum()


def recovered_gain(clip: torch.Tensor, truth: torch.Tensor, reference: Image) -> float:
    """Motion read in a clip over the motion that the same estimator reads in the true one."""
    seen, true = displacement_px(clip, reference), displacement_px(truth, reference)
    return float(seen @ true / (true @ true))


def psnr_db(clip: torch.Tensor, truth: torch.Tensor) -> float:
    """Peak signal-to-noise ratio of clips in 0..1."""
    return float(-10 * torch.log10(((clip - truth) ** 2).double().mean()))
