"""Other implementations of motion magnification, each behind the same call.

A peer is a function ``(clip, fps, passband_hz, alpha) -> clip`` on a float32 tensor (T, H, W) in
0..1. None of them is a dependency: what is not installed is left out, with a line that says so.
Their own defaults are kept; all get an ideal temporal filter and 8 orientations where they have
them, and the luma only (the ones that insist on colour get three equal channels).
"""

from __future__ import annotations

import contextlib
import io
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch


class Peer(Protocol):
    """A function of another package."""

    def __call__(
        self, clip: torch.Tensor, fps: float, passband_hz: tuple[float, float], alpha: float
    ) -> torch.Tensor:
        """Magnify a clip (T, H, W) of 0..1."""
        ...


def ideal(
    values: torch.Tensor, fps: float, passband_hz: tuple[float, float] | None
) -> torch.Tensor:
    """Apply an FFT band-pass over the first axis, as the pyramids' users write it, or none."""
    if passband_hz is None:
        return values
    frequencies = torch.fft.rfftfreq(len(values), 1 / fps)
    inside = (frequencies >= passband_hz[0]) & (frequencies <= passband_hz[1])
    spectrum = torch.fft.rfft(values, dim=0)
    spectrum[~inside] = 0
    return torch.fft.irfft(spectrum, n=len(values), dim=0)


def pyrtools_pmm(
    clip: torch.Tensor, fps: float, passband_hz: tuple[float, float] | None, alpha: float
) -> torch.Tensor:
    """Magnify phases with the pyramid of pyrtools, frame by frame, float64."""
    make = import_module("pyrtools").pyramids.SteerablePyramidFreq
    pyramids = [make(frame, order=7, is_complex=True) for frame in clip.double().numpy()]
    for key in [key for key in pyramids[0].pyr_coeffs if isinstance(key, tuple)]:
        bands = np.stack([pyramid.pyr_coeffs[key] for pyramid in pyramids])
        phases = torch.from_numpy(np.angle(bands * bands[0].conj()))
        turned = bands * np.exp(1j * alpha * ideal(phases, fps, passband_hz).numpy())
        for pyramid, band in zip(pyramids, turned, strict=True):
            pyramid.pyr_coeffs[key] = band
    return torch.from_numpy(np.stack([pyramid.recon_pyr() for pyramid in pyramids])).float()


def plenoptic_pmm(
    clip: torch.Tensor, fps: float, passband_hz: tuple[float, float], alpha: float
) -> torch.Tensor:
    """Magnify phases with the batched pyramid of plenoptic."""
    process = import_module("plenoptic.process")
    pyramid = process.SteerablePyramidFreq(clip.shape[1:], order=7, is_complex=True)
    with torch.no_grad():
        coefficients = pyramid(clip[:, None])
        for key, bands in coefficients.items():
            if isinstance(key, str):
                continue
            phases = torch.angle(bands * bands[:1].conj())
            coefficients[key] = bands * torch.exp(1j * alpha * ideal(phases, fps, passband_hz))
        return pyramid.recon_pyr(coefficients)[:, 0]


def pyeulervid_phase(
    clip: torch.Tensor, fps: float, passband_hz: tuple[float, float], alpha: float
) -> torch.Tensor:
    """Run ``PhaseMagnifier`` of pyeulervid."""
    scales = int(np.log2(min(clip.shape[1:]))) - 2
    low, high = passband_hz
    make = import_module("pyevm").PhaseMagnifier
    magnifier = make(alpha, low, high, n_scales=scales, filter_type="ideal")
    return magnifier.process(clip[:, None].expand(-1, 3, -1, -1), fps)[:, 1]


def pyeulervid_motion(
    clip: torch.Tensor, fps: float, passband_hz: tuple[float, float], alpha: float
) -> torch.Tensor:
    """Run ``MotionMagnifier`` of pyeulervid."""
    low, high = passband_hz
    make = import_module("pyevm").MotionMagnifier
    magnifier = make(alpha, freq_low=low, freq_high=high, filter_type="ideal")
    return magnifier.process(clip[:, None].expand(-1, 3, -1, -1), fps)[:, 1]


def eulerian_magnification(
    clip: torch.Tensor, fps: float, passband_hz: tuple[float, float], alpha: float
) -> torch.Tensor:
    """Run the package eulerian-magnification, version 0.22."""
    magnify = import_module("eulerian_magnification.base").eulerian_magnification
    frames = np.repeat(clip.numpy()[..., None], 3, axis=-1).astype(np.float64)
    with contextlib.redirect_stdout(io.StringIO()):
        result = magnify(frames, fps, *passband_hz, alpha)
    return torch.from_numpy(result[..., 1]).float()


PEERS: dict[str, tuple[str, str, Peer]] = {  # name: (module, kind, function)
    "pyrtools": ("pyrtools", "pmm", pyrtools_pmm),
    "plenoptic": ("plenoptic", "pmm", plenoptic_pmm),
    "pyeulervid phase": ("pyevm", "pmm", pyeulervid_phase),
    "pyeulervid motion": ("pyevm", "amm", pyeulervid_motion),
    "eulerian-magnification": ("eulerian_magnification", "amm", eulerian_magnification),
}


def installed(kind: str | None = None) -> dict[str, Peer]:
    """Return the peers that can be imported; print a line on stderr for each that cannot."""
    found = {}
    for name, (module, peer_kind, function) in PEERS.items():
        if kind not in (None, peer_kind):
            continue
        if find_spec(module) is None:
            print(f"{name}: module {module} is not installed, left out", file=sys.stderr)
            continue
        if module == "pyevm":
            _quiet_pyevm()
        found[name] = function
    return found


def _quiet_pyevm() -> None:
    """Run it without its log lines and progress bars, which are not magnification."""
    import_module("loguru").logger.disable("pyevm")
    for name in ("motion", "phase"):
        module: Any = import_module(f"pyevm.magnification.{name}")
        bar = module.tqdm
        module.tqdm = lambda *args, bar=bar, **options: bar(*args, **{**options, "disable": True})
