"""Local phase of a pyramid's bands: measured against a reference frame, smoothed, shifted.

The inner loop of phase-based magnification, on blocks of frames that fit the processor's cache.
Arc tangents, sines and cosines run on contiguous planes, on a processor in numpy: half the time of
torch. Its arc tangent is that fast with AVX-512 only, so elsewhere torch is used.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from microexpr.magnify.bands import Corner
from microexpr.magnify.operator import Workspace
from microexpr.magnify.steerable import BandStack

SILENT = 1e-6  # of the mean: places with hardly any amplitude do not move
TINY = 1e-15  # the same for a band that is empty everywhere
PLANE = (-2, -1)  # axes of a band


@lru_cache(maxsize=64)
def _frequencies(bands: BandStack, size: tuple[int, int]) -> torch.Tensor:
    """Return horizontal and vertical frequency on the bands' boxes, radians/px, (2, n, h, w)."""
    _, rows, columns = bands.shape
    parts = []
    for band in bands.bands:
        y = (band.row + torch.arange(rows))[:, None] / size[0]
        x = (band.column + torch.arange(columns))[None] / size[1]
        parts.append(torch.stack([x.expand(rows, -1), y.expand(-1, columns)]))
    return 2 * math.pi * torch.stack(parts, dim=1)


class LocalPhase:
    """A stack of bands, the reference of their phases, planes' corner, and factors on the shift."""

    def __init__(
        self,
        bands: BandStack,
        reference: torch.Tensor,
        *,
        corner: Corner,
        size: tuple[int, int],
        gain: torch.Tensor | float = 1.0,
    ) -> None:
        self.bands, self.corner, self.size, self.gain = bands, corner, size, gain
        self.box = bands.cut(reference, corner, reference.new_empty(bands.shape))
        self.conjugate = torch.fft.ifft2(self.box).conj().resolve_conj()

    def frequencies(self) -> tuple[torch.Tensor, ...]:
        """Return power, its product with local frequency (x, y), radians/px, and the latter."""
        power = torch.view_as_real(self.conjugate).square().sum(dim=-1)
        slopes = torch.fft.ifft2(self.box * _frequencies(self.bands, self.size).to(power))
        slope = (slopes * self.conjugate).real.contiguous()
        local = slope / (power + SILENT * power.mean(dim=PLANE, keepdim=True) + TINY)
        return power, *slope, *local

    def noise(self) -> tuple[float, float]:
        """Return the mean power of white noise of unit variance in the band, and of its slopes."""
        frequencies = _frequencies(self.bands, self.size).double().square().sum(dim=0)
        powers = torch.stack([band.mask for band in self.bands.bands]).double().square().cpu()
        pixels = self.size[0] * self.size[1]
        return float(powers.sum()) / pixels, float((powers * frequencies).sum()) / pixels

    def coefficients(self, planes: torch.Tensor, work: Workspace) -> torch.Tensor:
        """Return coefficients (k, *bands.shape) of frequency planes (k, rows, columns)."""
        box, _, _ = work.views((len(planes), *self.bands.shape))
        return torch.fft.ifft2(self.bands.cut(planes, self.corner, box))

    def measure(self, coefficients: torch.Tensor, work: Workspace) -> torch.Tensor:
        """Return phases against the reference, radians, (k, size) of scratch memory."""
        box, real, imaginary = work.views(tuple(coefficients.shape))
        split(torch.mul(coefficients, self.conjugate, out=box), (real, imaginary))
        if real.device.type == "cpu" and _vectorised_arc_tangent():
            np.arctan2(imaginary.numpy(), real.numpy(), out=real.numpy())
        else:
            torch.atan2(imaginary, real, out=real)
        return real.view(len(coefficients), -1)

    def shift(
        self,
        coefficients: torch.Tensor,
        angles: torch.Tensor,
        alphas: Sequence[float],
        totals: Sequence[torch.Tensor],
        *,
        corner: Corner,
        work: Workspace,
    ) -> None:
        """Add the bands, their phases shifted by ``alpha * gain * angles``, to planes per alpha."""
        box, angle, cosine = work.views(tuple(coefficients.shape))
        angles = angles.view(angle.shape)
        if isinstance(self.gain, torch.Tensor) or self.gain != 1:
            angles = angles * self.gain
        for alpha, total in zip(alphas, totals, strict=True):
            torch.mul(angles, alpha, out=angle)
            _turn(angle, cosine, box)
            self.bands.add(torch.fft.fft2(box.mul_(coefficients)), total, corner)


def split(
    values: torch.Tensor, out: tuple[torch.Tensor, torch.Tensor] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return real and imaginary parts in planes, by default new ones."""
    real, imaginary = out or values.real.new_empty((2, *values.shape))
    if values.device.type == "cpu":
        cv2.split(_channels(values), [_channels(real), _channels(imaginary)])
    else:
        real.copy_(values.real)
        imaginary.copy_(values.imag)
    return real, imaginary


def join(
    real: torch.Tensor, imaginary: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return complex values, by default in new memory."""
    if out is None:
        out = real.new_empty(real.shape, dtype=real.dtype.to_complex())
    if out.device.type == "cpu":
        cv2.merge([_channels(real), _channels(imaginary)], _channels(out))
        return out
    return torch.complex(real, imaginary, out=out)


def _channels(values: torch.Tensor) -> NDArray[Any]:
    """View values as an image of OpenCV's, with two channels where they are complex."""
    array = values.flatten(0, -2).numpy()
    return array.view(array.real.dtype).reshape(*array.shape, 2) if values.is_complex() else array


@cache
def _vectorised_arc_tangent() -> bool:
    """Tell whether numpy's arc tangent is more than a loop on this processor."""
    found = np.lib.introspect.opt_func_info(func_name="^arctan2$")
    return not found["arctan2"]["fff"]["current"].startswith("baseline")


def _turn(angle: torch.Tensor, cosine: torch.Tensor, out: torch.Tensor) -> None:
    """Write ``exp(i angle)`` to `out`; the angles are lost."""
    if angle.device.type == "cpu":
        np.cos(angle.numpy(), out=cosine.numpy())
        np.sin(angle.numpy(), out=angle.numpy())
    else:
        torch.cos(angle, out=cosine)
        angle.sin_()
    join(cosine, angle, out)
