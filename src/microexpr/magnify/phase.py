"""Phase-based motion magnification, Wadhwa et al. 2013.

The phases of a steerable pyramid's bands are filtered in time, smoothed with the amplitude as
weight, and added ``alpha`` times; `remainder` is what is in no band, ``B_b = ifft2(G_b fft2(x))``::

    out = remainder(x) + Re ifft2( sum_b 2 G_b fft2( B_b exp(i alpha M angle(B_b / B_b[ref])) ) )

Three choices differ from the paper, all measured. Two orientations meet in each direction instead
of half of all: half the coefficients, and the result is as right. The smoothing weighs with the
amplitude of the reference frame: it then commutes with the temporal filter and runs on r components
instead of T frames. And the residuals, in which motion is not magnified, are small: the finest band
moves wavelengths from 2.1 px on, and the coarsest ends at one cycle per frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.bands import sampled
from microexpr.magnify.clip import Progress, check_mask, luma, magnified
from microexpr.magnify.local_phase import LocalPhase
from microexpr.magnify.operator import ClipFilter, Workspace, block_frames, blocks, fresh
from microexpr.magnify.steerable import stacks, steerable_pyramid

PYRAMID = {  # measured, see docs/benchmarks.md
    "cutoff": 0.1,
    "high_octaves": 0.1,
    "top_octaves": 0.5,
    "split_octaves": 2,
    "narrow": True,
    "fewer": 1,
}
KEPT_CLIPS = 4.0  # memory for what is kept of the finest bands, in clips of luma
KEPT_BYTES = 384 << 20  # the same for long clips


@overload
def pmm(clip: torch.Tensor, *, alpha: float, **options: Any) -> torch.Tensor: ...
@overload
def pmm(clip: torch.Tensor, *, alpha: Sequence[float], **options: Any) -> list[torch.Tensor]: ...
def pmm(
    clip: torch.Tensor, *, alpha: float | Sequence[float], **options: Any
) -> torch.Tensor | list[torch.Tensor]:
    """Magnify small motions by shifting local phase.

    Parameters
    ----------
    clip : Tensor, float32 or float64, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames in 0..1, on any device. The luma (Y of YIQ) is magnified, chroma is
        passed through.
    fps, passband_hz, temporal_filter, order, reference_frame, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`. Phases are
        measured against the reference frame.
    levels, orientations, per_octave : int
        Octaves (by default as many as fit), orientations (5) and bands per octave (2, or 1) of the
        pyramid, see :func:`microexpr.magnify.steerable.steerable_pyramid`. Half-octave bands bear
        twice the shift; octave bands take two thirds of the time.
    smoothing_px : float, default 2
        Standard deviation of the amplitude-weighted smoothing of the phases (Wadhwa et al. 2013,
        eq. 17), px of the band: ``smoothing_px * 2 ** octave`` px of the frame. 0: none.
    level_gains : sequence of float, optional
        Share of alpha for each radial band, finest first; by default 1 for all.
    alpha, mask, device, dtype, progress
        As for :func:`microexpr.magnify.amm`, with its results and errors.

    Warns
    -----
    MicroexprWarning
        Where the magnified motion is beyond the wavelength of the detail that moves.
    """
    results = magnified(clip, PhaseMagnifier, alpha, **options)
    return results if isinstance(alpha, Sequence) else results[0]


class PhaseMagnifier:
    """The bands of a pyramid and the luma (H, W) of the frame that phases are measured against.

    The finest bands hold three quarters of all coefficients. Their phases are filtered before any
    frame is put together; until then coefficients are kept, as many as memory allows, and the
    others are computed again. All other bands work on the low frequencies of the spectra. The
    options are those of :func:`pmm` and of :func:`~microexpr.magnify.steerable.steerable_pyramid`.
    """

    bound, wavelength_px = 1.0, 0.0

    def __init__(
        self,
        reference: torch.Tensor,
        *,
        per_octave: int = 2,
        orientations: int = 5,
        smoothing_px: float = 2.0,
        level_gains: Sequence[float] | None = None,
        mask: torch.Tensor | None = None,
        **pyramid: Any,
    ) -> None:
        height, width = reference.shape
        if not smoothing_px >= 0:
            raise ConfigError(f"magnify.pmm.smoothing_px: {smoothing_px:g} must be 0 or more")
        check_mask(mask, height, width)
        pyramid = PYRAMID | pyramid
        pyramid |= {"per_octave": per_octave, "orientations": orientations}
        self.pyramid = steerable_pyramid(height, width, **pyramid).to(reference)
        radial_bands = self.pyramid.radial_bands
        gains = [1.0] * radial_bands if level_gains is None else [float(g) for g in level_gains]
        if len(gains) != radial_bands:
            raise ConfigError(f"level_gains: {len(gains)} values for {radial_bands} radial bands")
        found = stacks(self.pyramid)
        everything = [band for stack in found for band in stack.bands]
        self.plane = self.pyramid.plane(everything)
        self.low = self.pyramid.plane(band for band in everything if band.radial)
        spectrum = torch.fft.rfft2(reference)
        still = spectrum.new_empty(self.plane.shape)
        self.plane.spread(spectrum, still)
        self.parts: list[LocalPhase] = []
        for bands in found:
            gain: torch.Tensor | float = gains[bands.radial]
            if mask is not None:
                weight = [sampled(mask.to(reference), band) for band in bands.bands]
                gain = gain * torch.stack(weight)
            plane = self.low if bands.radial else self.plane
            part = LocalPhase(
                bands,
                self.plane.part(still, plane),
                corner=plane.corner,
                size=(height, width),
                sigma_px=smoothing_px * 2**bands.octave,
                gain=gain,
            )
            self.parts.append(part)
        largest = max(bands.size * block_frames(bands.size, reference.device) for bands in found)
        self.work = Workspace(spectrum, largest)

    def run(
        self,
        clip: torch.Tensor,
        operator: ClipFilter,
        alphas: Sequence[float],
        progress: Progress | None = None,
    ) -> list[torch.Tensor]:
        """Return the magnified clip, (T, H, W) or (T, H, W, 3), for each alpha."""
        results = [fresh(clip.shape, clip) for _ in alphas]
        with torch.inference_mode():  # no bookkeeping of views and versions: many small calls
            _Run(self, clip, operator, alphas, progress).fill(results)
        return results


@dataclass
class _Run:
    """One clip on its way through the bands."""

    magnifier: PhaseMagnifier
    clip: torch.Tensor
    operator: ClipFilter
    alphas: Sequence[float]
    progress: Progress | None
    done: int = 0

    def __post_init__(self) -> None:
        """Find the finest bands and the largest of them."""
        self.work, self.grey = self.magnifier.work, luma(self.clip)
        self.finest = [part for part in self.magnifier.parts if not part.bands.radial]
        self.largest = max(self.finest, key=lambda part: part.bands.size)

    def fill(self, results: Sequence[torch.Tensor]) -> None:
        """Measure the finest bands, add all others, then fill the results block by block."""
        plane, low = self.magnifier.plane, self.magnifier.low
        low_planes = fresh((len(self.clip), *low.shape), self.work.complex)
        kept, maps = self._measure_finest(low_planes)
        low_totals = [fresh(low_planes.shape, low_planes).zero_() for _ in self.alphas]
        for part in self.magnifier.parts[len(self.finest) :]:
            self._add_coarse(part, low_planes, low_totals)
        del low_planes
        room = self._planes(len(self.alphas))
        for frames, spectra, planes in self._spectra(spread=any(values is None for values in kept)):
            totals = list(room[:, : len(spectra)].zero_())
            for total, low_total in zip(totals, low_totals, strict=True):
                plane.part(total, low).copy_(low_total[frames])
            for part, values, filtered in zip(self.finest, kept, maps, strict=True):
                angles = self.operator.frames(filtered, frames)
                found = part.coefficients(planes, self.work) if values is None else values[frames]
                part.shift(found, angles, self.alphas, totals, self.work)
            for result, total in zip(results, totals, strict=True):
                magnified = spectra * self.magnifier.pyramid.remainder
                plane.fold(total, magnified)
                grey = torch.fft.irfft2(magnified, s=self.grey.shape[1:])
                if self.clip.ndim == 3:
                    result[frames] = grey
                else:
                    change = (grey - self.grey[frames])[..., None]
                    torch.add(self.clip[frames], change, out=result[frames])
            self._advance(self.finest, len(spectra))

    def _planes(self, n: int) -> torch.Tensor:
        """Return scratch memory for n frequency planes of a block's frames."""
        n_frames = block_frames(self.largest.bands.size, self.clip.device)
        return fresh((n, n_frames, *self.magnifier.plane.shape), self.work.complex)

    def _spectra(self, *, spread: bool) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
        """Yield half spectra, and frequency planes if they are spread, of blocks of frames."""
        (room,) = self._planes(1)
        for frames in self._blocks(self.largest):
            spectra = torch.fft.rfft2(self.grey[frames])
            planes = room[: len(spectra)]
            if spread:
                self.magnifier.plane.spread(spectra, planes)
            yield frames, spectra, planes

    def _blocks(self, part: LocalPhase) -> list[slice]:
        return blocks(len(self.clip), block_frames(part.bands.size, self.clip.device))

    def _measure_finest(
        self, low_planes: torch.Tensor
    ) -> tuple[list[torch.Tensor | None], list[torch.Tensor]]:
        """Return kept coefficients and filtered phases of the finest bands; fill `low_planes`."""
        maps = [self.operator.start(len(self.clip), part.bands.size) for part in self.finest]
        kept = self._room_for_coefficients(sum(collected.nbytes for collected in maps))
        for frames, spectra, planes in self._spectra(spread=True):
            low_planes[frames] = self.magnifier.plane.part(planes, self.magnifier.low)
            for part, values, collected in zip(self.finest, kept, maps, strict=True):
                coefficients = part.coefficients(planes, self.work)
                if values is not None:
                    values[frames] = coefficients
                self.operator.collect(collected, frames, part.measure(coefficients, self.work))
            self._advance(self.finest, len(spectra))
        return kept, [self._filtered(*pair) for pair in zip(self.finest, maps, strict=True)]

    def _room_for_coefficients(self, used_bytes: int) -> list[torch.Tensor | None]:
        """Return memory for the coefficients of as many of the finest bands as may be kept."""
        allowed_bytes = min(KEPT_CLIPS * self.grey.nbytes, KEPT_BYTES)
        kept: list[torch.Tensor | None] = []
        for part in self.finest:
            used_bytes += len(self.clip) * part.bands.size * self.work.complex.itemsize
            shape = (len(self.clip), *part.bands.shape)
            fits = used_bytes <= allowed_bytes
            kept.append(fresh(shape, self.work.complex) if fits else None)
        return kept

    def _add_coarse(
        self, part: LocalPhase, low: torch.Tensor, low_totals: Sequence[torch.Tensor]
    ) -> None:
        """Measure, filter and shift bands that lie within the low frequencies."""
        maps, steps = self.operator.start(len(low), part.bands.size), self._blocks(part)
        found = [part.coefficients(low[frames], self.work) for frames in steps]
        for frames, values in zip(steps, found, strict=True):
            self.operator.collect(maps, frames, part.measure(values, self.work))
        maps = self._filtered(part, maps)
        for frames, values in zip(steps, found, strict=True):
            angles = self.operator.frames(maps, frames)
            totals = [total[frames] for total in low_totals]
            part.shift(values, angles, self.alphas, totals, self.work)
        self._advance([part], 2 * len(self.clip))

    def _filtered(self, part: LocalPhase, maps: torch.Tensor) -> torch.Tensor:
        """Return temporally filtered, smoothed phases, (r, size) or (T, size)."""
        maps = self.operator.finish(maps, part)
        if part.smoothing:
            part.smoothing.apply(maps)
        return maps

    def _advance(self, parts: Sequence[LocalPhase], n_frames: int) -> None:
        self.done += n_frames * sum(part.bands.size for part in parts)
        if self.progress:
            total = sum(part.bands.size for part in self.magnifier.parts)
            self.progress(self.done / (2 * len(self.clip) * total))
