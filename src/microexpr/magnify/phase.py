"""Phase-based motion magnification, Wadhwa et al. 2013.

The phases of a steerable pyramid's bands are filtered in time, smoothed with the amplitude as
weight, and added ``alpha`` times; `remainder` is what is in no band, ``B_b = ifft2(G_b fft2(x))``::

    out = remainder(x) + Re ifft2( sum_b 2 G_b fft2( B_b exp(i alpha M angle(B_b / B_b[ref])) ) )

What differs from the paper is measured (docs/benchmarks.md). The finest band holds the corners of
the frequency plane, and the coarsest ends at one cycle per frame. Two orientations meet in each
direction instead of half of all, and alpha is raised by what such bands leave behind; only the
finest octaves are split in half-octave bands. Smoothing knows the noise (`motion_field`); it weighs
with the amplitude of the reference frame, commutes with the temporal filter, and runs on r
components instead of T frames. A border keeps the opposite edge out.
"""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Annotated, Any, overload

import torch
from pydantic import Field

from microexpr.errors import ConfigError
from microexpr.magnify.arguments import ArrayT
from microexpr.magnify.bands import bordered, extended, sampled
from microexpr.magnify.clip import Progress, check_mask, luma, magnified
from microexpr.magnify.local_phase import LocalPhase
from microexpr.magnify.motion_field import Axis, Motion, noise_level, ring_motions
from microexpr.magnify.operator import ClipFilter, Workspace, block_frames, blocks, fresh
from microexpr.magnify.steerable import fitting_octaves, stacks, steerable_pyramid

# Measured, see docs/benchmarks.md.
PYRAMID = {"cutoff": 0.1, "high_octaves": 0.1, "top_octaves": 0.5}
PYRAMID |= {"split_octaves": 2, "narrow": True}
LEFT_BEHIND = 0.053  # of a motion, by narrow bands: they hold several directions and wavelengths
Tensors = Sequence[torch.Tensor]
Measured = tuple[LocalPhase, torch.Tensor, Tensors]  # filtered phases, blocks of coefficients
BORDER_PX = 8  # at least, so that nothing comes in at the opposite edge


@overload
def pmm(clip: ArrayT, *, alpha: float, **options: Any) -> ArrayT: ...
@overload
def pmm(clip: ArrayT, *, alpha: Sequence[float], **options: Any) -> list[ArrayT]: ...
def pmm(clip: Any, *, alpha: Any, **options: Any) -> Any:
    """Magnify small motions by shifting local phase.

    Parameters
    ----------
    clip : Tensor or ndarray, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames, as for :func:`microexpr.magnify.amm`. The luma (Y of YIQ) is magnified,
        chroma is passed through.
    fps, passband_hz, temporal_filter, order, reference_frame, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`. Phases are
        measured against the reference frame.
    levels, orientations, per_octave : int
        Octaves (by default as many as fit), orientations (5) and bands per octave (2, or 1) of the
        pyramid, see :func:`microexpr.magnify.steerable.steerable_pyramid`. Half-octave bands bear
        twice the shift; octave bands take two thirds of the time.
    smoothing_px : float, default 2
        Standard deviation of the window in which phases are smoothed as far as noise asks for it
        (Wadhwa et al. 2013, eq. 17), px of the band: ``smoothing_px * 2 ** octave`` px of the
        frame. 0: not smoothed at all.
    axis : {'both', 'horizontal', 'vertical'}
        The component of the motion that is magnified; the other one stays as it is.
    level_gains : sequence of float, optional
        Share of alpha for each radial band, finest first; by default 1 for all.
    alpha, mask, device, dtype, progress
        As for :func:`microexpr.magnify.amm`, with its results and errors.

    Warns
    -----
    MicroexprWarning
        Where the magnified motion is beyond 1.5 wavelengths of the detail that moves.
    """
    return magnified(clip, PhaseMagnifier, alpha, **options)


@cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 62 MB of freed memory, as it does once a large piece was freed.

    Otherwise the system clears each block's memory anew, a twentieth of the time of `pmm`.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


