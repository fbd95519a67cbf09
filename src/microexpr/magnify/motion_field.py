"""Smoothing of local phases by the motion that they agree on, from coarse to fine.

All orientations of a ring see one displacement: the least squares of Wadhwa et al. 2013, eq. 17, in
a Gaussian window, weighted with the reference frame's power. Coarse rings have far less noise than
fine ones, so the displacement of the next coarser ring is the prior of a ring, with its variance,
and noise is known: fine phases count as far as they are above it. What the displacement leaves of
the phases, local detail of the motion, is kept where it stands out of the noise, and only there:
a clip without noise is not smoothed at all, and noise of places that do not move is not magnified.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch.nn import functional

from microexpr.errors import ConfigError
from microexpr.magnify.bands import doubled, fast_length, floats
from microexpr.magnify.local_phase import LocalPhase, join, split
from microexpr.magnify.operator import block_frames, blocks

Axis = Literal["both", "horizontal", "vertical"]
NOISE_FRAMES = 16  # in which noise is measured
LEAST_NOISE = 1e-6  # of values in 0..1
SPREAD_PX = 1.0  # sd of displacements before anything is known
DEVIATION = 0.3  # by which share a ring's displacement may differ from that of the coarser one
DAMPING = 1e-3  # of the trace of the 2 x 2 system: stripes show motion across them only
DETAIL_PX = 8  # side of the squares, px of the band, in which detail is compared with noise
# Energy in units of that of noise: nothing counts up to here, all from one unit more on.
MOVING, DETAIL = 1.0, 5.0


class Motion(NamedTuple):
    """Displacements ``x + i y`` (r, rows, columns), px, on a coarse grid, and their variance."""

    displacement: torch.Tensor
    variance: torch.Tensor


def ring_motions(
    rings: Sequence[Sequence[LocalPhase]], size: tuple[int, int], smoothing_px: float, axis: Axis
) -> list["RingMotion | None"]:
    """Return the smoothing of each ring, of none with `smoothing_px` 0; ConfigError."""
    if axis != "both" and smoothing_px == 0:
        raise ConfigError(
            f"magnify.pmm.axis: {axis!r} must be both, or horizontal or vertical with "
            "magnify.pmm.smoothing_px above 0"
        )
    if smoothing_px == 0:
        return [None] * len(rings)
    return [
        RingMotion(ring, size, smoothing_px * 2 ** ring[0].bands.octave, axis) for ring in rings
    ]


def noise_level(grey: torch.Tensor) -> float:
    """Return the sd of white noise in the first frames (T, H, W), 0 where there are under three."""
    few = grey[:NOISE_FRAMES]
    if len(few) < 3:
        return 0.0
    # Second differences in time, which motion hardly has, of diagonal differences in space.
    across = few.diff(dim=1).diff(dim=2) / 2
    variances = across.diff(dim=0).diff(dim=0).square().mean(dim=(1, 2)) / 6
    return math.sqrt(float(variances.median()))


class RingMotion:
    """The displacements of one ring of a pyramid, whose bands are `parts`, in windows of an sd."""

    def __init__(
        self, parts: Sequence[LocalPhase], size: tuple[int, int], window_px: float, axis: Axis
    ) -> None:
        self.parts, self.axis, pixels = parts, axis, size[0] * size[1]
        reach_px = 2 * math.sqrt(math.pi) * window_px
        self.samples = math.prod(min(n, reach_px) for n in size)  # px that a window averages
        step_px = max(2 * window_px, 2 ** parts[0].bands.octave)
        height, width = (fast_length(max(4, int(n / step_px)), contiguous=False) for n in size)
        self.shape, self.window = (height, width), _window((height, width), size, window_px)
        square_px = DETAIL_PX * 2 ** parts[0].bands.octave
        self.squares = (max(1, int(size[0] / square_px)), max(1, int(size[1] / square_px)))
        # Coefficients on a band's box are larger than on the frames' grid.
        self.scales = [(part.bands.shape[1] * part.bands.shape[2] / pixels) ** 2 for part in parts]
        powers, self.noise_slopes = (
            sum(values) for values in zip(*(part.noise() for part in parts), strict=True)
        )
        self.noise = powers / 2  # what turns the phase
        self.frequencies = [part.frequencies() for part in parts]
        squares, products = self._blurred(
            join(torch.stack([sx * x, sx * y]), torch.stack([sy * y, torch.zeros_like(x)]))
            for _, sx, sy, x, y in self.frequencies
        )
        # A window of few frequencies overshoots: sums of squares stay sums of squares.
        self.xx, self.yy = squares.real.clamp(min=0), squares.imag.clamp(min=0)
        largest = (self.xx * self.yy).sqrt()
        self.xy = torch.minimum(torch.maximum(products.real, -largest), largest)
        for _, _, _, x, y in self.frequencies:  # of the displacement, what is magnified
            if axis != "both":
                (x if axis == "vertical" else y).zero_()

    def fit(self, maps: Sequence[torch.Tensor], coarser: Motion | None, variance: float) -> Motion:
        """Smooth the phases (r, size) of each part, with white noise, in place; return motions."""
        views = [m.view(-1, *p.bands.shape) for m, p in zip(maps, self.parts, strict=True)]
        variance, found = max(variance, LEAST_NOISE**2), []
        size = max(part.bands.size for part in self.parts)
        for some in blocks(len(maps[0]), block_frames(size, maps[0].device)):
            block = [view[some] for view in views]
            prior = Motion(*(values[some] for values in coarser)) if coarser else None
            found.append(self._motion(block, prior, variance))
            self._keep_detail(block, found[-1], variance)
        return Motion(*(torch.cat(values) for values in zip(*found, strict=True)))

    def _motion(
        self, views: Sequence[torch.Tensor], coarser: Motion | None, variance: float
    ) -> Motion:
        total = self._blurred(
            join(view * slope_x, view * slope_y)
            for view, (_, slope_x, slope_y, _, _) in zip(views, self.frequencies, strict=True)
        )
        # Where the reference frame has hardly more than noise, its phases tell nothing.
        trace = self.xx + self.yy
        known = (1 - 2 * variance * self.noise_slopes / (trace + 1e-30)).clamp_(min=0).square_()
        information = known.mul_(2 * self.samples / variance)
        if coarser is None:
            prior_x = prior_y = torch.zeros_like(total.real)
            spread = torch.full_like(prior_x, SPREAD_PX**2)
        else:
            prior = resized(torch.fft.fft2(coarser.displacement), self.shape)
            prior_x, prior_y = split(prior)
            spread = _interpolated(coarser.variance, self.shape)
            spread += DEVIATION**2 * (prior_x * prior_x + prior_y * prior_y)
        xx, yy, xy = (information * m for m in (self.xx, self.yy, self.xy))
        trust = torch.maximum(1 / spread, DAMPING * (xx + yy) + 1e-12)
        xx, yy = xx + trust, yy + trust
        x, y = split(total)
        x = (trust * prior_x).addcmul_(x, information)
        y = (trust * prior_y).addcmul_(y, information)
        inverse = 1 / (xx * yy - xy * xy)
        displacement = join((yy * x - xy * y) * inverse, (xx * y - xy * x) * inverse)
        return Motion(displacement, (xx + yy) * inverse / 2)

    def _keep_detail(self, views: Sequence[torch.Tensor], motion: Motion, variance: float) -> None:
        """Replace phases by those of the displacement, and what of the rest stands out of noise."""
        x, y = split(motion.displacement)
        energy = (x * x + y * y)[:, None]
        energy = functional.avg_pool2d(energy, 3, 1, 1, count_include_pad=False)[:, 0]
        moving = (energy / (2 * motion.variance) - MOVING).clamp_(0, 1)
        displacement = torch.fft.fft2(join(x * moving, y * moving))
        shapes = {view.shape[-2:] for view in views}
        fields = {shape: split(resized(displacement, shape)[:, None]) for shape in shapes}
        energies, shifts = x.new_zeros((len(x), *self.squares)), []
        for view, (power, _, _, local_x, local_y), scale in zip(
            views, self.frequencies, self.scales, strict=True
        ):
            x, y = fields[view.shape[-2:]]
            shifts.append((x * local_x).addcmul_(y, local_y))
            rest = view.sub_(shifts[-1]).square().mul_(power)
            rest = rest.sum(dim=1) if rest.shape[1] > 1 else rest[:, 0]
            energies = energies + scale * functional.adaptive_avg_pool2d(rest, self.squares)
        share = (energies / (self.noise * variance + 1e-30) - DETAIL).clamp_(0, 1)
        if self.axis != "both":
            share.zero_()
        for view, shift in zip(views, shifts, strict=True):  # the rest becomes phases again
            rest = _interpolated(share, view.shape[-2:])[:, None]
            torch.addcmul(shift, view, rest, out=view)

    def _blurred(self, parts: Iterable[torch.Tensor]) -> torch.Tensor:
        """Return the sum of all bands' complex values (r, n, h, w), in the window, on the grid."""
        total = torch.zeros(())
        for values, scale in zip(parts, self.scales, strict=True):
            spectra = torch.fft.fft2(values)
            if not total.ndim:
                total = spectra.new_zeros((len(spectra), *self.shape))
            for spectrum in spectra.unbind(dim=-3):
                _add_cropped(spectrum, total, scale)
        floats(total).mul_(self.window.to(total.real))
        return torch.fft.ifft2(total)


