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

from microexpr.magnify.bands import Corner, doubled, floats
from microexpr.magnify.operator import Workspace, block_frames
from microexpr.magnify.steerable import BandStack

DAMPING = 1e-3  # of the trace of the 2 x 2 system: a band sees motion across its stripes only
SILENT = 1e-6  # of the mean: places with hardly any amplitude do not move
TINY = 1e-15  # the same for a band that is empty everywhere
PLANE = (-2, -1)  # axes of a band


class MotionSmoothing:
    """The smoothing of a stack of bands, with a Gaussian window of sd `sigma_px` of the frames.

    `box`, `coefficients` (n, h, w): the reference frame's spectrum on the boxes, its transform.
    """

    def __init__(
        self,
        bands: BandStack,
        box: torch.Tensor,
        coefficients: torch.Tensor,
        *,
        size: tuple[int, int],
        sigma_px: float,
    ) -> None:
        self.window = _window(bands.shape[1:], size, sigma_px).to(box.real)
        power = torch.view_as_real(coefficients).square().sum(dim=-1)
        slopes = torch.fft.ifft2(box * _frequencies(bands, size).to(box.real))
        slope_x, slope_y = (slopes * coefficients.conj()).real  # power times local frequency
        floor = SILENT * power.mean(dim=PLANE, keepdim=True) + TINY
        local_x, local_y = slope_x / (power + floor), slope_y / (power + floor)
        squares = torch.complex(slope_x * local_x, slope_y * local_y)
        products = torch.complex(slope_x * local_y, torch.zeros_like(power))
        squares, products = self._blurred(torch.stack([squares, products]))
        xx, yy, xy = squares.real, squares.imag, products.real
        trace = xx + yy
        damping = DAMPING * trace + SILENT * trace.mean(dim=PLANE, keepdim=True) + TINY
        xx, yy = xx + damping, yy + damping
        determinant = xx * yy - xy * xy
        self.before = torch.complex(slope_x, slope_y)
        self.after_x = (yy * local_x - xy * local_y) / determinant
        self.after_y = (xx * local_y - xy * local_x) / determinant

    def apply(self, maps: torch.Tensor) -> None:
        """Smooth maps (k, h * w) in place, a block at a time."""
        shape = self.after_x.shape
        for part in maps.view(-1, *shape).split(block_frames(shape.numel(), maps.device)):
            sum_x, sum_y = part.new_empty((2, *part.shape))
            _split(self._blurred(part * self.before), sum_x, sum_y)
            torch.mul(sum_x, self.after_x, out=part)
            part.addcmul_(sum_y, self.after_y)

    def _blurred(self, maps: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.fft2(maps)
        floats(spectrum).mul_(self.window)
        return torch.fft.ifft2(spectrum)


@lru_cache(maxsize=64)
def _window(shape: tuple[int, int], size: tuple[int, int], sigma_px: float) -> torch.Tensor:
    """Return the Gaussian window's spectrum, for `floats`."""
    y, x = (torch.fft.fftfreq(n, 1 / n) for n in shape)
    distance = (y[:, None] / size[0]) ** 2 + (x / size[1]) ** 2
    return doubled(torch.exp(-2 * (math.pi * sigma_px) ** 2 * distance))


@lru_cache(maxsize=64)
def _frequencies(bands: BandStack, size: tuple[int, int]) -> torch.Tensor:
    """Return horizontal and vertical frequency on the bands' boxes, cycles/px, (2, n, h, w)."""
    _, rows, columns = bands.shape
    parts = []
    for band in bands.bands:
        y = (band.row + torch.arange(rows))[:, None] / size[0]
        x = (band.column + torch.arange(columns))[None] / size[1]
        parts.append(torch.stack([x.expand(rows, -1), y.expand(-1, columns)]))
    return torch.stack(parts, dim=1)


class LocalPhase:
    """A stack of bands and the reference of their phases, a frame's frequency plane.

    `corner` is that of this plane and of those of the frames, `size` the frames' height and width,
    px. `gain`, of the stack's shape or a number, is a factor on the shift.
    """

    def __init__(
        self,
        bands: BandStack,
        reference: torch.Tensor,
        *,
        corner: Corner,
        size: tuple[int, int],
        sigma_px: float,
        gain: torch.Tensor | float = 1.0,
    ) -> None:
        self.bands, self.corner, self.gain = bands, corner, gain
        box = reference.new_empty(bands.shape)
        coefficients = torch.fft.ifft2(bands.cut(reference, corner, box))
        self.conjugate = coefficients.conj().resolve_conj()
        self.smoothing: MotionSmoothing | None = None
        if sigma_px > 0:
            self.smoothing = MotionSmoothing(bands, box, coefficients, size=size, sigma_px=sigma_px)

    def coefficients(self, planes: torch.Tensor, work: Workspace) -> torch.Tensor:
        """Return coefficients (k, *bands.shape) of frequency planes (k, rows, columns)."""
        box, _, _ = work.views((len(planes), *self.bands.shape))
        return torch.fft.ifft2(self.bands.cut(planes, self.corner, box))

    def measure(self, coefficients: torch.Tensor, work: Workspace) -> torch.Tensor:
        """Return phases against the reference, radians, (k, size) of scratch memory."""
        box, real, imaginary = work.views(tuple(coefficients.shape))
        _split(torch.mul(coefficients, self.conjugate, out=box), real, imaginary)
        _arc_tangent(imaginary, real)
        return real.view(len(coefficients), -1)

    def shift(
        self,
        coefficients: torch.Tensor,
        angles: torch.Tensor,
        alphas: Sequence[float],
        totals: Sequence[torch.Tensor],
        work: Workspace,
    ) -> None:
        """Add the bands, their phases shifted by ``alpha * gain * angles``, to a total per alpha.

        Angles (k, size) are radians; the totals are frequency planes (k, rows, columns).
        """
        box, angle, cosine = work.views(tuple(coefficients.shape))
        angles = angles.view(angle.shape)
        if isinstance(self.gain, torch.Tensor) or self.gain != 1:
            angles = angles * self.gain
        for alpha, total in zip(alphas, totals, strict=True):
            torch.mul(angles, alpha, out=angle)
            _turn(angle, cosine, box)
            self.bands.add(torch.fft.fft2(box.mul_(coefficients)), total, self.corner)


def _split(values: torch.Tensor, real: torch.Tensor, imaginary: torch.Tensor) -> None:
    """Copy real and imaginary parts to planes."""
    if values.device.type == "cpu":
        cv2.split(_channels(values), [_channels(real), _channels(imaginary)])
    else:
        real.copy_(values.real)
        imaginary.copy_(values.imag)


def _join(real: torch.Tensor, imaginary: torch.Tensor, out: torch.Tensor) -> None:
    """Copy planes to real and imaginary parts."""
    if out.device.type == "cpu":
        cv2.merge([_channels(real), _channels(imaginary)], _channels(out))
    else:
        torch.complex(real, imaginary, out=out)


def _channels(values: torch.Tensor) -> NDArray[Any]:
    """View values as an image of OpenCV's, with two channels where they are complex."""
    array = values.flatten(0, -2).numpy()
    return array.view(array.real.dtype).reshape(*array.shape, 2) if values.is_complex() else array


def _arc_tangent(imaginary: torch.Tensor, real: torch.Tensor) -> None:
    """Write the angles of planes over the real parts."""
    if real.device.type == "cpu" and _vectorised_arc_tangent():
        np.arctan2(imaginary.numpy(), real.numpy(), out=real.numpy())
    else:
        torch.atan2(imaginary, real, out=real)


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
    _join(cosine, angle, out)