class PhaseMagnifier:
    """The bands of a pyramid, and the luma (H, W) of the frame that phases are measured against."""

    bound, wavelength_px = 1.5, 0.0
    takers = (steerable_pyramid,)

    def __init__(
        self,
        reference: torch.Tensor,
        *,
        per_octave: int = 2,
        orientations: int = 5,
        smoothing_px: Annotated[float, Field(ge=0)] = 2.0,
        axis: Axis = "both",
        levels: Annotated[int, Field(ge=1)] | None = None,
        level_gains: Sequence[float] | None = None,
        mask: torch.Tensor | None = None,
        **pyramid: Any,
    ) -> None:
        keep_freed_memory()
        height, width = reference.shape
        check_mask(mask, height, width)
        pyramid = PYRAMID | pyramid | {"per_octave": per_octave, "orientations": orientations}
        self.factor = 1 + LEFT_BEHIND if pyramid["narrow"] else 1.0
        pyramid["levels"] = fitting_octaves(height, width, levels)
        self.size = height, width = bordered(height, width, BORDER_PX)
        reference = extended(reference, self.size)
        self.pyramid = steerable_pyramid(height, width, **pyramid).to(reference)
        radial_bands = self.pyramid.radial_bands
        gains = [1.0] * radial_bands if level_gains is None else [float(g) for g in level_gains]
        if len(gains) != radial_bands:
            raise ConfigError(f"level_gains: {len(gains)} values for {radial_bands} radial bands")
        found = stacks(self.pyramid)
        self.plane, spectrum = self.pyramid.plane, torch.fft.rfft2(reference)
        self.coarse = self.plane.around(b for part in found for b in part.bands if part.radial)
        still = spectrum.new_empty(self.plane.shape)
        self.plane.spread(spectrum, still)
        self.parts: list[LocalPhase] = []
        for bands in found:
            gain: torch.Tensor | float = gains[bands.radial]
            if mask is not None:
                wide = extended(mask.to(reference), self.size)
                gain = gain * torch.stack([sampled(wide, band) for band in bands.bands])
            place = {"corner": self.plane.corner, "size": self.size}
            self.parts.append(LocalPhase(bands, still, gain=gain, **place))
        self.rings = [list(ring) for _, ring in groupby(self.parts, lambda part: part.bands.radial)]
        self.motions = ring_motions(self.rings, self.size, smoothing_px, axis)
        self.noise: float | None = None  # sd, from the first frames
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
        results, grey = [fresh(clip.shape, clip) for _ in alphas], luma(clip)
        # An alpha of -1 gives a band the phases of the reference, and leaves nothing behind.
        alphas = [alpha * self.factor if alpha > 0 else alpha for alpha in alphas]
        if self.noise is None:
            self.noise = noise_level(grey)
        with torch.inference_mode():  # no bookkeeping of views and versions: many small calls
            planes = self._planes(grey)
            coarse = [planes.new_zeros((len(planes), *self.coarse.shape)) for _ in alphas]
            done, size = 0, sum(part.bands.size for part in self.parts)
            motion: Motion | None = None
            for number in reversed(range(len(self.rings))):  # coarse motions are known better
                measured, motion = self._measure(number, motion, planes, operator)
                totals = coarse if number else self._with_remainder(planes, coarse)
                self._shift(measured, totals, operator, alphas)
                del measured  # before those of the next ring, which are more
                done += sum(part.bands.size for part in self.rings[number])
                if progress:
                    progress(done / size)
            del planes, coarse
            for result in results:
                self._write(totals.pop(0), grey, clip, result)
        return results

    def _with_remainder(self, planes: torch.Tensor, coarse: Tensors) -> list[torch.Tensor]:
        """Return what is in no band, plus coarse rings, in the memory of planes among others."""
        totals = [*(fresh(planes.shape, planes) for _ in coarse[1:]), planes]
        for total, low in zip(totals, coarse, strict=True):
            self.plane.masked(planes, self.pyramid.remainder, out=total)
            self.plane.part(total, self.coarse).add_(low)
        return totals

    def _blocks(self, size: int, n_frames: int) -> list[slice]:
        return blocks(n_frames, block_frames(size, self.work.complex.device))

    def _planes(self, grey: torch.Tensor) -> torch.Tensor:
        """Return the frequency planes of all frames."""
        planes = fresh((len(grey), *self.plane.shape), self.work.complex)
        for frames in self._blocks(grey[0].numel() // 4, len(grey)):
            spectra = torch.fft.rfft2(extended(grey[frames], self.size))
            self.plane.spread(spectra, planes[frames])
        return planes

    def _measure(
        self, number: int, coarser: Motion | None, planes: torch.Tensor, operator: ClipFilter
    ) -> tuple[list[Measured], Motion | None]:
        """Measure a ring's bands, filter and smooth; return its motion, too, for the next ring."""
        ring, smoothing = self.rings[number], self.motions[number]
        found: list[list[torch.Tensor]] = []
        maps = [operator.start(len(planes), part.bands.size) for part in ring]
        for part, collected in zip(ring, maps, strict=True):
            found.append([])
            for frames in self._blocks(part.bands.size, len(planes)):
                found[-1].append(part.coefficients(planes[frames], self.work))
                operator.collect(collected, frames, part.measure(found[-1][-1], self.work))
        maps = [operator.finish(*pair) for pair in zip(maps, ring, strict=True)]
        variance = operator.noise * (self.noise or 0.0) ** 2
        fitted = smoothing.fit(maps, coarser, variance) if smoothing else None
        return list(zip(ring, maps, found, strict=True)), fitted

    def _shift(
        self, measured: list[Measured], totals: Tensors, operator: ClipFilter, alphas: list[float]
    ) -> None:
        """Add the shifted bands of a ring to the total of each alpha."""
        for part, filtered, values in measured:
            corner = (self.coarse if part.bands.radial else self.plane).corner
            steps = self._blocks(part.bands.size, len(totals[0]))
            for frames, coefficients in zip(steps, values, strict=True):
                angles = operator.frames(filtered, frames)
                parts = [total[frames] for total in totals]
                part.shift(coefficients, angles, alphas, parts, corner=corner, work=self.work)

    def _write(
        self, total: torch.Tensor, grey: torch.Tensor, clip: torch.Tensor, result: torch.Tensor
    ) -> None:
        """Write the frames of frequency planes, whose content is lost, with the clip's colours."""
        for frames in self._blocks(grey[0].numel(), len(grey)):
            spectra = self.plane.folded(total[frames])
            magnified = torch.fft.irfft2(spectra, s=self.size)
            magnified = magnified[:, : grey.shape[1], : grey.shape[2]]
            if clip.ndim == 3:
                result[frames] = magnified
            else:
                change = (magnified - grey[frames])[..., None]
                torch.add(clip[frames], change, out=result[frames])
