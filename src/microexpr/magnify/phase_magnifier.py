"""Phase-based magnification of clips or chunks of clips against one reference frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.bands import crop, sampled, to_images, to_spectra, uncrop
from microexpr.magnify.blocks import Workspace, block_frames, blocks
from microexpr.magnify.clip import Progress, check_mask, luma
from microexpr.magnify.local_phase import LocalPhase
from microexpr.magnify.operator import TemporalOperator
from microexpr.magnify.stacks import low_shape, stacks
from microexpr.magnify.steerable import steerable_pyramid

CUTOFF = 0.1  # responses below this share of a band's maximum are left out
HIGH_OCTAVES = 0.5  # wavelengths from 2.8 px on move fully


class PhaseMagnifier:
    """The bands of a pyramid and the reference frame that phases are measured against.

    The finest bands hold three quarters of all coefficients. They see the frames' own spectra while
    these are in the processor's cache, which is cheaper to compute twice than to keep; all other
    bands work on the low frequencies of the spectra, which are kept.

    Parameters
    ----------
    reference : Tensor, float, shape (H, W)
        Luma of the reference frame.
    levels, orientations, per_octave, smoothing_px, level_gains, mask
        As in :func:`microexpr.magnify.pmm`.
    high_octaves : float
        Below Nyquist, the octaves in which motion fades out; one in the paper. See
        :func:`microexpr.magnify.steerable.steerable_pyramid`.
    """

    def __init__(
        self,
        reference: torch.Tensor,
        *,
        levels: int | None = None,
        orientations: int = 8,
        per_octave: int = 1,
        smoothing_px: float = 2.0,
        level_gains: Sequence[float] | None = None,
        mask: torch.Tensor | None = None,
        high_octaves: float = HIGH_OCTAVES,
    ) -> None:
        height, width = reference.shape
        if not smoothing_px >= 0:
            raise ConfigError(f"magnify.pmm.smoothing_px: {smoothing_px:g} must be 0 or more")
        check_mask(mask, height, width)
        self.pyramid = steerable_pyramid(
            height,
            width,
            levels=levels,
            orientations=orientations,
            per_octave=per_octave,
            cutoff=CUTOFF,
            high_octaves=high_octaves,
        ).to(reference)
        gains = _gains(level_gains, self.pyramid.radial_bands)
        found = stacks(self.pyramid)
        self.low_shape = low_shape(found, height, width)
        spectrum = to_spectra(reference)
        low = spectrum.new_empty(self.low_shape)
        crop(spectrum, low)
        self.parts: list[LocalPhase] = []
        for bands in found:
            gain: torch.Tensor | float = gains[bands.radial]
            if mask is not None:
                weight = [sampled(mask.to(reference), band) for band in bands.bands]
                gain = gain * torch.stack(weight)
            self.parts.append(
                LocalPhase(
                    bands,
                    low if bands.radial else spectrum,
                    size=(height, width),
                    sigma_px=smoothing_px * 2**bands.octave,
                    gain=gain,
                )
            )
        largest = max(bands.size * block_frames(bands.size, reference.device) for bands in found)
        self.work = Workspace(spectrum, largest)

    def run(
        self,
        clip: torch.Tensor,
        operator: TemporalOperator,
        alphas: Sequence[float],
        progress: Progress | None = None,
    ) -> list[torch.Tensor]:
        """The magnified clip, (T, H, W) or (T, H, W, 3), for each alpha."""
        results = [torch.empty_like(clip, memory_format=torch.contiguous_format) for _ in alphas]
        with torch.inference_mode():  # no bookkeeping of views and versions: many small calls
            _Run(self, clip, operator, alphas, progress).fill(results)
        return results


class _Run:
    """One clip on its way through the bands."""

    def __init__(
        self,
        magnifier: PhaseMagnifier,
        clip: torch.Tensor,
        operator: TemporalOperator,
        alphas: Sequence[float],
        progress: Progress | None,
    ) -> None:
        self.magnifier, self.work = magnifier, magnifier.work
        self.clip, self.grey = clip, luma(clip)
        self.operator, self.alphas = operator, alphas
        self.progress, self.done = progress, 0
        self.finest = [part for part in magnifier.parts if part.bands.radial == 0]
        self.others = [part for part in magnifier.parts if part.bands.radial > 0]

    def fill(self, results: Sequence[torch.Tensor]) -> None:
        """Phases of the finest bands, all other bands, then the results block by block."""
        low = self.work.complex.new_empty((len(self.clip), *self.magnifier.low_shape))
        maps = self._finest_maps(low)
        low_totals = [torch.zeros_like(low) for _ in self.alphas]
        for part in self.others:
            self._add_coarse(part, low, low_totals)
        for frames, spectra in self._spectra():
            totals = [spectra * self.magnifier.pyramid.remainder for _ in self.alphas]
            for part, values in zip(self.finest, maps, strict=True):
                angles = self.operator.frames(values, frames)
                found = part.coefficients(spectra, self.work)
                part.shift(found, angles, self.alphas, totals, self.work)
            for result, total, low_total in zip(results, totals, low_totals, strict=True):
                uncrop(low_total[frames], total)
                self._finish(total, frames, result)
            self._advance(self.finest, len(spectra))

    def _spectra(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Half spectra of the frames, as many at a time as the finest bands take."""
        for frames in self._blocks(max(self.finest, key=lambda part: part.bands.size)):
            yield frames, to_spectra(self.grey[frames])

    def _blocks(self, part: LocalPhase) -> list[slice]:
        return blocks(len(self.clip), block_frames(part.bands.size, self.clip.device))

    def _finest_maps(self, low: torch.Tensor) -> list[torch.Tensor]:
        """Filtered phases of the finest bands; the frames' low frequencies go to `low`."""
        maps = [self.operator.start(len(low), part.bands.size) for part in self.finest]
        for frames, spectra in self._spectra():
            crop(spectra, low[frames])
            for part, collected in zip(self.finest, maps, strict=True):
                phases = part.measure(part.coefficients(spectra, self.work), self.work)
                self.operator.collect(collected, frames, phases)
            self._advance(self.finest, len(spectra))
        return [self._filtered(*pair) for pair in zip(self.finest, maps, strict=True)]

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
        """Temporally filtered, smoothed phases, (r, size) or (T, size)."""
        maps = self.operator.finish(maps, part)
        if part.smoothing:
            part.smoothing.apply(maps)
        return maps

    def _finish(self, total: torch.Tensor, frames: slice, result: torch.Tensor) -> None:
        """Store magnified luma; its change is added to each colour."""
        magnified = to_images(total, self.grey.shape[-1])
        if self.clip.ndim == 3:
            result[frames] = magnified
        else:
            change = (magnified - self.grey[frames])[..., None]
            torch.add(self.clip[frames], change, out=result[frames])

    def _advance(self, parts: Sequence[LocalPhase], n_frames: int) -> None:
        self.done += n_frames * sum(part.bands.size for part in parts)
        if self.progress:
            total = sum(part.bands.size for part in self.magnifier.parts)
            self.progress(self.done / (2 * len(self.clip) * total))


def _gains(level_gains: Sequence[float] | None, radial_bands: int) -> list[float]:
    if level_gains is None:
        return [1.0] * radial_bands
    if len(level_gains) != radial_bands:
        raise ConfigError(f"level_gains: {len(level_gains)} values for {radial_bands} radial bands")
    return [float(gain) for gain in level_gains]