def resized(spectra: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return periodic complex values (r, *shape), whose spectra on another grid are given."""
    result = spectra.new_zeros((*spectra.shape[:-2], *shape))
    _add_cropped(spectra, result, 1.0)
    return torch.fft.ifft2(result)


def _add_cropped(spectra: torch.Tensor, out: torch.Tensor, scale: float) -> None:
    """Add spectra (r, h, w), times a factor, to those of a grid with more or fewer frequencies."""
    height, width = (min(a, b) for a, b in zip(spectra.shape[-2:], out.shape[-2:], strict=True))
    scale *= math.prod(out.shape[-2:]) / math.prod(spectra.shape[-2:])
    for y in _halves(height):
        for x in _halves(width):
            out[..., y, x].add_(spectra[..., y, x], alpha=scale)


def _halves(n: int) -> tuple[slice, slice]:
    """Return the places of n frequencies around zero: from zero on, and below zero."""
    return slice(0, (n + 1) // 2), slice(-(n // 2), None if n > 1 else 0)


def _interpolated(values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return real values (r, h, w) on another grid, linearly: two small matrix products."""
    rows, columns = (
        _linear(a, b).to(values) for a, b in zip(values.shape[-2:], shape, strict=True)
    )
    return rows @ (values @ columns.T)


@lru_cache(maxsize=64)
def _linear(n: int, n_wanted: int) -> torch.Tensor:
    """Return the matrix (n_wanted, n) that interpolates between the centres of n parts."""
    places = (torch.arange(n_wanted) + 0.5) * n / n_wanted - 0.5
    distance = (places.clamp(0, n - 1)[:, None] - torch.arange(n)).abs()
    return (1 - distance).clamp(min=0)


@lru_cache(maxsize=64)
def _window(shape: tuple[int, int], size: tuple[int, int], sigma_px: float) -> torch.Tensor:
    """Return a Gaussian window's spectrum on a grid over frames of some size, for `floats`."""
    y, x = (torch.fft.fftfreq(n, 1 / n) for n in shape)
    distance = (y[:, None] / size[0]) ** 2 + (x / size[1]) ** 2
    return doubled(torch.exp(-2 * (math.pi * sigma_px) ** 2 * distance))
