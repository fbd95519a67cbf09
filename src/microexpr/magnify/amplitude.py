"""Amplitude-based (linear, Eulerian) motion magnification, Wu et al. 2012.

``out = x + alpha * S(M x)`` with M the temporal filter and S the weighted sum of a Laplacian
pyramid's levels. Both are linear and act on different axes, so they commute: with ``M = L R`` of
rank r, S runs on the r components ``R x`` instead of on T frames.

The convention of alpha: a motion inside the passband comes out ``1 + alpha`` times as large. The
results published with the reference implementation of 2012 pass only half of the spectrum through
their ideal filter; their alpha is twice the one here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.clip import Progress, check_alphas, check_clip, check_mask, luma, moved
from microexpr.magnify.laplacian import fitting_levels, level_weights, weighted_sum
from microexpr.magnify.motion_estimate import warn_outside_bounds
from microexpr.magnify.operator import ClipFilter, blocks, fresh
from microexpr.magnify.temporal import Boundary, TemporalFilter, filter_matrix

BLOCK_VALUES = 1 << 19  # filtered frames go through the pyramid in blocks of this size


class AmplitudeMagnifier:
    """Laplacian pyramid, colours and mask for frames of one size; options as in :func:`amm`."""

    def __init__(
        self,
        height_px: int,
        width_px: int,
        *,
        levels: int = 6,
        lambda_c_px: float = 16.0,
        level_gains: Sequence[float] | None = None,
        chroma_gain: float = 0.0,
        mask: torch.Tensor | None = None,
    ) -> None:
        if levels < 1:
            raise ConfigError(f"magnify.amm.levels: {levels} must be at least 1")
        if not lambda_c_px >= 0:
            raise ConfigError(f"magnify.amm.lambda_c_px: {lambda_c_px:g} must be 0 or more")
        self.size = (height_px, width_px)
        self.levels = fitting_levels(height_px, width_px, levels)
        if level_gains is not None and len(level_gains) != self.levels + 1:
            raise ConfigError(
                f"level_gains: {len(level_gains)} values for {self.levels} levels and the low-pass "
                "residual"
            )
        check_mask(mask, height_px, width_px)
        self.lambda_c_px, self.level_gains = lambda_c_px, level_gains
        self.chroma_gain, self.mask = chroma_gain, mask

    def weights(self, alpha: float) -> list[float]:
        """Share of alpha for each level, finest first, and for the low-pass residual."""
        if self.level_gains is not None:
            return [float(gain) for gain in self.level_gains]
        return [*level_weights(self.levels, alpha=alpha, lambda_c_px=self.lambda_c_px), 0.0]

    def planes(self, clip: torch.Tensor) -> torch.Tensor:
        """Return what is filtered, (T, n): the luma, or red, green, blue with less chroma."""
        if clip.ndim == 3 or self.chroma_gain == 0:
            return luma(clip).reshape(len(clip), -1)
        mixed = torch.lerp(luma(clip)[..., None], clip, self.chroma_gain)
        return mixed.movedim(-1, 1).reshape(len(clip), -1)

    def magnified(
        self,
        base: torch.Tensor,
        maps: torch.Tensor,
        operator: ClipFilter,
        gains: Sequence[Sequence[float]],
        progress: Progress | None = None,
    ) -> list[torch.Tensor]:
        """Return ``base + S(M planes)`` for each set of levels' gains.

        `maps` are the operator's of the planes; S runs on them where they are few. Frames go
        through in blocks, all sets of gains at a time.
        """
        results = [fresh(base.shape, base) for _ in gains]
        few = [self._spatial(maps, levels) for levels in gains] if operator.low_rank else []
        for rows in blocks(len(base), max(1, BLOCK_VALUES // maps.shape[1])):
            start, outs = base[rows], [result[rows] for result in results]
            if not operator.low_rank:
                filtered = operator.matrix[rows] @ maps
                for levels, out in zip(gains, outs, strict=True):
                    self._add(start, self._spatial(filtered, levels), out)
            elif base.ndim == 3:
                for summed, out in zip(few, outs, strict=True):
                    left = operator.left[rows]
                    torch.addmm(start.flatten(1), left, summed, out=out.view(len(left), -1))
            else:
                for summed, out in zip(few, outs, strict=True):
                    self._add(start, operator.left[rows] @ summed, out)
            if progress:
                progress(rows.stop / len(base))
        return results

    def add(
        self, base: torch.Tensor, filtered: torch.Tensor, gains: Sequence[float]
    ) -> torch.Tensor:
        """Return ``base + S(filtered)`` for planes that are filtered already."""
        return self._add(base, self._spatial(filtered, gains), fresh(base.shape, base))

    def _spatial(self, maps: torch.Tensor, gains: Sequence[float]) -> torch.Tensor:
        summed = weighted_sum(maps.view(-1, *self.size), gains)
        if self.mask is not None:
            summed *= self.mask.to(summed)
        return summed.view(maps.shape)

    def _add(self, base: torch.Tensor, change: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        if base.ndim == 3:
            change = change.view(base.shape)
        elif change.numel() == base.numel():
            change = change.view(len(base), 3, *self.size).movedim(1, -1)
        else:
            change = change.view(len(base), *self.size, 1)
        return torch.add(base, change, out=out)


@overload
def amm(clip: torch.Tensor, *, alpha: float, **options: object) -> torch.Tensor: ...
@overload
def amm(clip: torch.Tensor, *, alpha: Sequence[float], **options: object) -> list[torch.Tensor]: ...
@torch.no_grad()  # type: ignore[misc] # the overloads abbreviate the options
def amm(
    clip: torch.Tensor,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    alpha: float | Sequence[float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary | None = None,
    anchored: bool = True,
    levels: int = 6,
    lambda_c_px: float = 16.0,
    level_gains: Sequence[float] | None = None,
    chroma_gain: float = 0.0,
    mask: torch.Tensor | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> torch.Tensor | list[torch.Tensor]:
    """Magnify small motions by amplifying brightness changes.

    Parameters
    ----------
    clip : Tensor, float32 or float64, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames in 0..1, on any device.
    fps, passband_hz, temporal_filter, order, reference_frame, boundary, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`.
    alpha : float or sequence of float
        Amplification, 0 or more: motions become ``1 + alpha`` times as large. A sequence gives a
        list of results from one analysis.
    levels : int
        Band-pass levels of the Laplacian pyramid; at most as many as fit the frames.
    lambda_c_px : float
        Shortest wavelength that gets all of alpha, px; 0 gives all wavelengths all of it. See
        :func:`microexpr.magnify.laplacian.level_weights` (Wu et al. 2012, eq. 14).
    level_gains : sequence of float, optional
        Share of alpha for each level, finest first, then for the low-pass residual: levels + 1
        values that replace those of `lambda_c_px`. ``[0] * levels + [1]`` magnifies the colour or
        brightness of a Gaussian pyramid's level.
    chroma_gain : float
        Share of alpha for the chroma (I and Q of YIQ); 0 passes chroma through.
    mask : Tensor, shape (H, W), optional
        Factor on what is added, for instance 1 in a region of interest and 0 elsewhere.
    device, dtype : optional
        Where and in which precision (float32 or float64) it is computed; those of the clip by
        default. The result has the clip's own all the same.
    progress : callable, optional
        Called with the share of the work done, 0..1.

    Returns
    -------
    Tensor, or list of Tensor
        Shape, dtype and device of `clip`. Not clamped: values may leave 0..1.

    Raises
    ------
    ConfigError, DataError
        Impossible options and unusable clips, with the numbers.

    Warns
    -----
    MicroexprWarning
        Where the magnified motion is beyond an eighth of the wavelength that the frames' detail or
        `lambda_c_px` has.
    """
    source, clip = clip, moved(clip, device, dtype)
    alphas = check_alphas(alpha)
    matrix = filter_matrix(
        clip.shape[0],
        fps=fps,
        passband_hz=tuple(passband_hz),
        temporal_filter=temporal_filter,
        order=order,
        reference_frame=reference_frame,
        boundary=boundary,
        anchored=anchored,
    )
    magnifier = AmplitudeMagnifier(
        *clip.shape[1:3],
        levels=levels,
        lambda_c_px=lambda_c_px,
        level_gains=level_gains,
        chroma_gain=chroma_gain,
        mask=mask,
    )
    warn_outside_bounds(
        luma(clip),
        matrix,
        alpha=max(alphas),
        reference_frame=reference_frame,
        bound=0.125,
        wavelength_px=lambda_c_px,
    )
    operator = ClipFilter(matrix, clip)
    gains = [[factor * weight for weight in magnifier.weights(factor)] for factor in alphas]
    maps = operator.maps(magnifier.planes(clip))
    results = magnifier.magnified(clip, maps, operator, gains, progress)
    results = [result.to(source) for result in results]
    return results if isinstance(alpha, Sequence) else results[0]


@torch.no_grad()
def filter_only(
    clip: torch.Tensor,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary | None = None,
    anchored: bool = True,
    levels: int = 6,
    lambda_c_px: float = 16.0,
    level_gains: Sequence[float] | None = None,
    chroma_gain: float = 0.0,
    alpha: float = 10.0,
) -> torch.Tensor:
    """Filter as :func:`amm` does, without its gain: the control method.

    Every frame is the reference frame plus the deviation that `amm` would add, divided by alpha:
    ``out[t] = x[reference_frame] + S(M x)[t]``. Whatever recognition gains over the untouched clip
    is due to the temporal and spatial filtering (less noise), not to magnification. Chroma is that
    of the reference frame, plus `chroma_gain` times its filtered deviation.

    Parameters
    ----------
    alpha : float
        The alpha whose spatial weights are used: the levels that `lambda_c_px` attenuates depend on
        it. It has no effect where `lambda_c_px` is 0 or `level_gains` is given.

    Others, the result and errors are those of :func:`amm`.
    """
    check_clip(clip)
    (factor,) = check_alphas(alpha)
    matrix = filter_matrix(
        clip.shape[0],
        fps=fps,
        passband_hz=tuple(passband_hz),
        temporal_filter=temporal_filter,
        order=order,
        reference_frame=reference_frame,
        boundary=boundary,
        anchored=anchored,
    )
    magnifier = AmplitudeMagnifier(
        *clip.shape[1:3],
        levels=levels,
        lambda_c_px=lambda_c_px,
        level_gains=level_gains,
        chroma_gain=chroma_gain,
    )
    still = clip[reference_frame].expand_as(clip)
    operator = ClipFilter(matrix, clip)
    maps = operator.maps(magnifier.planes(clip))
    (result,) = magnifier.magnified(still, maps, operator, [magnifier.weights(factor)])
    return result
