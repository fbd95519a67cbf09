"""Phase-based magnification of clips or chunks of clips against one reference frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.bands import crop, low_size, sampled, to_images, to_spectra, uncrop
from microexpr.magnify.blocks import Workspace, block_frames, blocks
from microexpr.magnify.clip import Progress, check_mask, luma
from microexpr.magnify.local_phase import LocalPhase
from microexpr.magnify.operator import TemporalOperator
from microexpr.magnify.steerable import steerable_pyramid

CUTOFF = 0.1  # responses below this share of a band's maximum are left out
HIGH_OCTAVES = 0.5  # wavelengths from 2.8 px on move fully


class PhaseMagnifier:
    """The bands of a pyramid and the reference frame that phases are measured against.

    The finest bands hold three quarters of all coefficients and see the frames' own spectra, which
    are computed twice rather than kept. All other bands work on the spectra's low frequencies.

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
        self.low_size = low_size(self.pyramid.bands, height, width)
        fine = to_spectra(reference)
        coarse = crop(fine, *self.low_size)
        self.bands: list[list[LocalPhase]] = [[] for _ in gains]
        for band in self.pyramid.bands:
            weight = 1.0 if mask is None else sampled(mask.to(reference), band)
            self.bands[band.radial].append(
                LocalPhase(
                    band,
                    coarse if band.radial else fine,
                    size=(height, width),
                    sigma_px=smoothing_px * 2**band.octave,
                    gain=gains[band.radial] * weight,
                )
            )
        largest = max(_largest(group) * self.block_frames(group) for group in self.bands)
        self.work = Workspace(fine, largest)

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

    def block_frames(self, group: list[LocalPhase]) -> int:
        """Frames of a block."""
        return block_frames(_largest(group), self.pyramid.high.device)


def _largest(group: list[LocalPhase]) -> int:
    return max(part.band.size for part in group)


def _gains(level_gains: Sequence[float] | None, radial_bands: int) -> list[float]:
    if level_gains is None:
        return [1.0] * radial_bands
    if len(level_gains) != radial_bands:
        raise ConfigError(f"level_gains: {len(level_gains)} values for {radial_bands} radial bands")
    return [float(gain) for gain in level_gains]


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
        self.progress = progress
        self.work_done = 0
        self.work_total = 2 * len(clip) * sum(band.size for band in magnifier.pyramid.bands)

    def fill(self, results: list[torch.Tensor]) -> None:
        """Phases of the finest bands, all other bands, then frame after frame of the results."""
        finest, *others = self.magnifier.bands
        low = self.work.complex.new_empty((len(self.clip), *self.magnifier.low_size))
        maps = self._measured(finest, self._frame_spectra(low))
        low_totals = [torch.zeros_like(low) for _ in self.alphas]
        for group in others:
            self._shift_low(group, low, low_totals)
        for frames, spectra in self._frame_spectra():
            totals = [spectra * self.magnifier.pyramid.remainder for _ in self.alphas]
            self._shift(finest, maps, frames, spectra, totals)
            for result, total, low_total in zip(results, totals, low_totals, strict=True):
                uncrop(low_total[frames], total)
                self._finish(total, frames, result)

    def _shift_low(
        self, group: list[LocalPhase], low: torch.Tensor, low_totals: list[torch.Tensor]
    ) -> None:
        """Measure and shift a group of bands that lies within the low frequencies."""
        parts = self._blocks(group)
        maps = self._measured(group, ((frames, low[frames]) for frames in parts))
        for frames in parts:
            totals = [total[frames] for total in low_totals]
            self._shift(group, maps, frames, low[frames], totals)

    def _blocks(self, group: list[LocalPhase]) -> list[slice]:
        return blocks(len(self.clip), self.magnifier.block_frames(group))

    def _frame_spectra(
        self, low: torch.Tensor | None = None
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Spectra of the frames, block by block; their low frequencies go to `low`."""
        for frames in self._blocks(self.magnifier.bands[0]):
            spectra = to_spectra(self.grey[frames])
            if low is not None:
                low[frames] = crop(spectra, *self.magnifier.low_size)
            yield frames, spectra

    def _measured(
        self, group: list[LocalPhase], spectra: Iterable[tuple[slice, torch.Tensor]]
    ) -> list[torch.Tensor]:
        """Temporally filtered, smoothed phases of each band, (r, size) or (T, size)."""
        like = self.work.first
        phases = [like.new_empty((len(self.grey), part.band.size)) for part in group]
        for frames, block in spectra:
            for part, phase in zip(group, phases, strict=True):
                part.measure(block, phase[frames], self.work)
            self._advance(group, frames)
        for index, part in enumerate(group):
            phases[index] = self.operator.project(phases[index], part)
            if part.smoothing:
                part.smoothing.apply(phases[index])
        return phases

    def _shift(
        self,
        group: list[LocalPhase],
        maps: list[torch.Tensor],
        frames: slice,
        spectra: torch.Tensor,
        totals: list[torch.Tensor],
    ) -> None:
        """Add the bands of a group, shifted, to the spectra of the results."""
        for part, phases in zip(group, maps, strict=True):
            angles = self.operator.frames(phases, frames)
            part.shift(spectra, angles, self.alphas, totals, self.work)
        self._advance(group, frames)

    def _finish(self, total: torch.Tensor, frames: slice, result: torch.Tensor) -> None:
        """Store magnified luma; its change is added to each colour."""
        if self.clip.ndim == 3:
            to_images(total, out=result[frames])
        else:
            change = (to_images(total) - self.grey[frames])[..., None]
            torch.add(self.clip[frames], change, out=result[frames])

    def _advance(self, group: list[LocalPhase], frames: slice) -> None:
        self.work_done += (frames.stop - frames.start) * sum(part.band.size for part in group)
        if self.progress:
            self.progress(self.work_done / self.work_total)
